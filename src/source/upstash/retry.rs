//! What a failed call means and whether to try again: the rules of Upstash Vector
//! as a pure function, and the patience that pauses between tries. The calls
//! themselves are made elsewhere.

use std::time::Duration;

use super::Surroundings;
use super::reply::Refusal;
use super::server::Server;
use crate::error::Error;
use crate::progress::Level;
use crate::source::tries::Tries;

/// Tries of one call before giving up.
const MOST_TRIES: u32 = 10;
/// Tries before anything ever answered, where a wrong address is likelier than an
/// outage; and of answers that more tries will hardly change.
const FEW_TRIES: u32 = 4;
/// A call that failed so often is told of: what follows may take minutes.
const TOLD_AFTER: u32 = 3;
/// What texts about any limit hold; they are not published.
const LIMIT_WORDS: [&str; 3] = ["limit", "quota", "exceeded"];
/// What those hold that are about one of the plan, which will not pass in minutes.
const PLAN_WORDS: [&str; 5] = ["quota", "daily", "per day", "month", "plan"];

/// What follows from a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Try again after this long: the service said so.
    Wait(Duration),
    /// Try again after a pause: nothing listens there.
    Unreachable,
    /// Try again after a pause.
    Retry,
    /// Try again after a pause, asking for less.
    RetrySmaller,
    /// Try again a few times.
    RetryBriefly,
    /// Try again at once, asking for less; no where it cannot be less.
    Smaller,
    /// Try a few times, asking for less: it may be a limit a second or of the page,
    /// or one of the plan that will not pass.
    Limit,
    /// No: the token is missing or wrong.
    Unauthorized,
    /// No: the token has no right to it.
    Denied,
    /// No: there is no such namespace, or no such call.
    NotFound,
    /// No: the service will say the same again.
    Refused,
}

/// Why a call gave no result.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) decision: Decision,
    pub(super) error: CallError,
}

/// A failed call in a reader's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub(super) struct CallError {
    text: String,
    pub(super) limit: Limit,
}

/// Whether the service speaks of a limit, in any status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Limit {
    None,
    /// Of whatever.
    Some,
    /// Of the plan.
    Plan,
}

impl CallError {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            limit: Limit::None,
        }
    }

    /// Of an error and what lies below it.
    pub(super) fn chain(error: &(dyn std::error::Error + 'static)) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let texts: Vec<String> = causes.map(ToString::to_string).collect();
        Self::new(texts.join(": "))
    }

    /// Whether the service speaks of the cursor.
    pub(super) fn is_about_the_cursor(&self) -> bool {
        self.text.to_ascii_lowercase().contains("cursor")
    }
}

/// Tells refusals apart; `wait` is what `Retry-After` says.
pub(super) fn judge(refusal: Refusal, wait: Option<Duration>) -> Failure {
    match refusal {
        Refusal::Told { status, text } => {
            let limit = Limit::spoken_of(&text);
            let text = format!("Upstash answered: {text} (status {status})");
            Failure {
                decision: decide(status, limit, wait),
                error: CallError { text, limit },
            }
        }
        Refusal::Unreadable { status, excerpt } => {
            let decision = match status {
                200..=299 => Decision::RetryBriefly,
                status => decide(status, Limit::None, wait),
            };
            let text = format!("the answer (status {status}) is not Upstash Vector's: {excerpt}");
            Failure {
                decision,
                error: CallError::new(text),
            }
        }
    }
}

fn decide(status: u16, limit: Limit, wait: Option<Duration>) -> Decision {
    match status {
        400 | 403 | 422 | 429 if limit == Limit::Plan => Decision::Limit,
        403 if limit == Limit::Some => Decision::Limit,
        400 | 413 | 422 => Decision::Smaller,
        401 => Decision::Unauthorized,
        403 => Decision::Denied,
        404 => Decision::NotFound,
        429 => wait.map_or(Decision::Retry, Decision::Wait),
        500 | 502..=504 => wait.map_or(Decision::RetrySmaller, Decision::Wait),
        408 => Decision::RetrySmaller,
        _ => Decision::Refused,
    }
}

impl Limit {
    fn spoken_of(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let holds = |words: &[&str]| words.iter().any(|word| text.contains(word));
        match (holds(&LIMIT_WORDS), holds(&PLAN_WORDS)) {
            (false, _) => Self::None,
            (true, false) => Self::Some,
            (true, true) => Self::Plan,
        }
    }
}

/// Whether the call can ask for less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Less,
    None,
}

/// How a call is to be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Unchanged.
    Same,
    /// Asking for less.
    Smaller,
}

/// How long a call that keeps failing is tried. One for each call.
pub(super) struct Patience<'a> {
    server: &'a Server,
    tries: Tries,
    brief: u32,
}

impl<'a> Patience<'a> {
    pub(super) fn new(server: &'a Server) -> Self {
        let most = match server.has_answered() {
            true => MOST_TRIES,
            false => FEW_TRIES,
        };
        let clock = server.surroundings.clock;
        Self {
            server,
            tries: Tries::new(clock, server.first_pause, most),
            brief: 0,
        }
    }

    /// After a failed call: pauses and says how to try again, or gives the error
    /// to end with. `doing` completes "Upstash failed while …".
    pub(super) async fn after(
        &mut self,
        doing: &str,
        failure: Failure,
        room: Room,
    ) -> Result<Again, Error> {
        let Failure { decision, error } = failure;
        if decision == Decision::Smaller && room == Room::Less {
            return Ok(Again::Smaller);
        }
        let Some(pause) = self.next_pause(decision) else {
            return Err(self.final_error(doing, decision, &error).because(error));
        };
        if self.tries.made() == TOLD_AFTER {
            let text = format!("Upstash keeps failing while {doing} ({error}): trying again");
            self.server.surroundings.progress.remark(Level::Info, &text);
        }
        tracing::debug!(doing, %error, ms = pause.as_millis(), "trying again");
        let Surroundings { stop, clock, .. } = &self.server.surroundings;
        stop.pause(clock, pause).await?;
        Ok(match decision {
            Decision::RetrySmaller | Decision::Limit if room == Room::Less => Again::Smaller,
            _ => Again::Same,
        })
    }

    /// The pause before another try; none when there is to be none.
    fn next_pause(&mut self, decision: Decision) -> Option<Duration> {
        match decision {
            Decision::Wait(pause) => self.tries.next_pause(Some(pause)),
            Decision::Unreachable | Decision::Retry | Decision::RetrySmaller => {
                self.tries.next_pause(None)
            }
            Decision::RetryBriefly | Decision::Limit => {
                self.brief += 1;
                let pause = self.tries.next_pause(None);
                pause.filter(|_| self.brief < FEW_TRIES)
            }
            _ => None,
        }
    }

    fn final_error(&self, doing: &str, decision: Decision, error: &CallError) -> Error {
        let tried = self.tries.shown();
        match decision {
            Decision::Limit => plan_limit(doing),
            Decision::Wait(_) | Decision::Retry | Decision::Smaller
                if error.limit != Limit::None =>
            {
                plan_limit(doing)
            }
            Decision::Wait(pause) => Error::stopped(format!("Upstash held off {doing} ({tried})"))
                .advise(format!(
                    "Run the same command again in {} seconds",
                    pause.as_secs().max(1)
                )),
            Decision::Unreachable if !self.server.has_answered() => Error::failed(format!(
                "cannot reach Upstash Vector at {}",
                self.server.url
            ))
            .advise("See the network and UPSTASH_VECTOR_REST_URL, which the Upstash console shows"),
            Decision::RetryBriefly => not_upstash(&self.server.url, doing),
            Decision::Unreachable | Decision::Retry | Decision::RetrySmaller => {
                Error::stopped(format!("Upstash failed while {doing} ({tried})"))
                    .advise("Run the same command again when it is well: it goes on from here")
            }
            lasting => lasting_error(doing, lasting),
        }
    }
}

fn plan_limit(doing: &str) -> Error {
    Error::stopped(format!("a limit of the Upstash plan was reached while {doing}")).advise(
        "What was read is kept. Run the same command again once the limit is renewed (a day's at the next day), or raise the plan in the Upstash console first",
    )
}

fn not_upstash(url: &str, doing: &str) -> Error {
    Error::failed(format!("what answers at {url} is not Upstash Vector, while {doing}"))
        .advise("See whether UPSTASH_VECTOR_REST_URL is the index's REST address, and whether a proxy answers in its place")
}

/// The error of a call that was not tried again.
fn lasting_error(doing: &str, decision: Decision) -> Error {
    match decision {
        Decision::Unauthorized => Error::forbidden(format!(
            "Upstash refused the token while {doing}"
        ))
        .advise("Set UPSTASH_VECTOR_REST_TOKEN to a token of this very index; where it is the read-only token, use the full token"),
        Decision::Denied => Error::forbidden(format!(
            "the token has no right to what was asked while {doing}"
        ))
        .advise("Where UPSTASH_VECTOR_REST_TOKEN is the read-only token, use the index's full token; nothing is written with it"),
        _ => Error::failed(format!("Upstash refused the call while {doing}"))
            .advise("See what the answer says, and whether UPSTASH_VECTOR_REST_URL is the index's REST address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(status: u16, text: &str, wait: Option<Duration>) -> Decision {
        let text = text.to_owned();
        judge(Refusal::Told { status, text }, wait).decision
    }

    #[test]
    fn each_status_of_the_contract_has_its_decision() {
        let rows = [
            (400, "Invalid request", Decision::Smaller),
            (400, "Exceeded daily query limit", Decision::Limit),
            (403, "Quota reached", Decision::Limit),
            (422, "limit must be at most 1000", Decision::Smaller),
            (403, "Rate limit exceeded", Decision::Limit),
            (429, "Max daily query limit exceeded", Decision::Limit),
            (429, "Rate limit exceeded", Decision::Retry),
            (
                401,
                "Unauthorized: Invalid auth token",
                Decision::Unauthorized,
            ),
            (401, "limit", Decision::Unauthorized),
            (403, "Forbidden", Decision::Denied),
            (404, "Not found", Decision::NotFound),
            (405, "Method not allowed", Decision::Refused),
            (408, "Timeout", Decision::RetrySmaller),
            (413, "Too large", Decision::Smaller),
            (
                422,
                "Invalid vector dimension: 2, expected: 256",
                Decision::Smaller,
            ),
            (429, "Too many requests", Decision::Retry),
            (500, "Internal", Decision::RetrySmaller),
            (501, "Not implemented", Decision::Refused),
            (502, "Bad gateway", Decision::RetrySmaller),
            (503, "Unavailable", Decision::RetrySmaller),
            (504, "Timeout", Decision::RetrySmaller),
            (302, "Found", Decision::Refused),
        ];
        for (status, text, decision) in rows {
            assert_eq!(told(status, text, None), decision, "{status} {text}");
        }
    }

    #[test]
    fn what_the_service_says_about_waiting_wins() {
        let wait = Some(Duration::from_secs(7));
        for status in [429, 503] {
            assert_eq!(
                told(status, "x", wait),
                Decision::Wait(Duration::from_secs(7))
            );
        }
        assert_eq!(told(401, "x", wait), Decision::Unauthorized);
    }

    #[test]
    fn a_page_instead_of_an_answer_is_judged_by_its_status() {
        let unreadable = |status| {
            let excerpt = "<html> daily limit".to_owned();
            judge(Refusal::Unreadable { status, excerpt }, None)
        };
        assert_eq!(unreadable(200).decision, Decision::RetryBriefly);
        assert_eq!(unreadable(502).decision, Decision::RetrySmaller);
        let denied = unreadable(403);
        assert_eq!(denied.decision, Decision::Denied);
        assert_eq!(
            denied.error.to_string(),
            "the answer (status 403) is not Upstash Vector's: <html> daily limit"
        );
    }
}
