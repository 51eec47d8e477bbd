//! `--truncate`: one text of the metadata cut until all of it fits, and no more
//! than that.

use serde_json::Value;

use super::field::lookup_mut;
use crate::point::Payload;

/// Why cutting a field does not help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Uncut {
    /// There is no such field.
    #[error("which this point does not have")]
    Absent,
    /// The field is not text.
    #[error("which is not text")]
    NotText,
    /// Without the field's whole text it is still too large.
    #[error("which cannot be cut enough: without any of its text there are {bytes} bytes")]
    NotEnough {
        /// What is left then.
        bytes: usize,
    },
}

/// Cuts characters off the end of the text at `path`, as few as will make the
/// compact JSON, now of `bytes`, at most `limit` bytes long. Gives how many
/// bytes of text (UTF-8) were cut.
pub(super) fn truncate(
    object: &mut Payload,
    path: &str,
    bytes: usize,
    limit: usize,
) -> Result<usize, Uncut> {
    let Some(value) = lookup_mut(object, path) else {
        return Err(Uncut::Absent);
    };
    let Value::String(text) = value else {
        return Err(Uncut::NotText);
    };
    let excess = bytes.saturating_sub(limit);
    let mut saved = 0;
    let mut end = text.len();
    for (position, character) in text.char_indices().rev() {
        if saved >= excess {
            break;
        }
        saved += json_bytes(character);
        end = position;
    }
    if saved < excess {
        return Err(Uncut::NotEnough {
            bytes: bytes - saved,
        });
    }
    let cut = text.len() - end;
    text.truncate(end);
    Ok(cut)
}

/// The bytes that a character takes within JSON text.
fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' | '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests;
