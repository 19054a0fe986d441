use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::{Buffer, Cell};
use ratatui_core::style::Color;
use ratatui_core::terminal::Terminal;

use super::sample::{Run, heading};
use super::*;
use report::{Interval, Report};

fn view_after(seconds: u32) -> View {
    let mut view = View::new(heading(), Palette::Plain);
    let mut run = Run::begin();
    for _ in 0..seconds {
        let interval = run.second();
        view.show(&interval, &run.so_far, Some(60.0), false);
    }
    view
}

fn drawn(view: &View, width: u16, height: u16) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal
        .draw(|frame| draw::draw(view, frame.buffer_mut()))
        .unwrap();
    terminal.backend().buffer().clone()
}

fn lines(view: &View, width: u16, height: u16) -> Vec<String> {
    let buffer = drawn(view, width, height);
    let rows = buffer.content().chunks(usize::from(width));
    rows.map(|row| row.iter().map(Cell::symbol).collect())
        .collect()
}

fn text(view: &View, width: u16, height: u16) -> String {
    lines(view, width, height).join("\n")
}

/// Whether some line holds all of these, in this order.
fn says(lines: &[String], parts: &[&str]) -> bool {
    lines.iter().any(|line| {
        let mut rest = line.as_str();
        parts.iter().all(|part| {
            let found = rest.split_once(part);
            rest = found.map_or("", |(_, after)| after);
            found.is_some()
        })
    })
}

#[test]
fn a_screen_says_all_there_is() {
    let view = view_after(40);
    let lines = lines(&view, 100, 30);
    for parts in [
        &["documents and meetings → 127.0.0.1:50051", "● running"] as &[&str],
        &["constant, 2,000/s · 3 in flight", "0:35 of 1:00 ━", "─"],
        &["response", "p50", "p90", "p99", "p99.9", "max"],
        &["max", "offered", "achieved", "errors", "lag p99"],
        &["this second", "687 µs", "2.58 ms", "│"],
        &["│", "2,000/s", "1,998/s", "0", "89 µs"],
        &[
            "so far", "1.07 ms", "742 ms", "2,000/s", "37 0.05%", "1.49 ms",
        ],
        &["2,000/s", "██"],
        &["share of each second's calls", "░ <1 %", "█ more"],
        &["1.02 ms", "▓", "█"],
        &["−80 s ┘", "−20 s ┘", "now ┘"],
        &[
            "UNAVAILABLE",
            "33",
            "document.send",
            "the peer cannot be reached",
        ],
        &["space pause", "q stop", "? help"],
    ] {
        assert!(says(&lines, parts), "{parts:?} in\n{}", lines.join("\n"));
    }
}

#[test]
fn less_room_leaves_what_matters_most() {
    let view = view_after(40);
    for (width, height) in [(80, 24), (60, 15)] {
        let lines = lines(&view, width, height);
        for parts in [
            &["documents and meetings", "● running"] as &[&str],
            &["3 in flight", "0:35 of 1:00 ━"],
            &[
                "rate 1,998/s of 2,000/s",
                "errors 37 0.05%",
                "lag p99 89 µs",
            ],
            &[
                "this second",
                "687 µs",
                "947 µs",
                "2.58 ms",
                "5.17 ms",
                "5.23 ms",
            ],
            &["so far", "742 ms"],
            &["p99", "▂", "█"],
            &["256 µs", "█"],
            &["now ┘"],
            &["UNAVAILABLE", "33", "document.send"],
            &["q stop"],
        ] {
            assert!(says(&lines, parts), "{parts:?} in\n{}", lines.join("\n"));
        }
    }
}

#[test]
fn every_size_is_drawn() {
    let palettes = [
        Palette::Plain,
        Palette::Basic,
        Palette::Indexed,
        Palette::True,
    ];
    let sizes = [
        (1, 1),
        (1, 40),
        (200, 1),
        (2, 3),
        (9, 9),
        (31, 12),
        (300, 90),
    ];
    for mut view in [view_after(0), view_after(2), view_after(40)] {
        for palette in palettes {
            view.palette = palette;
            for help in [false, true] {
                view.help = help;
                for (width, height) in sizes {
                    drawn(&view, width, height);
                }
            }
        }
    }
}

#[test]
fn odd_figures_are_drawn() {
    let mut view = View::new(Heading::default(), Palette::True);
    let mut interval = Interval {
        at_s: f64::NAN,
        offered: u64::MAX,
        finished: u64::MAX,
        calls: u64::MAX,
        errors: u64::MAX,
        in_flight: u64::MAX,
        ..Interval::default()
    };
    interval.response.p99_us = u64::MAX;
    interval.heat.insert(u16::MAX, u64::MAX);
    interval.heat.insert(0, u64::MAX);
    for (seconds, length_s) in [(0.0, Some(0.0)), (f64::INFINITY, Some(-1.0)), (1e-9, None)] {
        interval.seconds = seconds;
        view.show(&interval, &Report::default(), length_s, false);
        text(&view, 100, 30);
    }
}

#[test]
fn a_state_is_seen_without_colours() {
    let mut view = view_after(3);
    assert!(text(&view, 80, 24).contains("○ warming up"));
    assert!(text(&view, 80, 24).contains("warm-up 0:03 of 0:05"));
    let pause = view.press(Key::Letter(' '));
    assert_eq!(pause, Some(Pressed::PauseOrResume));
    assert!(text(&view, 80, 24).contains("‖ PAUSED"));
    assert!(text(&view, 80, 24).contains("space resume"));
    assert_eq!(view.press(Key::Letter('q')), Some(Pressed::Stop));
    assert!(text(&view, 80, 24).contains("■ stopping"));
    assert!(text(&view, 80, 24).contains("q stop at once"));
}

#[test]
fn keys_mean_what_the_footer_says() {
    let mut view = view_after(1);
    let interrupt = Key::Control('c');
    for _ in 0..2 {
        assert_eq!(view.press(interrupt), Some(Pressed::Stop));
    }
    assert_eq!(view.press(Key::Letter('c')), None);
    for pressed in ['?', 'h'] {
        assert_eq!(view.press(Key::Letter(pressed)), None);
        assert!(text(&view, 80, 24).contains("any key closes this"));
        assert_eq!(view.press(Key::Other), None);
        assert!(!text(&view, 80, 24).contains("any key closes this"));
    }
}

#[test]
fn errors_and_lag_stand_out() {
    let mut view = view_after(0);
    view.palette = Palette::Basic;
    let mut run = Run::begin();
    // The target stalls in the 26th second.
    for _ in 0..26 {
        let interval = run.second();
        view.show(&interval, &run.so_far, None, false);
    }
    let screen = lines(&view, 100, 30);
    let whole = screen.join("\n");
    assert!(
        says(&screen, &["this second", "37 3.36%", "3.94 ms"]),
        "{whole}"
    );
    assert!(
        says(&screen, &["UNAVAILABLE", "33", "+33", "document.send"]),
        "{whole}"
    );
    let buffer = drawn(&view, 100, 30);
    let colour_of = |part: &str| {
        let mut rows = (0..).zip(&screen);
        let (row, line) = rows.find(|(_, line)| line.contains(part)).unwrap();
        let column = line.split(part).next().unwrap().chars().count();
        buffer.cell((column as u16, row)).unwrap().fg
    };
    let (red, yellow) = (Color::Indexed(1), Color::Indexed(3));
    assert_eq!(colour_of("37 3.36%"), red);
    assert_eq!(colour_of("3.94 ms"), yellow);
    assert_eq!(colour_of("UNAVAILABLE"), red);
}

#[test]
fn messages_of_a_stream_that_goes_on_have_their_figures() {
    let mut view = view_after(0);
    let mut run = Run::begin();
    // Its warm-up is not measured.
    (0..8).for_each(|_| drop(run.second()));
    let interval = Interval {
        calls: 0,
        ..run.second()
    };
    let so_far = Report {
        calls: 0,
        ..run.so_far
    };
    view.show(&interval, &so_far, None, false);
    let lines = lines(&view, 100, 30);
    let p50 = figures::latency(interval.response.p50_us);
    assert!(says(&lines, &["this second", &p50]), "{lines:?}");
    assert!(!says(&lines, &["so far", figures::NONE, figures::NONE]));
}

#[test]
fn a_long_run_takes_no_more_memory() {
    let mut view = view_after(0);
    let (interval, so_far) = (Interval::default(), Report::default());
    for _ in 0..history::SECONDS_MAX + 10 {
        view.show(&interval, &so_far, None, false);
    }
    assert_eq!(view.history.seconds.len(), history::SECONDS_MAX);
}

#[test]
fn what_came_from_elsewhere_cannot_move_the_cursor() {
    let mut view = view_after(0);
    view.heading.plan = "a\u{1b}[2Jb\nc".to_owned();
    assert!(text(&view, 80, 24).contains("a‹U+001B›[2Jb‹U+000A›c"));
}
