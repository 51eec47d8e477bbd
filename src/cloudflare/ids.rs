//! The names and tokens of an account's things, checked where an operator types
//! them and taken as they are where the service gives them.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// What JavaScript's `encodeURIComponent` leaves as it is, as the KV API asks
/// of keys.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// Text as one segment of a path or one value of a query.
pub(crate) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, COMPONENT).to_string()
}

/// Why a text names no account, index or namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing there.
    #[error("the {what} is empty")]
    Empty {
        /// What the text should name.
        what: &'static str,
    },
    /// Longer than the service takes.
    #[error("the {what} has {bytes} bytes; at most {limit} are possible")]
    Long {
        /// What the text should name.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The most that is possible.
        limit: usize,
    },
    /// Characters that none has, or that would mean another path.
    #[error("{text:?} cannot be the {what}")]
    Characters {
        /// What the text should name.
        what: &'static str,
        /// The text.
        text: String,
    },
}

impl From<IdError> for Error {
    fn from(error: IdError) -> Self {
        Self::usage(error.to_string()).advise(
            "names of indexes have 1 to 64 bytes, ids of accounts and KV namespaces have 32 hexadecimal digits: see the dashboard",
        )
    }
}

/// The longest id or name, in bytes (Vectorize limits page; ids of accounts and
/// KV namespaces have 32).
const MAX_BYTES: usize = 64;

fn checked(
    what: &'static str,
    text: String,
    allowed: impl Fn(char) -> bool,
) -> Result<String, IdError> {
    match text.as_str() {
        "" => Err(IdError::Empty { what }),
        _ if text.len() > MAX_BYTES => Err(IdError::Long {
            what,
            bytes: text.len(),
            limit: MAX_BYTES,
        }),
        // As a segment of a path these two would leave the index's folder.
        "." | ".." => Err(IdError::Characters { what, text }),
        _ if !text.chars().all(allowed) => Err(IdError::Characters { what, text }),
        _ => Ok(text),
    }
}

fn is_id_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

fn is_hex_32(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_type! {
    /// An account's id. Cloudflare's are 32 hexadecimal digits; a stand-in's
    /// may be any word.
    AccountId
}

impl AccountId {
    /// Checks that it can stand in a path.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        checked("account id", text.into(), is_id_character).map(Self)
    }

    /// Whether it looks like an id of Cloudflare's; worth a warning if not.
    pub fn is_usual(&self) -> bool {
        is_hex_32(&self.0)
    }
}

text_type! {
    /// An index's name: 1 to 64 bytes (Vectorize limits page).
    IndexName
}

impl IndexName {
    /// Checks the length, and that it can stand in a path when encoded.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        checked("index name", text.into(), |c| !c.is_control()).map(Self)
    }
}

text_type! {
    /// A KV namespace's id. Cloudflare's are 32 hexadecimal digits.
    KvNamespaceId
}

impl KvNamespaceId {
    /// Checks that it can stand in a path.
    pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
        checked("KV namespace id", text.into(), is_id_character).map(Self)
    }

    /// Whether it looks like an id of Cloudflare's and not like a title.
    pub fn is_usual(&self) -> bool {
        is_hex_32(&self.0)
    }
}

macro_rules! opaque_type {
    ($(#[$doc:meta])* $name:ident) => {
        text_type! {
            $(#[$doc])*
            #[derive(Serialize, Deserialize)]
            #[serde(transparent)]
            $name
        }

        impl $name {
            /// Takes what the service gave earlier; none where it is empty.
            pub fn new(text: impl Into<String>) -> Option<Self> {
                Some(Self(text.into())).filter(|token| !token.0.is_empty())
            }
        }
    };
}

opaque_type! {
    /// What an accepted write is known by until it is applied. Two cannot be
    /// compared for which is later.
    MutationId
}

opaque_type! {
    /// Where a walk over an index's ids goes on: opaque, and good for a while
    /// only (Vectorize list page).
    ListCursor
}

opaque_type! {
    /// Where a walk over a namespace's keys goes on (KV list-keys page).
    KeyCursor
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_encoded_as_javascript_does() {
        assert_eq!(encoded("a-_.!~*'()z09"), "a-_.!~*'()z09");
        assert_eq!(
            encoded("file:a b/c?d=e&f#g+h%ü\u{1F600}\\"),
            "file%3Aa%20b%2Fc%3Fd%3De%26f%23g%2Bh%25%C3%BC%F0%9F%98%80%5C"
        );
    }

    #[test]
    fn names_that_cannot_be_are_refused_with_their_reason() {
        let refusal = |text: &str| IndexName::new(text).unwrap_err().to_string();
        assert_eq!(refusal(""), "the index name is empty");
        assert_eq!(
            refusal(&"x".repeat(65)),
            "the index name has 65 bytes; at most 64 are possible"
        );
        assert_eq!(refusal(".."), "\"..\" cannot be the index name");
        assert_eq!(refusal("a\n"), "\"a\\n\" cannot be the index name");
        assert!(IndexName::new("docs 2026/v2.1").is_ok());
        assert!(KvNamespaceId::new("a/b").is_err());
    }

    #[test]
    fn account_ids_are_checked_leniently() {
        assert!(AccountId::new("trial").is_ok_and(|id| !id.is_usual()));
        let usual = AccountId::new("0123456789abcdef0123456789ABCDEF").unwrap();
        assert!(usual.is_usual());
        assert!(AccountId::new("a/b").is_err());
    }

    #[test]
    fn an_empty_cursor_is_none() {
        assert_eq!(ListCursor::new(""), None);
        assert_eq!(KeyCursor::new("x").unwrap().as_str(), "x");
    }
}
