//! One pass after the other until the operator stops it. What passes by does not end
//! it; a refusal or a difference does.

use std::time::Duration;

use crate::clock::Clock;
use crate::stop::Stop;

/// What a pass came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// To its end: the target is what the source was.
    Done,
    /// It stopped for a passing reason; the next one goes on.
    Passing,
    /// To something that another pass would not mend.
    Ended,
}

/// Why the following ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Followed {
    /// The operator stopped it between two passes.
    Stopped,
    /// A pass ended it.
    Ended,
}

/// Begins a pass every so often, or at once where the one before took longer; `pass`
/// is given the number of the pass, from 1.
pub async fn follow(
    clock: &Clock,
    stop: &Stop,
    every: Duration,
    mut pass: impl AsyncFnMut(u64) -> Pass,
) -> Followed {
    for number in 1.. {
        let begun = clock.now();
        if pass(number).await == Pass::Ended {
            return Followed::Ended;
        }
        let left = every.saturating_sub(clock.now() - begun);
        if stop.pause(clock, left).await.is_err() {
            break;
        }
    }
    Followed::Stopped
}
