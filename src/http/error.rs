//! Why a call failed for good: what was tried, how often, over how long, and
//! what came back last. Never a header, a query or the token.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use http::Method;

use crate::http::budget::BudgetError;
use crate::http::request::Request;

/// A call that failed after every attempt that was worth making.
#[derive(Debug)]
pub struct HttpError {
    /// The method.
    pub method: Method,
    /// The path below the base address, without its query.
    pub path: String,
    /// Attempts made.
    pub attempts: u32,
    /// From the first attempt to the end of the last, waits included.
    pub elapsed: Duration,
    /// How the last attempt ended.
    pub cause: Cause,
    /// Whether the service may have applied the request, in any attempt.
    maybe_applied: bool,
}

/// How the last attempt ended.
#[derive(Debug)]
pub enum Cause {
    /// No connection could be made.
    NotSent(Box<dyn StdError + Send + Sync>),
    /// It was sent, and no whole answer came.
    Lost(Box<dyn StdError + Send + Sync>),
    /// With an answer that might have been better on repetition.
    Answered {
        /// Its status.
        status: u16,
        /// The beginning of its body, at most 300 characters.
        excerpt: String,
    },
    /// Refused for too many calls.
    RateLimited {
        /// The answer's status.
        status: u16,
        /// How long the service asked to wait.
        retry_after: Option<Duration>,
        /// The beginning of the answer's body, at most 300 characters.
        excerpt: String,
    },
    /// The answer was larger than this many bytes.
    TooLarge {
        /// What was allowed.
        limit_bytes: usize,
    },
    /// No turn could be taken.
    Budget(BudgetError),
    /// The operator stopped it while it waited for a turn or paused.
    Interrupted,
}

impl HttpError {
    pub(crate) fn new(
        request: &Request,
        attempts: u32,
        elapsed: Duration,
        cause: Cause,
        maybe_applied: bool,
    ) -> Self {
        Self {
            method: request.method.clone(),
            path: request.shown_path().to_owned(),
            attempts,
            elapsed,
            cause,
            maybe_applied: maybe_applied && request.method != Method::GET,
        }
    }

    /// Whether the service may have applied the request although the call
    /// failed: the caller of a [`Repeat::Unsafe`](crate::http::Repeat::Unsafe) request has to look.
    pub fn may_have_applied(&self) -> bool {
        self.maybe_applied
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} failed", self.method, self.path)?;
        if self.attempts > 1 {
            // Whole seconds: nobody needs the nanoseconds.
            let seconds = Duration::from_secs(self.elapsed.as_secs());
            let over = humantime::format_duration(seconds);
            write!(f, " after {} attempts over {over}", self.attempts)?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(_) => f.write_str("no connection could be made"),
            Self::Lost(_) => f.write_str("the request was sent, but no whole answer came"),
            Self::Answered { status, excerpt } => {
                write!(f, "the answer was status {status}, {}", Quoted(excerpt))
            }
            Self::RateLimited {
                status,
                retry_after,
                excerpt,
            } => {
                write!(f, "too many requests (status {status}")?;
                if let Some(pause) = retry_after {
                    write!(f, ", retry after {} s", pause.as_secs())?;
                }
                write!(f, "), {}", Quoted(excerpt))
            }
            Self::TooLarge { limit_bytes } => {
                write!(f, "the answer was larger than {limit_bytes} bytes")
            }
            Self::Budget(_) => f.write_str("no turn could be taken from the request budget"),
            Self::Interrupted => f.write_str("interrupted while waiting"),
        }
    }
}

struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => f.write_str("with an empty body"),
            text => write!(f, "beginning: {text}"),
        }
    }
}

impl StdError for HttpError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.cause {
            Cause::NotSent(source) | Cause::Lost(source) => Some(source.as_ref()),
            Cause::Budget(source) => Some(source),
            Cause::Answered { .. }
            | Cause::RateLimited { .. }
            | Cause::TooLarge { .. }
            | Cause::Interrupted => None,
        }
    }
}
