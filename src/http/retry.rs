//! What to do after an attempt, decided from values alone: no sleeping, no
//! clock, no network. [`crate::http::client`] carries the decisions out.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};

use crate::http::request::{Answer, Repeat};
use crate::http::window::LONGEST_PAUSE_MS;

/// What an answer means, said by whoever knows the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// What was asked for.
    Done,
    /// May pass on repetition.
    Retry,
    /// Too many calls, by this limiter.
    RateLimited(Limiter),
    /// An answer that repeating will not change.
    Final,
}

/// Who refused for too many calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limiter {
    /// The account's: everything that uses it pauses.
    Account,
    /// One endpoint's own: only this request waits.
    Endpoint,
}

/// What an answer means by its status alone: 408 and the 500s may pass, 429 is
/// the account's limiter.
pub fn judge_status(answer: &Answer) -> Verdict {
    match answer.status {
        200..=299 => Verdict::Done,
        408 | 500..=599 => Verdict::Retry,
        429 => Verdict::RateLimited(Limiter::Account),
        _ => Verdict::Final,
    }
}

/// How long the account's limiter blocks (Cloudflare's API limits page).
const LONGEST_BLOCK: Duration = Duration::from_secs(300);

/// How long and how often a call is tried.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The most attempts of one call.
    pub attempts: u32,
    /// The most attempts while this client has never reached the service: an
    /// address that is wrong should be told soon.
    pub first_contact_attempts: u32,
    /// No attempt begins after this long, not counting waits for the budget
    /// and pauses that the service asked for.
    pub elapsed: Duration,
    /// The shortest pause after the first attempt; doubles from there, and up
    /// to as much again is added at random.
    pub first_pause: Duration,
    /// Where the doubling ends.
    pub longest_pause: Duration,
    /// The first pause after the account's limiter refused without saying how
    /// long; it doubles up to the five minutes of Cloudflare's own block.
    pub untold_pause: Duration,
    /// Makes the random part of pauses repeatable.
    pub jitter_seed: Option<u64>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 10,
            first_contact_attempts: 4,
            elapsed: Duration::from_secs(15 * 60),
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            untold_pause: Duration::from_secs(30),
            jitter_seed: None,
        }
    }
}

impl Policy {
    /// How long nobody may call after this outcome of a call's attempt of that
    /// number; none where it says nothing about the account.
    pub(crate) fn account_pause(&self, outcome: Outcome, attempt: u32) -> Option<Duration> {
        match outcome {
            Outcome::Answered {
                verdict: Verdict::RateLimited(Limiter::Account),
                retry_after,
            } => Some(retry_after.unwrap_or_else(|| self.untold(attempt))),
            _ => None,
        }
    }

    /// Cloudflare says how long its own block lasts; a refusal that does not is
    /// somebody else's, and mostly shorter.
    fn untold(&self, attempt: u32) -> Duration {
        let doubled = 1_u32 << attempt.saturating_sub(1).min(10);
        (self.untold_pause * doubled).min(LONGEST_BLOCK)
    }

    /// The pauses between the attempts of one call.
    pub(crate) fn pauses(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.first_pause)
            .with_max_delay(self.longest_pause)
            .without_max_times();
        match self.jitter_seed {
            Some(seed) => pauses.with_jitter_seed(seed).build(),
            None => pauses.build(),
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With an answer, and what it says about waiting.
    Answered {
        verdict: Verdict,
        retry_after: Option<Duration>,
    },
    /// No connection, so nothing was sent.
    NotSent,
    /// Sent, and no whole answer came.
    Lost,
    /// The answer is larger than allowed.
    TooLarge,
}

/// Where a call stands after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Attempts made, this one included.
    pub(crate) attempts: u32,
    /// Time spent on them and on pauses of our own.
    pub(crate) elapsed: Duration,
    /// Whether this client has ever reached the service.
    pub(crate) contact: bool,
    /// The pause that our own arithmetic proposes.
    pub(crate) pause: Duration,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Give the answer to the caller.
    Return,
    /// Wait, then try again; the wait counts as time spent.
    Wait(Duration),
    /// Wait as the service asked, then try again; this does not count.
    WaitAsTold(Duration),
    /// Try again at the next turn: the budget is paused for everyone.
    NextTurn,
    /// Report a failure.
    GiveUp,
}

/// The decision after an attempt.
pub(crate) fn decide(
    policy: &Policy,
    progress: Progress,
    outcome: Outcome,
    repeat: Repeat,
) -> Decision {
    if is_spent(policy, progress, outcome) {
        return Decision::GiveUp;
    }
    match outcome {
        Outcome::Answered {
            verdict: Verdict::Done | Verdict::Final,
            ..
        } => Decision::Return,
        Outcome::Answered {
            verdict: Verdict::RateLimited(limiter),
            retry_after,
        } => after_refusal(policy, progress, limiter, retry_after),
        Outcome::Answered { retry_after, .. } if repeat == Repeat::Safe => {
            own_or_told(policy, progress, retry_after)
        }
        Outcome::Lost if repeat == Repeat::Safe => own(policy, progress),
        Outcome::NotSent => own(policy, progress),
        Outcome::Answered { .. } | Outcome::Lost | Outcome::TooLarge => Decision::GiveUp,
    }
}

/// Whether the attempts are used up, or the service asks for more patience
/// than anyone has.
fn is_spent(policy: &Policy, progress: Progress, outcome: Outcome) -> bool {
    let most_attempts = match progress.contact {
        true => policy.attempts,
        false => policy.first_contact_attempts,
    };
    match outcome {
        Outcome::Answered {
            verdict: Verdict::Done | Verdict::Final,
            ..
        } => false,
        Outcome::Answered { retry_after, .. } => {
            let longest = Duration::from_millis(LONGEST_PAUSE_MS);
            progress.attempts >= most_attempts || retry_after.is_some_and(|told| told > longest)
        }
        _ => progress.attempts >= most_attempts,
    }
}

fn after_refusal(
    policy: &Policy,
    progress: Progress,
    limiter: Limiter,
    told: Option<Duration>,
) -> Decision {
    match limiter {
        Limiter::Endpoint => own_or_told(policy, progress, told),
        // A hint shorter than our own pause would only hurry.
        Limiter::Account if told.is_some_and(|told| told < progress.pause) => own(policy, progress),
        Limiter::Account => Decision::NextTurn,
    }
}

fn own_or_told(policy: &Policy, progress: Progress, told: Option<Duration>) -> Decision {
    match told {
        Some(told) if told > progress.pause => Decision::WaitAsTold(told),
        _ => own(policy, progress),
    }
}

fn own(policy: &Policy, progress: Progress) -> Decision {
    match progress.elapsed.saturating_add(progress.pause) > policy.elapsed {
        true => Decision::GiveUp,
        false => Decision::Wait(progress.pause),
    }
}

#[cfg(test)]
mod tests;
