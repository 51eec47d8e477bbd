//! A sliding window over the calls of the last five minutes, as pure arithmetic
//! on wall-clock milliseconds. It does not sleep and holds no file: that is
//! [`crate::http::budget`].

use serde::{Deserialize, Serialize};

/// The span that Cloudflare counts calls over: five minutes.
pub const WINDOW_MS: u64 = 300_000;

/// A call is remembered this much longer than the service counts it, because a
/// call that takes long to arrive is counted later than it was taken.
const GUARD_MS: u64 = 1_000;

/// The longest pause that is kept: a value beyond it comes from a broken file
/// or from a clock that was set back.
pub const LONGEST_PAUSE_MS: u64 = 3_600_000;

/// Whether a call may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It may, and has been counted.
    Now,
    /// Not before this many milliseconds have passed; nothing was counted.
    In(u64),
}

/// The calls that count, and a pause that the service asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// When each call was made, oldest first, in Unix milliseconds.
    calls_ms: Vec<u64>,
    /// Nothing goes out before this instant, in Unix milliseconds.
    paused_until_ms: u64,
}

impl Window {
    /// A window that cannot give a turn for its whole length: what is assumed
    /// when the calls of the last minutes are not known.
    pub fn full(now_ms: u64) -> Self {
        Self {
            calls_ms: Vec::new(),
            paused_until_ms: now_ms.saturating_add(WINDOW_MS + GUARD_MS),
        }
    }

    /// Counts a call, if fewer than `limit` were made in the window and no
    /// pause is on.
    pub fn take(&mut self, now_ms: u64, limit: usize) -> Turn {
        self.settle(now_ms);
        if self.paused_until_ms > now_ms {
            return Turn::In(self.paused_until_ms - now_ms);
        }
        // With more calls than the limit (another process has a larger one),
        // as many must leave as are over it.
        if let Some(excess) = self.calls_ms.len().checked_sub(limit.max(1)) {
            let leaves_ms = self.calls_ms[excess].saturating_add(WINDOW_MS + GUARD_MS);
            return Turn::In(leaves_ms.saturating_sub(now_ms).max(1));
        }
        self.calls_ms.push(now_ms);
        Turn::Now
    }

    /// Lets nothing out before `pause_ms` have passed. A longer pause stays.
    pub fn pause(&mut self, now_ms: u64, pause_ms: u64) {
        self.settle(now_ms);
        let until_ms = now_ms.saturating_add(pause_ms.min(LONGEST_PAUSE_MS));
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
    }

    /// Forgets what left the window, and brings instants of the future, left
    /// by a clock that was set back, to now: they then count for a full window.
    fn settle(&mut self, now_ms: u64) {
        for call_ms in &mut self.calls_ms {
            *call_ms = (*call_ms).min(now_ms);
        }
        self.calls_ms
            .retain(|call_ms| now_ms - call_ms < WINDOW_MS + GUARD_MS);
        self.calls_ms.sort_unstable();
        let latest_ms = now_ms.saturating_add(LONGEST_PAUSE_MS);
        self.paused_until_ms = self.paused_until_ms.min(latest_ms);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
            assert_eq!(window.take(1_000, 3), Turn::Now);
        }
        assert_eq!(window.take(1_000, 3), Turn::In(WINDOW_MS + GUARD_MS));
        assert_eq!(window.take(1_000 + WINDOW_MS + GUARD_MS, 3), Turn::Now);
    }

    #[test]
    fn a_pause_holds_everything_and_is_never_shortened() {
        let mut window = Window::default();
        window.pause(1_000, 10_000);
        window.pause(1_000, 5_000);
        assert_eq!(window.take(2_000, 3), Turn::In(9_000));
        assert_eq!(window.take(11_000, 3), Turn::Now);
    }

    #[test]
    fn a_clock_set_back_neither_panics_nor_frees_a_turn() {
        let mut window = Window::default();
        assert_eq!(window.take(900_000_000, 1), Turn::Now);
        assert_eq!(window.take(1_000, 1), Turn::In(WINDOW_MS + GUARD_MS));
        assert_eq!(window.take(1_000 + WINDOW_MS + GUARD_MS, 1), Turn::Now);
    }

    #[test]
    fn a_pause_left_by_a_clock_far_ahead_is_at_most_an_hour() {
        let mut window = Window::default();
        window.pause(u64::MAX - 5, u64::MAX);
        assert_eq!(window.take(1_000, 1), Turn::In(LONGEST_PAUSE_MS));
    }

    #[test]
    fn a_smaller_limit_waits_until_enough_calls_of_a_larger_one_have_left() {
        let mut window = Window::default();
        for now_ms in [0, 1_000, 2_000] {
            assert_eq!(window.take(now_ms, 3), Turn::Now);
        }
        assert_eq!(window.take(2_000, 1), Turn::In(WINDOW_MS + GUARD_MS));
        assert_eq!(window.take(2_000 + WINDOW_MS + GUARD_MS, 1), Turn::Now);
    }

    proptest! {
        #[test]
        fn no_five_minutes_hold_more_than_the_limit(
            limit in 1usize..20,
            gaps_ms in prop::collection::vec(0u64..60_000, 1..300),
        ) {
            let mut window = Window::default();
            let mut now_ms = 1_000_000;
            let mut made_ms = Vec::new();
            for gap_ms in gaps_ms {
                now_ms += gap_ms;
                if window.take(now_ms, limit) == Turn::Now {
                    made_ms.push(now_ms);
                }
            }
            prop_assert!(densest(&made_ms) <= limit);
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
                if let Turn::In(wait_ms) = window.take(now_ms, limit) {
                    now_ms += wait_ms;
                    prop_assert_eq!(window.take(now_ms, limit), Turn::Now);
                }
            }
        }
    }
}
