//! Due times are absolute, whatever is pressed meanwhile; nothing is reordered or lost.

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_millis(ms))
        .expect("it is a time")
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn due(pace: &Pace, t: Duration) -> Duration {
    match pace.next(t) {
        Next::Due(due) => due,
        other => panic!("it is due: {other:?}"),
    }
}

fn control() -> impl Strategy<Value = Control> {
    prop_oneof![
        Just(Control::Pause),
        Just(Control::Resume),
        Just(Control::PauseOrResume),
        Just(Control::Step),
        Just(Control::Faster),
        Just(Control::Slower),
        Just(Control::Speed(Speed::Max)),
        (0.1_f64..100.0).prop_map(|factor| Control::Speed(Speed::Times(factor))),
    ]
}

/// Plays steps of these recorded times while controls come at their times; gives each step's due time, in the order in
/// which they were let go, and when that was.
fn played(
    steps: &[(Duration, bool)],
    controls: &[(Duration, Control)],
) -> Vec<(Duration, Duration)> {
    let mut pace = Pace::new(Speed::Times(1.0));
    let (mut now, mut let_go) = (Duration::ZERO, Vec::new());
    let mut controls = controls.iter().peekable();
    for (t, begins) in steps {
        loop {
            let next = pace.next(*t);
            let coming = controls.peek().map(|(when, _)| *when);
            match (next, coming) {
                (Next::Due(due), when) if when.is_none_or(|when| due <= when || due <= now) => {
                    now = now.max(due);
                    pace.let_go(*t, due, *begins);
                    let_go.push((due, now));
                    break;
                }
                (Next::Stop, _) => return let_go,
                (_, Some(when)) => {
                    now = now.max(when);
                    let (_, control) = controls.next().expect("it was seen");
                    pace.take(*control, now);
                }
                // Nobody steers any more.
                _ => pace.take(Control::Resume, now),
            }
        }
    }
    let_go
}

proptest! {
    #[test]
    fn due_times_are_absolute_and_never_go_back(
        steps_ms in prop::collection::vec(0_i64..10_000_000, 1..100),
        factor in 0.5_f64..5_000.0,
    ) {
        let mut rhythm = Rhythm::new(at(0), None);
        let pace = Pace::new(Speed::Times(factor));
        let (mut last, mut latest_ms) = (Duration::ZERO, 0);
        for ms in steps_ms {
            latest_ms = ms.max(latest_ms);
            let due = due(&pace, rhythm.passed(at(ms)));
            prop_assert!(due >= last);
            let exact = latest_ms as f64 / 1_000.0 / factor;
            prop_assert!((due.as_secs_f64() - exact).abs() < 1e-6, "no drift, however many came before");
            last = due;
        }
    }

    #[test]
    fn no_gap_is_longer_than_the_longest(
        steps_ms in prop::collection::vec(0_i64..10_000_000, 1..100),
        gap_max_ms in 1_u64..100_000,
    ) {
        let mut times = steps_ms;
        times.sort_unstable();
        let gap_max = ms(gap_max_ms);
        let mut shortened = Rhythm::new(at(0), Some(gap_max));
        let mut plain = Rhythm::new(at(0), None);
        let (mut last, mut last_plain) = (Duration::ZERO, Duration::ZERO);
        for ms in times {
            let (t, t_plain) = (shortened.passed(at(ms)), plain.passed(at(ms)));
            prop_assert_eq!(t.abs_diff(last), t_plain.abs_diff(last_plain).min(gap_max));
            (last, last_plain) = (t, t_plain);
        }
    }

    #[test]
    fn whatever_is_pressed_every_step_is_let_go_once_in_order_and_not_before_it_is_due(
        mut steps in prop::collection::vec((0_u64..20_000, any::<bool>()), 1..60),
        mut pressed in prop::collection::vec((0_u64..30_000, control()), 0..20),
    ) {
        steps.sort_unstable();
        pressed.sort_by_key(|(when, _)| *when);
        let steps: Vec<_> = steps.into_iter().map(|(t, begins)| (ms(t), begins)).collect();
        let controls: Vec<_> = pressed.into_iter().map(|(when, control)| (ms(when), control)).collect();
        let let_go = played(&steps, &controls);
        prop_assert_eq!(let_go.len(), steps.len(), "none is lost");
        for pair in let_go.windows(2) {
            prop_assert!(pair[0].0 <= pair[1].0, "due times never go back: {:?}", pair);
        }
        for (due, when) in let_go {
            prop_assert!(when >= due, "none before it is due");
        }
    }

    #[test]
    fn a_pause_moves_what_follows_by_as_long_as_it_lasts(
        t_ms in prop::collection::vec(1_000_u64..50_000, 1..30), paused_at in 0_u64..1_000, lasts in 0_u64..100_000,
        factor in 0.1_f64..50.0,
    ) {
        let undisturbed = Pace::new(Speed::Times(factor));
        let mut pace = undisturbed.clone();
        let paused_at = Duration::from_secs_f64(paused_at as f64 / 1_000.0 / factor);
        pace.take(Control::Pause, paused_at);
        for t in &t_ms {
            prop_assert_eq!(pace.next(ms(*t)), Next::Wait);
        }
        pace.take(Control::Resume, paused_at + ms(lasts));
        for t in t_ms {
            let late = due(&pace, ms(t)).abs_diff(due(&undisturbed, ms(t)) + ms(lasts));
            prop_assert!(late < Duration::from_micros(1), "off by {late:?}");
        }
    }
}

#[test]
fn a_change_of_speed_counts_from_now_on() {
    let mut pace = Pace::new(Speed::Times(10.0));
    // 40 s of recorded time have passed.
    pace.take(Control::Faster, ms(4_000));
    assert_eq!(due(&pace, ms(60_000)), ms(5_000));
    pace.take(Control::Slower, ms(4_500));
    assert_eq!(pace.speed(), Speed::Times(10.0));
    assert_eq!(due(&pace, ms(60_000)), ms(5_500));
    pace.take(Control::Speed(Speed::Max), ms(5_000));
    assert_eq!(due(&pace, ms(900_000)), ms(5_000));
    pace.let_go(ms(900_000), ms(5_000), true);
    // From full speed back: recorded time has come as far as what was let go.
    pace.take(Control::Speed(Speed::Times(1.0)), ms(6_000));
    assert_eq!(due(&pace, ms(901_000)), ms(7_000));
}

#[test]
fn what_was_late_before_a_pause_is_as_late_behind_it() {
    let mut pace = Pace::new(Speed::Times(1.0));
    // The step of 2 s should have been sent three seconds ago; then there is a pause of ten.
    pace.take(Control::Pause, ms(5_000));
    pace.take(Control::Resume, ms(15_000));
    assert_eq!(due(&pace, ms(2_000)), ms(12_000), "three seconds ago");
    assert_eq!(due(&pace, ms(6_000)), ms(16_000));
}

#[test]
fn a_step_goes_on_to_the_next_exchange_and_pauses_there() {
    let mut pace = Pace::new(Speed::Times(1.0));
    pace.take(Control::Step, ms(1_000));
    // An answer comes first, then the step that begins an exchange.
    for (t, begins) in [(5_000, false), (6_000, true)] {
        assert_eq!(due(&pace, ms(t)), ms(1_000), "at once");
        pace.let_go(ms(t), ms(1_000), begins);
    }
    assert_eq!(pace.next(ms(6_000)), Next::Wait, "even at the same time");
    assert!(pace.is_paused());
    // Two presses, two exchanges; what is left of them is forgotten when it goes on.
    pace.take(Control::Step, ms(2_000));
    pace.take(Control::Step, ms(2_100));
    pace.let_go(ms(7_000), due(&pace, ms(7_000)), true);
    assert_eq!(due(&pace, ms(8_000)), ms(2_100));
    pace.take(Control::PauseOrResume, ms(3_000));
    assert_eq!(
        due(&pace, ms(8_000)),
        ms(4_000),
        "one second behind the last"
    );
}

#[test]
fn a_stop_is_the_end() {
    let mut pace = Pace::new(Speed::Max);
    pace.take(Control::Stop, ms(1));
    for control in [Control::Resume, Control::Step, Control::Faster] {
        pace.take(control, ms(2));
        assert_eq!(pace.next(ms(0)), Next::Stop);
    }
}
