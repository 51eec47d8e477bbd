//! `--long-ids`: what becomes of ids over Vectorize's 64 bytes. The scheme is
//! part of what operators build on (their applications compute the same ids), so
//! it never changes; `docs/mapping.md` has it with test vectors.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::words::words;
use crate::record::MAX_ID_BYTES;

/// The most bytes of the long id that stay readable.
const PREFIX_BYTES: usize = MAX_ID_BYTES - 1 - HASH_DIGITS;
/// The hexadecimal digits: half of a SHA-256.
const HASH_DIGITS: usize = 32;
/// What stands between them.
const SEPARATOR: char = '~';

/// What becomes of ids over 64 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LongIds {
    /// The point is rejected.
    #[default]
    Reject,
    /// The id is shortened: its beginning, `~`, and a hash of the whole.
    Hash,
}

words!(LongIds: "reject" => Reject, "hash" => Hash);

impl LongIds {
    /// The id that is written.
    pub(super) fn written(self, id: &str) -> Cow<'_, str> {
        match self {
            Self::Hash if id.len() > MAX_ID_BYTES => Cow::Owned(short_id(id)),
            _ => Cow::Borrowed(id),
        }
    }

    /// Whether an id as it is written may be a hash, so that nothing can be read
    /// from it.
    pub(super) fn may_have_written(self, id: &str) -> bool {
        self == Self::Hash && is_short_id(id)
    }
}

/// The id that stands for one of more than 64 bytes: as many whole characters of
/// it as 31 bytes hold, `~`, and the first 32 hexadecimal digits of the SHA-256
/// of all its bytes.
pub fn short_id(id: &str) -> String {
    let end = (0..=PREFIX_BYTES.min(id.len()))
        .rev()
        .find(|end| id.is_char_boundary(*end))
        .unwrap_or_default();
    let hash = Sha256::digest(id.as_bytes());
    let digits: String = hash[..HASH_DIGITS / 2]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{}{SEPARATOR}{digits}", &id[..end])
}

/// Whether an id has the form that [`short_id`] gives. A character takes at most
/// 4 bytes, so that at most 3 of the 31 stay unused.
fn is_short_id(id: &str) -> bool {
    let Some((prefix, digits)) = id.rsplit_once(SEPARATOR) else {
        return false;
    };
    let lower_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (PREFIX_BYTES - 3..=PREFIX_BYTES).contains(&prefix.len())
        && digits.len() == HASH_DIGITS
        && digits.bytes().all(lower_hex)
}

#[cfg(test)]
mod tests;
