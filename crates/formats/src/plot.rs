//! A timeline as a picture: a row for each sort of traffic, a column for a part of the period.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::tz::Offset;
use office::Place;
use scenario::{Act, Fault, FaultSpan, Scenario};
use serde_json::{Value, json};
use words::figures::thousands;
use words::style::{HEADING, clean, styled};

/// Names of the rows; the faults come below.
const ROWS: [&str; 5] = [
    "documents, South",
    "documents, North",
    "meetings closed",
    "consultations",
    "calls",
];
const FAULTS_ROW: &str = "faults";
const NAME_WIDTH: usize = 18;
const COLUMNS_MAX: u64 = 70;
const DAY_S: u64 = 86_400;
/// From nothing to the most of any column.
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const COLOURS: [&str; 5] = ["#2a6f97", "#c1582d", "#3a7d44", "#7a5195", "#8a8a8a"];

/// What is drawn, by row.
#[derive(Debug)]
pub struct Plot {
    title: String,
    name: String,
    seed: u64,
    /// How far the scenario's clocks are from UTC.
    offset: Offset,
    start: Timestamp,
    end: Timestamp,
    rows: Vec<Vec<Timestamp>>,
    faults: Vec<FaultSpan>,
}

impl Plot {
    /// The timeline that `seed` draws.
    pub fn of(scenario: &Scenario, seed: u64) -> Self {
        let timeline = scenario.timeline(seed);
        let mut rows = vec![Vec::new(); ROWS.len()];
        for event in timeline
            .events
            .iter()
            .filter(|event| event.refused.is_none())
        {
            if let Some(row) = row_of(&event.act, event.office) {
                rows[row].push(event.at);
            }
        }
        let (mut start, mut end) = (timeline.start, timeline.end);
        // Of a period of one day only the hours that have something in them.
        if scenario.calendar().days() == 1
            && let (Some(first), Some(last)) = (timeline.events.first(), timeline.events.last())
        {
            (start, end) = (first.at, last.at + std::time::Duration::from_secs(1));
        }
        Self {
            title: scenario.title.clone(),
            name: scenario.name.clone(),
            seed,
            offset: scenario.calendar().utc_offset(),
            start,
            end,
            rows,
            faults: timeline.faults,
        }
    }

    fn seconds(&self) -> u64 {
        (self.end.as_second() - self.start.as_second())
            .unsigned_abs()
            .max(1)
    }

    /// Whole days a column, where days are enough; else an even part of the period.
    fn column_s(&self) -> u64 {
        let seconds = self.seconds();
        if seconds >= 20 * DAY_S {
            return seconds.div_ceil(COLUMNS_MAX).div_ceil(DAY_S) * DAY_S;
        }
        seconds.div_ceil(COLUMNS_MAX)
    }

    fn columns(&self) -> usize {
        self.seconds().div_ceil(self.column_s()) as usize
    }

    fn column_of(&self, at: Timestamp) -> usize {
        let after = (at.as_second() - self.start.as_second())
            .max(0)
            .unsigned_abs();
        ((after / self.column_s()) as usize).min(self.columns() - 1)
    }

    fn counts(&self, row: &[Timestamp]) -> Vec<u64> {
        let mut counts = vec![0; self.columns()];
        for at in row {
            counts[self.column_of(*at)] += 1;
        }
        counts
    }

    fn times(&self) -> [String; 2] {
        let format = if self.seconds() >= 2 * DAY_S {
            "%-d %b %Y"
        } else {
            "%-d %b %H:%M"
        };
        let last = self.end - std::time::Duration::from_secs(1);
        [self.start, last].map(|at| self.offset.to_datetime(at).strftime(format).to_string())
    }

    /// In letters, within 100 columns.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", styled(HEADING, &self.title));
        let column = match self.column_s() {
            days if days % DAY_S == 0 && days == DAY_S => "a day".to_owned(),
            days if days % DAY_S == 0 => format!("{} days", days / DAY_S),
            seconds if seconds >= 3_600 => format!("{:.1} h", seconds as f64 / 3_600.0),
            seconds => format!("{seconds} s"),
        };
        let _ = writeln!(text, "seed {}; a column is {column}\n", self.seed);
        for (name, row) in ROWS.iter().zip(&self.rows) {
            let counts = self.counts(row);
            let most = counts.iter().copied().max().unwrap_or(0).max(1);
            let bar: String = counts
                .iter()
                .map(|count| LEVELS[(count * 8).div_ceil(most) as usize])
                .collect();
            let total = thousands(row.len() as u64);
            let _ = writeln!(text, "{name:<NAME_WIDTH$}{bar} {total}");
        }
        if !self.faults.is_empty() {
            let mut bar = vec![' '; self.columns()];
            let mut legend = Vec::new();
            for span in &self.faults {
                let (mark, what) = mark_of(span.fault);
                let last = span.until - std::time::Duration::from_secs(1);
                bar[self.column_of(span.from)..=self.column_of(last)].fill(mark);
                let said = format!("{mark} {what}");
                if !legend.contains(&said) {
                    legend.push(said);
                }
            }
            let bar: String = bar.into_iter().collect();
            let _ = writeln!(
                text,
                "{FAULTS_ROW:<NAME_WIDTH$}{bar} {}\n\n{}",
                self.faults.len(),
                legend.join(", ")
            );
        }
        let [first, last] = self.times();
        let gap = self.columns().saturating_sub(first.chars().count());
        let _ = writeln!(text, "\n{:<NAME_WIDTH$}{first}{last:>gap$}", "");
        text
    }

    /// As JSON.
    pub fn to_json(&self) -> Value {
        let row = |(name, row): (&&str, &Vec<Timestamp>)| json!({"row": name, "count": row.len(), "times": row});
        json!({
            "name": self.name,
            "seed": self.seed,
            "rows": ROWS.iter().zip(&self.rows).map(row).collect::<Vec<_>>(),
        })
    }

    /// A picture in SVG that needs nothing from elsewhere, and reads on paper and on dark ground.
    pub fn to_svg(&self) -> String {
        const LEFT: f64 = 140.0;
        const WIDTH: f64 = 760.0;
        const ROW: f64 = 44.0;
        const TOP: f64 = 48.0;
        let height = TOP + ROW * (ROWS.len() + 1) as f64 + 28.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" font-family=\"sans-serif\" \
             font-size=\"12\" role=\"img\">\n<style>text {{ fill: #222 }} @media (prefers-color-scheme: dark) {{ text \
             {{ fill: #ddd }} }}</style>\n<title>{}</title>\n<text x=\"8\" y=\"22\" font-size=\"15\" \
             font-weight=\"bold\">{}</text>\n",
            LEFT + WIDTH + 60.0,
            escaped(&self.title),
            escaped(&self.title)
        );
        let width = WIDTH / self.columns() as f64;
        for (index, (name, row)) in ROWS.iter().zip(&self.rows).enumerate() {
            let base = TOP + ROW * (index + 1) as f64 - 6.0;
            let counts = self.counts(row);
            let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
            let _ = writeln!(
                svg,
                "<text x=\"8\" y=\"{base}\">{name}</text><text x=\"{}\" y=\"{base}\">{}</text>",
                LEFT + WIDTH + 8.0,
                row.len()
            );
            for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let tall = *count as f64 / most * (ROW - 12.0);
                let _ = writeln!(
                    svg,
                    "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{tall:.2}\" fill=\"{}\"><title>{count}\
                     </title></rect>",
                    LEFT + column as f64 * width,
                    base - tall,
                    (width - 1.0).max(0.5),
                    COLOURS[index]
                );
            }
        }
        let base = TOP + ROW * (ROWS.len() + 1) as f64 - 6.0;
        for span in &self.faults {
            let x = |at: Timestamp| {
                let after = (at.as_second() - self.start.as_second()) as f64;
                LEFT + after / self.seconds() as f64 * WIDTH
            };
            let (from, until) = (x(span.from), x(span.until));
            let what = match span.fault {
                Fault::LineCut => "the line is cut".to_owned(),
                Fault::OfficeDown(place) => format!("the {place} office is down"),
                Fault::LineDelay(delay) => format!("the line takes {delay:?} longer"),
                Fault::CallsUnanswered => "calls are not answered".to_owned(),
                Fault::StaffWithdrawn(place) => format!("the {place} office has no staff"),
            };
            let _ = writeln!(
                svg,
                "<rect x=\"{from:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"12\" fill=\"#b3261e\"><title>{what}</title></rect>",
                base - 12.0,
                (until - from).max(1.0)
            );
        }
        if !self.faults.is_empty() {
            let _ = writeln!(svg, "<text x=\"8\" y=\"{base}\">{FAULTS_ROW}</text>");
        }
        let [first, last] = self.times();
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{0}\">{first}</text><text x=\"{1}\" y=\"{0}\" text-anchor=\"end\">{last}</text>\n</svg>",
            base + 22.0,
            LEFT + WIDTH
        );
        svg
    }
}

/// The row of a plot that an act stands in: what counts, and calls. `None` for steps in between.
fn row_of(act: &Act, office: Place) -> Option<usize> {
    match act {
        Act::SendDocument { .. } => Some(office as usize),
        Act::CloseMeeting { .. } => Some(2),
        Act::ConfirmContact { .. } => Some(3),
        Act::RecordCall { .. } => Some(4),
        _ => None,
    }
}

fn escaped(text: &str) -> String {
    clean(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// How a fault is drawn in a row of letters, and what that says.
const fn mark_of(fault: Fault) -> (char, &'static str) {
    match fault {
        Fault::LineCut => ('x', "the line is cut"),
        Fault::OfficeDown(_) => ('o', "an office is down"),
        Fault::LineDelay(_) => ('~', "the line is slow"),
        Fault::CallsUnanswered => ('?', "no call is answered"),
        Fault::StaffWithdrawn(_) => ('-', "a staff is away"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Scenario {
        let text = scenario::shipped_text(name).expect("it is shipped");
        Scenario::parse(name, text).expect("it is right")
    }

    #[test]
    fn every_shipped_scenario_is_plotted_within_a_hundred_columns() {
        for (name, _) in scenario::shipped() {
            let plot = Plot::of(&find(name), 1);
            let text = anstream::adapter::strip_str(&plot.to_text()).to_string();
            assert!(
                text.lines().all(|line| line.chars().count() <= 100),
                "{text}"
            );
            let svg = plot.to_svg();
            assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        }
    }

    #[test]
    fn a_row_says_how_many_there_are() {
        let plot = Plot::of(&find("kaesong-2018"), 1);
        assert_eq!(plot.rows[0].len() + plot.rows[1].len(), 173);
        assert_eq!(plot.rows[2].len(), 46);
        assert_eq!(plot.rows[3].len(), 285 - 46);
        for row in &plot.rows {
            assert_eq!(plot.counts(row).iter().sum::<u64>(), row.len() as u64);
        }
    }
}
