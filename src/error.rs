//! The one error that reaches the terminal: what failed, what to do next, and
//! the exit code that follows. Modules keep small enums of their own where a
//! caller has to tell cases apart; they become this type on their way up, and
//! their text stays in the chain, never pasted into the message.

use std::error::Error as StdError;
use std::fmt;

/// What kind of end an error is; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something is broken and running again will not mend it (exit 1).
    Failed,
    /// The command line, a variable or a settings file is wrong (exit 2).
    Usage,
    /// A passing reason: running the same command again goes on (exit 5).
    Stopped,
    /// Credentials or permissions (exit 6).
    Forbidden,
    /// The plan refuses; nothing was written by this run (exit 7).
    Refused,
    /// The operator stopped it (exit 130).
    Interrupted,
}

impl Kind {
    /// The process's exit code.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Stopped => 5,
            Self::Forbidden => 6,
            Self::Refused => 7,
            Self::Interrupted => 130,
        }
    }

    /// The word for it in the result object.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Failed | Self::Usage => "failed",
            Self::Stopped => "stopped",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
        }
    }
}

/// An error as the operator reads it.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    advice: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of `kind`; `message` says what failed, on which thing.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            advice: None,
            source: None,
        }
    }

    /// Exit 1: broken, and running again will not mend it.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// Exit 2: the command line or a setting is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Exit 5: passing; run again.
    pub fn stopped(message: impl Into<String>) -> Self {
        Self::new(Kind::Stopped, message)
    }

    /// Exit 6: credentials or permissions.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, message)
    }

    /// Exit 7: the plan refuses.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Adds what the operator can do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Adds the error below this one.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Says of which thing among several it is.
    #[must_use]
    pub fn about(mut self, thing: &str) -> Self {
        self.message = format!("{thing}: {}", self.message);
        self
    }

    /// What kind of end this is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do next, where that is known.
    pub fn advice(&self) -> Option<&str> {
        self.advice.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}
