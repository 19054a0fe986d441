use std::sync::mpsc;

use report::heat_bucket;

use super::*;

#[test]
fn a_key_is_what_was_pressed_and_not_what_was_let_go() {
    let letter = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::NONE);
    assert_eq!(meant(letter), Some(Key::Letter('c')));
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(meant(control), Some(Key::Control('c')));
    let escape = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
    assert_eq!(meant(escape), Some(Key::Other));
    let let_go = KeyEvent {
        kind: KeyEventKind::Release,
        ..letter
    };
    assert_eq!(meant(let_go), None);
}

/// A second of a run that is swelling, and what it has come to.
fn made_up(second: u32) -> (Interval, Report) {
    let swell = f64::from(second % 60) / 60.0;
    let mut interval = Interval {
        at_s: f64::from(second),
        seconds: 1.0,
        offered: 2_000,
        finished: 1_998,
        calls: 1_998,
        ..Interval::default()
    };
    for call in 0..interval.calls {
        let us = 900.0 * (1.0 + swell) * (1.0 + call as f64 / 4_000.0);
        *interval.heat.entry(heat_bucket(us as u64)).or_default() += 1;
    }
    interval.response.p50_us = (1_100.0 * (1.0 + swell)) as u64;
    interval.response.p99_us = (1_340.0 * (1.0 + swell)) as u64;
    interval.response.max_us = interval.response.p99_us + 10;
    let so_far = Report {
        offered_rate: 2_000.0,
        achieved_rate: 1_998.0,
        calls: interval.calls * u64::from(second + 1),
        ..Report::default()
    };
    (interval, so_far)
}

/// Run it in a terminal: `cargo test -p liaison --bin liaison live_demo -- --ignored --nocapture`. `DEMO_FAST` is how many
/// seconds pass at once, `DEMO_PANIC` after how many it comes to grief.
#[test]
#[ignore = "takes the terminal: to be looked at"]
fn live_demo() {
    let (sender, pressed) = mpsc::channel();
    let live = Live::begin(Heading::default(), move |what| {
        let _ = sender.send(what);
    })
    .expect("a terminal");
    let setting = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let fast = setting("DEMO_FAST").unwrap_or(40);
    let panic_after = setting("DEMO_PANIC");
    let mut paused = false;
    for second in 0_u32.. {
        let (mut interval, so_far) = made_up(second);
        if paused {
            interval = Interval {
                at_s: interval.at_s,
                seconds: 1.0,
                ..Interval::default()
            };
        }
        live.show(&interval, &so_far, Some(120.0), paused);
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
