//! A sliding window over the calls of the last five minutes, as pure arithmetic
//! on milliseconds. It does not sleep and holds no file: that is
//! [`crate::http::budget`].
//!
//! The service counts a call when it arrives, and that is known only to be between
//! its turn and its answer. So a call counts from its turn on, and is forgotten a
//! window after its answer; one whose process was killed is taken to be under way
//! for as long as its patience would have lasted.

use serde::{Deserialize, Serialize};

use crate::clock::Uptime;

/// The span that Cloudflare counts calls over: five minutes.
pub const WINDOW_MS: u64 = 300_000;

/// A call is remembered this much longer than the service counts it: clocks are
/// coarse, and a connection that was given up may still deliver.
const GUARD_MS: u64 = 1_000;

/// How long a call counts after its answer.
const SPAN_MS: u64 = WINDOW_MS + GUARD_MS;

/// The longest pause that is kept: a value beyond it comes from a broken file
/// or from a clock that was set back.
pub const LONGEST_PAUSE_MS: u64 = 3_600_000;

/// Once the limit was reached, the turns of a window are spread over at least this
/// long: a thousand calls in a second every five minutes would keep the limit too,
/// but leave gaps in which whole windows see none.
pub(crate) const SPREAD_MS: u64 = 60_000;

/// A waiter that has not come back so long after its time is taken for dead.
const GRACE_MS: u64 = 2_000;

/// Whether a call may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It may, and has been counted.
    Now(Ticket),
    /// Not before this many milliseconds have passed; nothing was counted.
    In(u64),
}

/// A call under way, as the window knows it; give it back with [`Window::land`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    latest_ms: u64,
}

/// Who asks for a turn, and what for.
#[derive(Debug, Clone, Copy)]
pub struct Ask {
    /// The asker, always the same one: whoever waits keeps its place in the line.
    pub who: u64,
    /// Calls that may count at once.
    pub limit: usize,
    /// Turns in any second; none for no such limit.
    pub per_second: Option<usize>,
    /// How long the call may be under way at most.
    pub patience_ms: u64,
}

/// The calls that count, who waits, and a pause that the service asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// When each call was over, oldest first, in Unix milliseconds.
    calls_ms: Vec<u64>,
    /// When each call that is under way is over at the latest.
    #[serde(default)]
    flying_ms: Vec<u64>,
    /// The turns of the last second.
    #[serde(default)]
    recent_ms: Vec<u64>,
    /// The last turn.
    #[serde(default)]
    last_ms: u64,
    /// When the limit last kept a call back.
    #[serde(default)]
    bound_ms: u64,
    /// Who waits for a turn, in the order in which they came.
    #[serde(default)]
    line: Vec<Waiter>,
    /// Nothing goes out before this instant, in Unix milliseconds.
    paused_until_ms: u64,
    /// What time it is, whatever the wall clock says.
    #[serde(default)]
    timeline: Timeline,
}

/// A time that goes on evenly from what the wall clock said when the machine's start
/// was first seen: a clock that is set neither frees a turn nor holds one back, and
/// a machine's sleep counts as time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Timeline {
    boot: u64,
    origin_ms: i64,
}

/// One that was told to come back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Waiter {
    who: u64,
    limit: usize,
    /// When it was told to come back.
    due_ms: u64,
}

impl Window {
    /// A window that cannot give a turn for its whole length: what is assumed
    /// when the calls of the last minutes are not known.
    pub fn full(now_ms: u64) -> Self {
        Self {
            paused_until_ms: now_ms.saturating_add(SPAN_MS),
            ..Self::default()
        }
    }

    /// Counts a call, if fewer than the limit count already, no pause is on, and
    /// nobody who waits longer would be kept from a turn.
    pub fn take(&mut self, now_ms: u64, ask: &Ask) -> Turn {
        self.settle(now_ms);
        if let Some(pause_ms) = self.paused_for(now_ms) {
            return Turn::In(pause_ms);
        }
        let place = self.line.iter().position(|waiter| waiter.who == ask.who);
        let ahead = place.unwrap_or(self.line.len());
        match self.not_before(now_ms, ask, ahead) {
            None => {
                self.line.retain(|waiter| waiter.who != ask.who);
                Turn::Now(self.count(now_ms, ask.patience_ms))
            }
            Some(due_ms) => {
                let due_ms = due_ms.max(now_ms + 1);
                self.wait(place, ask, due_ms);
                Turn::In(due_ms - now_ms)
            }
        }
    }

    /// How much longer the pause lasts, where one is on.
    pub fn paused_for(&self, now_ms: u64) -> Option<u64> {
        let left_ms = self.paused_until_ms.saturating_sub(now_ms);
        Some(left_ms.min(LONGEST_PAUSE_MS)).filter(|left_ms| *left_ms > 0)
    }

    /// The call is over, now.
    pub fn land(&mut self, now_ms: u64, ticket: Ticket) {
        let flying = &mut self.flying_ms;
        if let Some(at) = flying.iter().position(|ms| *ms == ticket.latest_ms) {
            flying.swap_remove(at);
        }
        self.calls_ms.push(now_ms);
        self.settle(now_ms);
    }

    /// Lets nothing out before `pause_ms` have passed. A longer pause stays.
    pub fn pause(&mut self, now_ms: u64, pause_ms: u64) {
        self.settle(now_ms);
        let until_ms = now_ms.saturating_add(pause_ms.min(LONGEST_PAUSE_MS));
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
        // Whoever was refused comes back gently.
        self.bound_ms = now_ms;
    }

    /// What time it is for this window. The wall clock is believed only after a start
    /// of the machine.
    pub fn now_ms(&mut self, uptime: Uptime, wall_ms: u64) -> u64 {
        let up_ms = i64::try_from(uptime.ms).unwrap_or(i64::MAX);
        if self.timeline.boot != uptime.boot {
            let wall_ms = i64::try_from(wall_ms).unwrap_or(i64::MAX);
            self.timeline = Timeline {
                boot: uptime.boot,
                origin_ms: wall_ms.saturating_sub(up_ms),
            };
        }
        let now_ms = self.timeline.origin_ms.saturating_add(up_ms);
        u64::try_from(now_ms).unwrap_or(0)
    }

    /// When a turn may be free for one behind `ahead` others; none for now.
    fn not_before(&mut self, now_ms: u64, ask: &Ask, ahead: usize) -> Option<u64> {
        // One with a smaller limit would never have its turn if others passed it.
        let smaller = self.line[..ahead].iter().map(|waiter| waiter.limit);
        let limit = smaller.fold(ask.limit, usize::min).max(1);
        let counting = self.calls_ms.len() + self.flying_ms.len() + ahead;
        // With more calls than the limit (another process has a larger one), as
        // many must leave as are over it.
        if let Some(excess) = counting.checked_sub(limit) {
            self.bound_ms = now_ms;
            // One under way leaves a window after its answer: not before that.
            let leaving_ms = self.calls_ms.get(excess).copied().unwrap_or(now_ms);
            return Some(leaving_ms.saturating_add(SPAN_MS));
        }
        let spaced_ms = self.spaced(now_ms, limit, ahead);
        let crowded_ms = ask.per_second.and_then(|most| self.crowded(most));
        spaced_ms.max(crowded_ms).filter(|due_ms| *due_ms > now_ms)
    }

    /// The next turn where turns are spread.
    fn spaced(&self, now_ms: u64, limit: usize, ahead: usize) -> Option<u64> {
        let bound = now_ms - self.bound_ms < 2 * SPAN_MS && self.bound_ms.min(self.last_ms) > 0;
        let spacing_ms = SPREAD_MS / limit as u64;
        let behind = ahead as u64 + 1;
        bound.then(|| self.last_ms.saturating_add(spacing_ms * behind))
    }

    /// When the turns of a second are fewer than `most` again.
    fn crowded(&self, most: usize) -> Option<u64> {
        let first = self.recent_ms.len().checked_sub(most.max(1))?;
        Some(self.recent_ms[first].saturating_add(1_000))
    }

    fn count(&mut self, now_ms: u64, patience_ms: u64) -> Ticket {
        let latest_ms = now_ms.saturating_add(patience_ms.min(LONGEST_PAUSE_MS));
        self.flying_ms.push(latest_ms);
        self.recent_ms.push(now_ms);
        self.last_ms = now_ms;
        Ticket { latest_ms }
    }

    fn wait(&mut self, place: Option<usize>, ask: &Ask, due_ms: u64) {
        let waiter = Waiter {
            who: ask.who,
            limit: ask.limit,
            due_ms,
        };
        match place {
            Some(at) => self.line[at] = waiter,
            None => self.line.push(waiter),
        }
    }

    /// Forgets what left the window and who is dead, and brings instants of the
    /// future, left by a clock that was set back, to now: they then count for a
    /// full window.
    fn settle(&mut self, now_ms: u64) {
        let latest_ms = now_ms.saturating_add(LONGEST_PAUSE_MS);
        for flying_ms in &mut self.flying_ms {
            *flying_ms = (*flying_ms).min(latest_ms);
        }
        let over = self.flying_ms.extract_if(.., |ms| *ms <= now_ms);
        self.calls_ms.extend(over);
        for instant in self.calls_ms.iter_mut().chain(&mut self.recent_ms) {
            *instant = (*instant).min(now_ms);
        }
        self.calls_ms.retain(|ms| now_ms - ms < SPAN_MS);
        self.calls_ms.sort_unstable();
        self.recent_ms.retain(|ms| now_ms - ms < 1_000);
        self.last_ms = self.last_ms.min(now_ms);
        self.bound_ms = self.bound_ms.min(now_ms);
        self.line.retain(|waiter| {
            let due_ms = waiter.due_ms.min(latest_ms);
            due_ms.saturating_add(GRACE_MS) > now_ms
        });
        self.paused_until_ms = self.paused_until_ms.min(latest_ms);
    }
}

#[cfg(test)]
mod tests;
