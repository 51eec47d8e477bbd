//! What a failed call means and whether to try again: the status table of
//! Qdrant's API as a pure function, and the patience that pauses between tries.
//! The calls themselves are made elsewhere.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use qdrant_client::QdrantError;
use tonic::{Code, Status};

use crate::clock::Clock;
use crate::error::Error;
use crate::source::tries::Tries;

/// Tries of one call before giving up.
const MOST_TRIES: u32 = 10;
/// Tries of a call that the server answers with an internal error, which may
/// also be damaged storage.
const MOST_INTERNAL: u32 = 3;

/// What follows from a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// Try again after exactly this long: the server said so.
    Wait(Duration),
    /// Try again after a pause.
    Retry,
    /// Try again once or twice.
    RetryBriefly,
    /// Try again asking for less.
    Smaller,
    /// No: the key is missing or wrong.
    Unauthenticated,
    /// No: the key has no right to it.
    Denied,
    /// No: there is no such collection.
    Missing,
    /// No: the server's disk or memory is full.
    StorageFull,
    /// No: the server will say the same again.
    Refused,
}

/// Tells the cases apart. `ResourceExhausted` has three meanings: a rate limit
/// (carries `retry-after`), full storage (carries metadata or says so), and an
/// answer too large for someone on the way (Qdrant, `src/tonic` and
/// `lib/storage/src/content_manager/conversions.rs`).
pub(super) fn classify(error: &QdrantError) -> Decision {
    match error {
        QdrantError::ResourceExhaustedError {
            retry_after_seconds,
            ..
        } => Decision::Wait(Duration::from_secs(*retry_after_seconds)),
        QdrantError::ResponseError { status } => classify_status(status),
        QdrantError::Io(_) => Decision::Retry,
        _ => Decision::Refused,
    }
}

fn classify_status(status: &Status) -> Decision {
    match status.code() {
        Code::Unauthenticated => Decision::Unauthenticated,
        Code::PermissionDenied => Decision::Denied,
        Code::NotFound => Decision::Missing,
        Code::DeadlineExceeded | Code::Cancelled => Decision::Smaller,
        Code::Unavailable | Code::Aborted => Decision::Retry,
        Code::Unknown if status.message().contains("status code 413") => Decision::Smaller,
        Code::Unknown => Decision::Retry,
        Code::OutOfRange if is_message_size(status) => Decision::Smaller,
        Code::ResourceExhausted => classify_exhausted(status),
        // An internal error with a cause is our own transport's, not the server's.
        Code::Internal if status.source().is_some() || is_connect(status) => Decision::Retry,
        Code::Internal => Decision::RetryBriefly,
        _ => Decision::Refused,
    }
}

fn classify_exhausted(status: &Status) -> Decision {
    let text = status.message().to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let marked = status
        .metadata()
        .contains_key("qdrant-insufficient-storage");
    if marked || says(&["disk", "storage", "memory", "no space"]) {
        Decision::StorageFull
    } else if !is_message_size(status) && says(&["rate limit", "too many"]) {
        Decision::Retry
    } else {
        Decision::Smaller
    }
}

fn is_message_size(status: &Status) -> bool {
    let text = status.message();
    text.contains("message") && (text.contains("too large") || text.contains("larger than"))
}

/// The client's words for a connection that could not be made.
fn is_connect(status: &Status) -> bool {
    let text = status.message();
    text.starts_with("Failed to connect to") || text.starts_with("Failed to create TLS config")
}

/// Whether no server was reached at all: nothing listens, no such host, no TLS.
pub(super) fn is_unreachable(error: &QdrantError) -> bool {
    matches!(error, QdrantError::ResponseError { status } if is_connect(status))
}

/// Whether something answered that does not speak gRPC, or broke off.
pub(super) fn is_transport(error: &QdrantError) -> bool {
    matches!(error, QdrantError::ResponseError { status }
        if status.source().is_some() || status.message().starts_with("grpc-status header missing"))
}

/// A failed call in a reader's words: the client's own text drags every header
/// of the answer along.
#[derive(Debug)]
pub(super) struct CallError(String);

impl CallError {
    /// From what the client reports.
    pub(super) fn of(error: &QdrantError) -> Self {
        match error {
            QdrantError::ResponseError { status }
            | QdrantError::ResourceExhaustedError { status, .. } => Self(describe(status)),
            other => Self(other.to_string()),
        }
    }

    /// From any other error, with what lies below it.
    pub(super) fn chain(error: &dyn std::error::Error) -> Self {
        Self(with_causes(error.to_string(), error))
    }

    /// From any other text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CallError {}

fn describe(status: &Status) -> String {
    with_causes(format!("{:?}: {}", status.code(), status.message()), status)
}

fn with_causes(mut text: String, error: &dyn std::error::Error) -> String {
    let mut below = error.source();
    while let Some(cause) = below {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        below = cause.source();
    }
    text
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
pub(super) struct Patience {
    clock: Clock,
    tries: Tries,
    internal: u32,
}

impl Patience {
    /// For a call in the midst of reading. `first_pause` doubles from try to
    /// try, with jitter.
    pub(super) fn new(clock: Clock, first_pause: Duration) -> Self {
        Self::of(clock, first_pause, MOST_TRIES)
    }

    /// For the first call of all, where a mistake is likelier than an outage.
    pub(super) fn brief(clock: Clock, first_pause: Duration) -> Self {
        Self::of(clock, first_pause, MOST_INTERNAL)
    }

    fn of(clock: Clock, first_pause: Duration, most: u32) -> Self {
        Self {
            clock,
            tries: Tries::new(clock, first_pause, most),
            internal: 0,
        }
    }

    /// After a failed call: pauses and says how to try again, or gives the error
    /// to end with. `doing` completes "Qdrant failed while …".
    pub(super) async fn after(
        &mut self,
        doing: &str,
        decision: Decision,
        error: CallError,
    ) -> Result<Again, Error> {
        let Some(pause) = self.next_pause(decision) else {
            return Err(self.final_error(doing, decision).because(error));
        };
        self.clock.sleep(pause).await;
        Ok(match decision {
            Decision::Smaller => Again::Smaller,
            _ => Again::Same,
        })
    }

    /// The pause before another try; none when there is to be none.
    fn next_pause(&mut self, decision: Decision) -> Option<Duration> {
        match decision {
            Decision::Wait(pause) => self.tries.next_pause(Some(pause)),
            Decision::Retry | Decision::Smaller => self.tries.next_pause(None),
            Decision::RetryBriefly => {
                self.internal += 1;
                let pause = self.tries.next_pause(None);
                pause.filter(|_| self.internal < MOST_INTERNAL)
            }
            _ => None,
        }
    }

    fn final_error(&self, doing: &str, decision: Decision) -> Error {
        let tried = self.tries.shown();
        match decision {
            Decision::Wait(pause) => Error::stopped(format!(
                "Qdrant's rate limit held off {doing} ({tried})"
            ))
            .advise(format!(
                "Run again in {} seconds, or raise the collection's read_rate_limit",
                pause.as_secs().max(1)
            )),
            Decision::Smaller => {
                Error::stopped(format!("Qdrant was too slow while {doing} ({tried})"))
                    .advise("Run again when the server has less to do, or raise the Qdrant timeout")
            }
            Decision::Retry | Decision::RetryBriefly => {
                Error::stopped(format!("Qdrant failed while {doing} ({tried})"))
                    .advise("See whether the Qdrant server is well, then run again")
            }
            lasting => lasting_error(doing, lasting),
        }
    }
}

/// The error of a call that was not tried again.
fn lasting_error(doing: &str, decision: Decision) -> Error {
    match decision {
        Decision::Unauthenticated => {
            Error::forbidden(format!("Qdrant refused the API key while {doing}"))
                .advise("Set QDRANT_API_KEY to a key of this server; a read-only key is enough")
        }
        Decision::Denied => Error::forbidden(format!(
            "the API key has no right to what was asked while {doing}"
        ))
        .advise("Use a key that may read this collection; a read-only key is enough"),
        Decision::Missing => Error::failed(format!(
            "Qdrant no longer knows the collection while {doing}"
        ))
        .advise("See whether the collection was deleted or renamed"),
        Decision::StorageFull => Error::stopped(format!(
            "Qdrant's disk or memory is full, so it failed while {doing}"
        ))
        .advise("Make room on the Qdrant server, then run again"),
        _ => Error::failed(format!("Qdrant refused the call while {doing}")),
    }
}

#[cfg(test)]
mod tests;
