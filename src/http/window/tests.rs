//! The window's arithmetic, without a clock.

use proptest::prelude::*;

use super::*;

fn ask(who: u64, limit: usize) -> Ask {
    Ask {
        who,
        limit,
        per_second: None,
        patience_ms: 60_000,
    }
}

/// A turn whose call is over at once.
fn call(window: &mut Window, now_ms: u64, limit: usize) -> Option<u64> {
    call_of(window, now_ms, &ask(1, limit))
}

fn call_of(window: &mut Window, now_ms: u64, ask: &Ask) -> Option<u64> {
    match window.take(now_ms, ask) {
        Turn::Now(ticket) => {
            window.land(now_ms, ticket);
            None
        }
        Turn::In(wait_ms) => Some(wait_ms),
    }
}

fn granted(turn: Turn) -> Ticket {
    match turn {
        Turn::Now(ticket) => ticket,
        Turn::In(wait_ms) => panic!("told to wait for {wait_ms} ms"),
    }
}

/// The most calls in any closed span of five minutes.
fn densest(calls_ms: &[u64]) -> usize {
    let starts = calls_ms.iter().enumerate();
    starts
        .map(|(first, start)| {
            let rest = &calls_ms[first..];
            rest.partition_point(|call_ms| *call_ms <= start + WINDOW_MS)
        })
        .max()
        .unwrap_or(0)
}

#[test]
fn the_limit_goes_out_at_once_and_the_next_call_waits_for_the_first_to_leave() {
    let mut window = Window::default();
    for _ in 0..3 {
        assert_eq!(call(&mut window, 1_000, 3), None);
    }
    assert_eq!(call(&mut window, 1_000, 3), Some(SPAN_MS));
    assert_eq!(call(&mut window, 1_000 + SPAN_MS, 3), None);
}

#[test]
fn a_call_counts_until_a_window_after_its_answer() {
    let mut window = Window::default();
    let ticket = granted(window.take(1_000, &ask(1, 1)));
    assert_eq!(window.take(2_000, &ask(1, 1)), Turn::In(SPAN_MS));
    window.land(31_000, ticket);
    assert_eq!(call(&mut window, 1_000 + SPAN_MS, 1), Some(30_000));
    assert_eq!(call(&mut window, 31_000 + SPAN_MS, 1), None);
}

#[test]
fn a_call_that_never_came_back_counts_for_its_patience_and_a_window() {
    let mut window = Window::default();
    granted(window.take(1_000, &ask(1, 1)));
    let left_ms = 1_000 + 60_000 + SPAN_MS;
    assert_eq!(call(&mut window, left_ms - 1, 1), Some(1));
    assert_eq!(call(&mut window, left_ms, 1), None);
}

#[test]
fn once_the_limit_was_reached_the_turns_are_spread_over_a_minute() {
    let mut window = Window::default();
    for _ in 0..60 {
        assert_eq!(call(&mut window, 1_000, 60), None);
    }
    assert_eq!(call(&mut window, 1_000, 60), Some(SPAN_MS));
    let mut now_ms = 1_000 + SPAN_MS;
    for _ in 0..59 {
        assert_eq!(call(&mut window, now_ms, 60), None);
        assert_eq!(call(&mut window, now_ms, 60), Some(1_000));
        now_ms += 1_000;
    }
    let free_ms = now_ms + 2 * SPAN_MS;
    for _ in 0..60 {
        assert_eq!(call(&mut window, free_ms, 60), None, "nobody waited lately");
    }
}

#[test]
fn a_second_holds_no_more_turns_than_it_may() {
    let mut window = Window::default();
    let ask = Ask {
        per_second: Some(2),
        ..ask(1, 9)
    };
    assert_eq!(call_of(&mut window, 1_000, &ask), None);
    assert_eq!(call_of(&mut window, 1_400, &ask), None);
    assert_eq!(call_of(&mut window, 1_500, &ask), Some(500));
    assert_eq!(call_of(&mut window, 2_000, &ask), None);
    assert_eq!(call_of(&mut window, 2_000, &ask), Some(400));
}

#[test]
fn whoever_waits_longest_has_the_next_turn() {
    let mut window = Window::default();
    assert_eq!(call(&mut window, 1_000, 2), None);
    assert_eq!(call(&mut window, 5_000, 2), None);
    assert_eq!(
        call_of(&mut window, 6_000, &ask(7, 2)),
        Some(SPAN_MS - 5_000)
    );
    // The second in the line waits for the second that leaves, and so does whoever
    // comes when one turn is free.
    assert_eq!(
        call_of(&mut window, 6_000, &ask(8, 2)),
        Some(SPAN_MS - 1_000)
    );
    let free_ms = 1_000 + SPAN_MS;
    assert!(call_of(&mut window, free_ms, &ask(9, 2)).is_some());
    assert!(call_of(&mut window, free_ms, &ask(8, 2)).is_some());
    assert_eq!(call_of(&mut window, free_ms, &ask(7, 2)), None);
}

#[test]
fn a_waiter_that_is_dead_is_passed() {
    let mut window = Window::default();
    assert_eq!(call(&mut window, 1_000, 1), None);
    assert_eq!(
        call_of(&mut window, 2_000, &ask(7, 1)),
        Some(SPAN_MS - 1_000)
    );
    let free_ms = 1_000 + SPAN_MS;
    assert!(call_of(&mut window, free_ms + GRACE_MS - 1, &ask(8, 1)).is_some());
    assert_eq!(call_of(&mut window, free_ms + GRACE_MS, &ask(8, 1)), None);
}

#[test]
fn one_with_a_smaller_limit_is_not_starved_by_one_with_a_larger() {
    let mut window = Window::default();
    for second in 0..10 {
        assert_eq!(call(&mut window, 1_000 + second * 1_000, 10), None);
    }
    let small = ask(7, 2);
    assert!(call_of(&mut window, 20_000, &small).is_some());
    let mut now_ms = 20_000;
    while let Some(wait_ms) = call_of(&mut window, now_ms, &small) {
        assert!(
            call(&mut window, now_ms, 10).is_some(),
            "passed at {now_ms}"
        );
        now_ms += wait_ms;
    }
    assert!(now_ms <= 10_000 + SPAN_MS);
}

#[test]
fn a_pause_holds_everything_and_is_never_shortened() {
    let mut window = Window::default();
    window.pause(1_000, 10_000);
    window.pause(1_000, 5_000);
    assert_eq!(call(&mut window, 2_000, 3), Some(9_000));
    assert_eq!(call(&mut window, 11_000, 3), None);
}

#[test]
fn a_clock_set_back_neither_panics_nor_frees_a_turn() {
    let mut window = Window::default();
    assert_eq!(call(&mut window, 900_000_000, 1), None);
    assert_eq!(call(&mut window, 1_000, 1), Some(SPAN_MS));
    assert_eq!(call(&mut window, 1_000 + SPAN_MS, 1), None);
}

#[test]
fn a_clock_that_is_set_is_not_believed_until_the_machine_starts_again() {
    let mut window = Window::default();
    let up = |boot, ms| Uptime { boot, ms };
    assert_eq!(window.now_ms(up(7, 50_000), 900_000), 900_000);
    assert_eq!(window.now_ms(up(7, 50_010), 9_900_000), 900_010);
    assert_eq!(window.now_ms(up(7, 50_020), 0), 900_020);
    assert_eq!(window.now_ms(up(8, 1_000), 990_000), 990_000);
    assert_eq!(window.now_ms(up(8, 1_001), 5), 990_001);
    assert_eq!(window.now_ms(up(8, u64::MAX), 5), i64::MAX as u64);
    assert_eq!(window.now_ms(up(9, u64::MAX), 0), 0);
}

#[test]
fn a_pause_left_by_a_clock_far_ahead_is_at_most_an_hour() {
    let mut window = Window::default();
    window.pause(u64::MAX - 5, u64::MAX);
    assert_eq!(call(&mut window, 1_000, 1), Some(LONGEST_PAUSE_MS));
}

#[test]
fn a_smaller_limit_waits_until_enough_calls_of_a_larger_one_have_left() {
    let mut window = Window::default();
    for now_ms in [0, 1_000, 2_000] {
        assert_eq!(call(&mut window, now_ms, 3), None);
    }
    assert_eq!(call(&mut window, 2_000, 1), Some(SPAN_MS));
    assert_eq!(call(&mut window, 2_000 + SPAN_MS, 1), None);
}

#[test]
fn a_file_of_before_is_understood() {
    let old = r#"{"calls_ms":[1000],"paused_until_ms":0}"#;
    let mut window: Window = serde_json::from_str(old).unwrap();
    assert_eq!(call(&mut window, 2_000, 1), Some(SPAN_MS - 1_000));
}

proptest! {
    /// The service counts each call at some instant between turn and answer.
    #[test]
    fn no_five_minutes_hold_more_than_the_limit_wherever_calls_are_counted(
        limit in 1usize..20,
        steps in prop::collection::vec((0u64..60_000, 0u64..120_000, 0.0f64..=1.0), 1..300),
    ) {
        let mut window = Window::default();
        let mut now_ms = 1_000_000;
        let mut arrived_ms = Vec::new();
        let mut under_way: Vec<(u64, Ticket)> = Vec::new();
        for (gap_ms, latency_ms, arrives) in steps {
            now_ms += gap_ms;
            under_way.sort_by_key(|(over_ms, _)| *over_ms);
            while under_way.first().is_some_and(|(over_ms, _)| *over_ms <= now_ms) {
                let (over_ms, ticket) = under_way.remove(0);
                window.land(over_ms, ticket);
            }
            let patience = Ask { patience_ms: 120_000, ..ask(1, limit) };
            if let Turn::Now(ticket) = window.take(now_ms, &patience) {
                arrived_ms.push(now_ms + (latency_ms as f64 * arrives) as u64);
                // Some never come back.
                if latency_ms % 7 > 0 {
                    under_way.push((now_ms + latency_ms, ticket));
                }
            }
        }
        arrived_ms.sort_unstable();
        prop_assert!(densest(&arrived_ms) <= limit);
    }

    #[test]
    fn waiting_as_told_always_gives_a_turn(
        limit in 1usize..20,
        gaps_ms in prop::collection::vec(0u64..400_000, 1..100),
    ) {
        let mut window = Window::default();
        let mut now_ms = 1_000_000;
        for gap_ms in gaps_ms {
            now_ms += gap_ms;
            let mut waits = 0;
            while let Some(wait_ms) = call(&mut window, now_ms, limit) {
                now_ms += wait_ms;
                waits += 1;
                // The limit first, then the spreading.
                prop_assert!(waits <= 2);
            }
        }
    }
}
