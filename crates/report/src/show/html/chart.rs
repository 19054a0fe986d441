//! The frame of a chart. It is as wide as there is room; its letters and lines keep their size.
//!
//! What is stretched with the width (lines, areas, cells) is drawn into an inner drawing 1,000 wide; what must not be
//! (letters, dots) is placed outside it, by shares of the width. Heights are pixels everywhere.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, Render as _, html};

use super::pieces::{Foreign, px, share};
use super::scale::{Scale, Tick};

/// How wide the inner drawing is.
const WIDTH: f64 = 1_000.0;

/// A chart while it is drawn.
#[derive(Debug)]
pub(super) struct Chart {
    id: &'static str,
    title: String,
    desc: String,
    height: f64,
    x: Scale,
    y: Scale,
    x_ticks: Vec<Tick>,
    y_ticks: Vec<Tick>,
    x_name: String,
    under: String,
    inner: String,
    over: String,
    ends: Vec<(f64, String, &'static str)>,
}

impl Chart {
    /// An empty chart. `desc` says in words what is seen.
    pub(super) fn new(
        id: &'static str,
        title: &str,
        desc: &str,
        height: f64,
        x: (Scale, Vec<Tick>),
        y: (Scale, Vec<Tick>),
    ) -> Self {
        Self {
            id,
            title: title.to_owned(),
            desc: desc.to_owned(),
            height,
            x: x.0,
            y: y.0,
            x_ticks: x.1,
            y_ticks: y.1,
            x_name: String::new(),
            under: String::new(),
            inner: String::new(),
            over: String::new(),
            ends: Vec::new(),
        }
    }

    /// What the x axis shows.
    pub(super) fn x_name(&mut self, name: &str) {
        name.clone_into(&mut self.x_name);
    }

    /// Where a figure is, in pixels from the top.
    pub(super) fn y_px(&self, y: f64) -> f64 {
        self.height * (1.0 - self.y.part(y))
    }

    fn x_inner(&self, x: f64) -> f64 {
        WIDTH * self.x.part(x)
    }

    /// A line through points; where there is none, it is broken.
    pub(super) fn line(&mut self, class: &str, points: &[Option<(f64, f64)>]) {
        let path = self.path(points);
        self.draw(class, &path);
    }

    /// Steps: each figure holds from and to on x; where there is none, the line is broken.
    pub(super) fn steps(&mut self, class: &str, steps: &[Option<[f64; 3]>]) {
        let path = self.stairs(steps);
        self.draw(class, &path);
    }

    /// The same over cells: with a border in the colour of the ground.
    pub(super) fn steps_with_halo(&mut self, class: &str, steps: &[Option<[f64; 3]>]) {
        let path = self.stairs(steps);
        self.draw("line halo", &path);
        self.draw(class, &path);
    }

    fn draw(&mut self, class: &str, path: &str) {
        html! { path class=(class) d=(path) {} }.render_to(&mut self.inner);
    }

    fn stairs(&self, steps: &[Option<[f64; 3]>]) -> String {
        let mut path = String::new();
        let mut pen_down = false;
        for step in steps {
            let Some([from, to, y]) = step else {
                pen_down = false;
                continue;
            };
            let y = px(self.y_px(*y));
            if pen_down {
                let _ = write!(path, "V{y}");
            } else {
                let _ = write!(path, "M{} {y}", px(self.x_inner(*from)));
            }
            let _ = write!(path, "H{}", px(self.x_inner(*to)));
            pen_down = true;
        }
        path
    }

    fn path(&self, points: &[Option<(f64, f64)>]) -> String {
        let mut path = String::new();
        let mut pen_down = false;
        for (index, point) in points.iter().enumerate() {
            let Some((x, y)) = point else {
                pen_down = false;
                continue;
            };
            let (x, y) = (px(self.x_inner(*x)), px(self.y_px(*y)));
            let _ = write!(path, "{}{x} {y}", if pen_down { 'L' } else { 'M' });
            // A point alone is drawn as a dot: its line has round ends.
            if !pen_down && points.get(index + 1).is_none_or(Option::is_none) {
                path.push_str("h.01");
            }
            pen_down = true;
        }
        path
    }

    /// The area between two lines with the same places on x.
    pub(super) fn between(&mut self, class: &str, upper: &[(f64, f64)], lower: &[(f64, f64)]) {
        let all = upper.iter().chain(lower.iter().rev());
        let mut path = String::new();
        for (index, (x, y)) in all.enumerate() {
            let (x, y) = (px(self.x_inner(*x)), px(self.y_px(*y)));
            let _ = write!(path, "{}{x} {y}", if index == 0 { 'M' } else { 'L' });
        }
        path.push('z');
        self.draw(class, &path);
    }

    /// Cells of one class: each from and to on x, from and to on y.
    pub(super) fn cells(&mut self, class: &str, cells: &[[f64; 4]]) {
        let mut path = String::new();
        for [x_from, x_to, y_from, y_to] in cells {
            // Rounded first, so that neighbours meet: a seam between them would look like a line.
            let tenth = |at: f64| (at * 10.0).round() / 10.0;
            let (left, right) = (tenth(self.x_inner(*x_from)), tenth(self.x_inner(*x_to)));
            let (top, bottom) = (tenth(self.y_px(*y_to)), tenth(self.y_px(*y_from)));
            let _ = write!(
                path,
                "M{} {}h{}v{}h-{}z",
                px(left),
                px(top),
                px(right - left),
                px(bottom - top),
                px(right - left)
            );
        }
        self.draw(class, &path);
    }

    /// A band from and to on x, with a name at its top.
    pub(super) fn band(&mut self, class: &str, from: f64, to: f64, name: &str) {
        let (from, to) = (self.x.part(from), self.x.part(to));
        let middle = share(f64::midpoint(from, to));
        html! {
            rect class={ "band " (class) } x=(share(from)) y="0" width=(share(to - from)) height=(px(self.height)) {}
            text class="band-name" x=(middle) y="-5" text-anchor="middle" { (Foreign(name)) }
        }
        .render_to(&mut self.under);
    }

    /// A column that tells its figures when it is pointed at.
    pub(super) fn read_out(&mut self, from: f64, to: f64, words: &str) {
        let (from, to) = (self.x.part(from), self.x.part(to));
        html! {
            rect class="hit" x=(share(from)) width=(share(to - from)) height=(px(self.height)) {
                title { (Foreign(words)) }
            }
        }
        .render_to(&mut self.over);
    }

    /// A dot that tells its figures when it is pointed at.
    pub(super) fn dot(&mut self, class: &str, x: f64, y: f64, words: &str) {
        let (x, y) = (share(self.x.part(x)), px(self.y_px(y)));
        html! {
            circle class=(class) cx=(x) cy=(y) r="5" { title { (Foreign(words)) } }
        }
        .render_to(&mut self.over);
    }

    /// A bracket at `x` between two figures, with a word beside it.
    pub(super) fn bracket(&mut self, x: f64, one: f64, other: f64, words: &str) {
        let part = self.x.part(x);
        let at = share(part);
        let (top, bottom) = (self.y_px(one.max(other)), self.y_px(one.min(other)));
        let (dx, anchor) = if part > 0.7 {
            (-8, "end")
        } else {
            (8, "start")
        };
        let middle = px(f64::midpoint(top, bottom) + 5.0);
        html! {
            line class="bracket" x1=(at) x2=(at) y1=(px(top + 4.0)) y2=(px(bottom - 4.0)) {}
            text class="bracket-name" x=(at) dx=(dx) y=(middle) text-anchor=(anchor) { (Foreign(words)) }
        }
        .render_to(&mut self.over);
    }

    /// A line across at `x`, with a word at its top.
    pub(super) fn across(&mut self, class: &str, x: f64, words: &str) {
        let part = self.x.part(x);
        let at = share(part);
        let anchor = if part > 0.8 {
            "end"
        } else if part < 0.2 {
            "start"
        } else {
            "middle"
        };
        html! {
            line class=(class) x1=(at) x2=(at) y1="0" y2=(px(self.height)) {}
            text class="across-name" x=(at) y="-6" text-anchor=(anchor) { (Foreign(words)) }
        }
        .render_to(&mut self.over);
    }

    /// A name to the right of the chart, at a figure.
    pub(super) fn end(&mut self, y: f64, name: &str, class: &'static str) {
        self.ends.push((self.y_px(y), name.to_owned(), class));
    }

    /// The chart.
    pub(super) fn render(self) -> Markup {
        let bottom = px(self.height);
        let below = if self.x_name.is_empty() { 24.0 } else { 44.0 };
        let class = if self.ends.is_empty() {
            "chart"
        } else {
            "chart named"
        };
        let (title, desc) = (format!("{}-t", self.id), format!("{}-d", self.id));
        html! {
            figure class=(class) {
                svg role="img" aria-labelledby={ (title) " " (desc) } width="100%" height=(px(self.height + below)) {
                    title id=(title) { (Foreign(&self.title)) }
                    desc id=(desc) { (Foreign(&self.desc)) }
                    (PreEscaped(&self.under))
                    g class="grid" aria-hidden="true" {
                        @for tick in &self.y_ticks {
                            @let y = px(self.y_px(tick.at));
                            line x1="0" x2="100%" y1=(y) y2=(y) {}
                        }
                    }
                    svg class="inner" width="100%" height=(bottom) viewBox={ "0 0 " (WIDTH) " " (bottom) }
                        preserveAspectRatio="none" { (PreEscaped(&self.inner)) }
                    (PreEscaped(&self.over))
                    g class="axis" aria-hidden="true" { (self.axes()) }
                }
            }
        }
    }

    fn axes(&self) -> Markup {
        let bottom = px(self.height);
        let (tick_end, label) = (px(self.height + 5.0), px(self.height + 19.0));
        html! {
            line x1="0" x2="100%" y1=(bottom) y2=(bottom) {}
            @for tick in &self.y_ticks {
                text x="-8" y=(px(self.y_px(tick.at) + 4.0)) text-anchor="end" { (Foreign(&tick.label)) }
            }
            @for tick in &self.x_ticks {
                @let at = share(self.x.part(tick.at));
                g class=[tick.minor.then_some("minor")] {
                    line x1=(at) x2=(at) y1=(bottom) y2=(tick_end) {}
                    text x=(at) y=(label) text-anchor="middle" { (Foreign(&tick.label)) }
                }
            }
            @if !self.x_name.is_empty() {
                text class="x-name" x="50%" y=(px(self.height + 38.0)) text-anchor="middle" { (Foreign(&self.x_name)) }
            }
            @for (y, name, class) in apart(self.ends.clone(), self.height) {
                text class={ "end " (class) } x="100%" dx="8" y=(px(y + 4.0)) { (Foreign(&name)) }
            }
        }
    }
}

/// Names that would lie on one another are moved apart.
fn apart(
    mut ends: Vec<(f64, String, &'static str)>,
    height: f64,
) -> Vec<(f64, String, &'static str)> {
    const LINE: f64 = 16.0;
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut floor = f64::NEG_INFINITY;
    for (y, _, _) in &mut ends {
        *y = y.max(floor + LINE);
        floor = *y;
    }
    let mut ceiling = height + LINE;
    for (y, _, _) in ends.iter_mut().rev() {
        *y = y.min(ceiling - LINE);
        ceiling = *y;
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let scale = Scale::linear(0.0, 10.0);
        Chart::new(
            "c",
            "a <title>",
            "what is seen",
            100.0,
            (scale, vec![]),
            (scale, vec![]),
        )
    }

    #[test]
    fn a_line_breaks_where_nothing_was_seen_and_a_point_alone_is_seen() {
        let mut chart = chart();
        let points = [Some((0.0, 0.0)), Some((5.0, 10.0)), None, Some((10.0, 5.0))];
        chart.line("line", &points);
        let page = chart.render().into_string();
        assert!(page.contains("M0 100L500 0M1000 50h.01"), "{page}");
        let steps = [
            Some([0.0, 5.0, 0.0]),
            Some([5.0, 6.0, 10.0]),
            None,
            Some([8.0, 10.0, 5.0]),
        ];
        let path = self::chart().stairs(&steps);
        assert_eq!(path, "M0 100H500V0H600M800 50H1000");
        assert!(page.contains("a &lt;title&gt;"), "{page}");
    }

    #[test]
    fn names_do_not_lie_on_one_another() {
        let names = |ys: [f64; 3]| {
            let ends = ys.iter().map(|y| (*y, String::new(), "")).collect();
            let places = apart(ends, 100.0).into_iter().map(|end| end.0);
            places.collect::<Vec<_>>()
        };
        assert_eq!(names([50.0, 50.0, 51.0]), [50.0, 66.0, 82.0]);
        assert_eq!(names([99.0, 100.0, 100.0]), [68.0, 84.0, 100.0]);
    }
}
