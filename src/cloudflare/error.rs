//! Why a call to the account failed, in the cases that callers tell apart. Which
//! code is which case is in `codes`; what the operator reads and does
//! is in `guidance`.

use std::error::Error as StdError;
use std::fmt;

use crate::cloudflare::call::Operation;
use crate::cloudflare::codes::{Meaning, may_blame_a_record, meaning};
use crate::cloudflare::envelope;
use crate::http::{Answer, Cause, HttpError};

/// One reason of a refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Its code, where it has one.
    pub code: Option<u32>,
    /// Its text, as the service wrote it.
    pub message: String,
}

/// The service's answer to a call that it refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    operation: Operation,
    /// The answer's status.
    pub status: u16,
    /// The reasons it gives, in its order.
    pub notes: Vec<Note>,
    /// The beginning of the answer's body, where it gives none.
    excerpt: String,
}

impl Refusal {
    fn new(operation: Operation, answer: &Answer) -> Self {
        Self {
            operation,
            status: answer.status,
            notes: envelope::notes(answer),
            excerpt: answer.excerpt(),
        }
    }

    /// Whether one of its reasons has this code.
    pub fn has_code(&self, code: u32) -> bool {
        self.notes.iter().any(|note| note.code == Some(code))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            match note.code {
                Some(code) => write!(f, "{} (code {code}), ", Short(&note.message))?,
                None => write!(f, "{}, ", Short(&note.message))?,
            }
        }
        match self.notes.is_empty() && !self.excerpt.is_empty() {
            true => write!(f, "status {}: {}", self.status, self.excerpt),
            false => write!(f, "status {}", self.status),
        }
    }
}

/// A service's text on one line, at most 300 characters.
struct Short<'a>(&'a str);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::http::request::excerpt(self.0.as_bytes()))
    }
}

/// Why a call to the account failed.
#[derive(Debug)]
pub enum ApiError {
    /// There is no such index, namespace or key.
    NotFound(Refusal),
    /// The name or title is taken.
    DuplicateName(Refusal),
    /// An index cannot be made like this.
    InvalidConfig(Refusal),
    /// One record or pair of the batch is refused, and with it the whole batch.
    BadRecord(Refusal),
    /// The body is larger than the service takes.
    TooLarge(Refusal),
    /// The walk over an index's ids broke off; it can only begin again.
    CursorBroken(Refusal),
    /// The token is wrong or may not do this.
    Forbidden(Refusal),
    /// A firewall before the API asks for proof of being a person.
    Challenged(Refusal),
    /// The account id is none.
    BadAccount(Refusal),
    /// Today's free allowance is used up.
    FreeAllowanceSpent(Refusal),
    /// The account's plan does not include this.
    NotEntitled(Refusal),
    /// Any other refusal.
    Other(Refusal),
    /// Refused for too many calls until patience ended.
    RateLimited {
        /// What was attempted.
        operation: Operation,
        /// How.
        source: Box<HttpError>,
    },
    /// No answer that could be used.
    Http {
        /// What was attempted.
        operation: Operation,
        /// Why.
        source: Box<HttpError>,
    },
    /// A complete answer that is not of the documented form.
    BadAnswer {
        /// What was attempted.
        operation: Operation,
        /// What the answer should have been.
        expected: &'static str,
        /// The beginning of what it was.
        excerpt: String,
    },
}

impl ApiError {
    pub(crate) fn from_http(operation: Operation, error: HttpError) -> Self {
        let source = Box::new(error);
        match source.cause {
            Cause::RateLimited { .. } => Self::RateLimited { operation, source },
            _ => Self::Http { operation, source },
        }
    }

    pub(crate) fn refused(operation: Operation, answer: &Answer) -> Self {
        let refusal = Refusal::new(operation, answer);
        match meaning(answer, &refusal.notes) {
            Meaning::NotFound => Self::NotFound(refusal),
            Meaning::DuplicateName => Self::DuplicateName(refusal),
            Meaning::InvalidConfig => Self::InvalidConfig(refusal),
            Meaning::BadRecord => Self::BadRecord(refusal),
            Meaning::TooLarge => Self::TooLarge(refusal),
            Meaning::CursorBroken => Self::CursorBroken(refusal),
            Meaning::Forbidden => Self::Forbidden(refusal),
            Meaning::Challenged => Self::Challenged(refusal),
            Meaning::BadAccount => Self::BadAccount(refusal),
            Meaning::FreeAllowanceSpent => Self::FreeAllowanceSpent(refusal),
            Meaning::NotEntitled => Self::NotEntitled(refusal),
            // Limits are returned as answers only when nobody retries them.
            Meaning::AccountLimit | Meaning::EndpointLimit | Meaning::Unknown => {
                Self::Other(refusal)
            }
        }
    }

    /// Whether the service may have done what was asked although the call
    /// failed.
    pub fn may_have_applied(&self) -> bool {
        match self {
            Self::Http { source, .. } | Self::RateLimited { source, .. } => {
                source.may_have_applied()
            }
            _ => false,
        }
    }

    /// Whether a refused upsert may be the fault of one of its records, so that
    /// the others would be taken without it.
    pub fn blames_a_record(&self) -> bool {
        match self {
            Self::BadRecord(_) | Self::TooLarge(_) => true,
            Self::Other(refusal) => refusal
                .notes
                .iter()
                .filter_map(|note| note.code)
                .any(|code| may_blame_a_record(code, refusal.status)),
            _ => false,
        }
    }

    /// The refusal's first code (0 where it has none) and its words.
    pub fn refusal_told(&self) -> (i64, String) {
        let Some(refusal) = self.parts().1 else {
            return (0, self.to_string());
        };
        let code = refusal.notes.iter().find_map(|note| note.code);
        (code.map_or(0, i64::from), refusal.to_string())
    }

    /// What was attempted, and the refusal where there was one.
    pub(crate) fn parts(&self) -> (&Operation, Option<&Refusal>) {
        match self {
            Self::NotFound(refusal)
            | Self::DuplicateName(refusal)
            | Self::InvalidConfig(refusal)
            | Self::BadRecord(refusal)
            | Self::TooLarge(refusal)
            | Self::CursorBroken(refusal)
            | Self::Forbidden(refusal)
            | Self::Challenged(refusal)
            | Self::BadAccount(refusal)
            | Self::FreeAllowanceSpent(refusal)
            | Self::NotEntitled(refusal)
            | Self::Other(refusal) => (&refusal.operation, Some(refusal)),
            Self::RateLimited { operation, .. }
            | Self::Http { operation, .. }
            | Self::BadAnswer { operation, .. } => (operation, None),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAnswer {
                expected, excerpt, ..
            } => write!(f, "the answer should be {expected}, but begins: {excerpt}"),
            Self::RateLimited { .. } => f.write_str("no call was let through"),
            Self::Http { .. } => f.write_str("no usable answer came from Cloudflare"),
            refused => match refused.parts().1 {
                Some(refusal) => write!(f, "Cloudflare answered: {refusal}"),
                None => Ok(()),
            },
        }
    }
}

impl StdError for ApiError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::RateLimited { source, .. } | Self::Http { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}
