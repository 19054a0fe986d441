use std::sync::mpsc;

use ratatui_core::backend::TestBackend;
use ratatui_core::buffer::Buffer;
use ratatui_core::terminal::Terminal;

use super::sample::{Run, heading};
use super::*;

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
    rows.map(|row| row.iter().map(ratatui_core::buffer::Cell::symbol).collect())
        .collect()
}

fn text(view: &View, width: u16, height: u16) -> String {
    lines(view, width, height).join("\n")
}

fn key(code: KeyCode) -> KeyEvent {
    KeyEvent::new(code, KeyModifiers::NONE)
}

#[test]
fn print_it() {
    for (w, h) in [(100, 30), (80, 24), (60, 15)] {
        for n in [0, 3, 40] {
            println!("{}\n=====", text(&view_after(n), w, h));
        }
    }
}

#[test]
#[ignore = "takes the terminal: to be looked at"]
fn live_demo() {
    let (sender, pressed) = mpsc::channel();
    let live = Live::begin(heading(), move |what| {
        let _ = sender.send(what);
    })
    .expect("a terminal");
    let setting = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let fast = setting("DEMO_FAST").unwrap_or(40);
    let panic_after: Option<u32> = setting("DEMO_PANIC");
    let mut run = Run::begin();
    let mut paused = false;
    for second in 0_u32.. {
        let mut interval = run.second();
        if paused {
            interval = Interval {
                at_s: interval.at_s,
                seconds: 1.0,
                ..Interval::default()
            };
        }
        live.show(&interval, &run.so_far, Some(120.0), paused);
        assert_ne!(Some(second), panic_after, "the run came to grief");
        let wait = if second < fast { 1 } else { 1000 };
        match pressed.recv_timeout(Duration::from_millis(wait)) {
            Ok(Pressed::PauseOrResume) => paused = !paused,
            Ok(Pressed::Stop) => {
                let _ = pressed.recv_timeout(Duration::from_secs(3));
                break;
            }
            Err(_) => {}
        }
    }
}
