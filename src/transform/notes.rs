//! What the operator should hear about a point that became a record all the
//! same: forms that Vectorize's documentation leaves open, gaps in what the file
//! index is made from, and what options changed that not every point needs.

use std::fmt;

use serde::Serialize;

/// One remark about a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Note {
    /// Every number of the vector is zero, in a cosine index.
    ZeroVector,
    /// `null` somewhere in the metadata.
    NullMetadata,
    /// An object within an object of the metadata.
    DeepMetadata,
    /// A list in the metadata with anything but text in it.
    MixedArray,
    /// The file-key template names a field that the point lacks.
    NoFile,
    /// The point has a file, and no order in it.
    NoOrder,
    /// The payload has a `file_id`, and the vector id is the source's own.
    SourceId,
    /// `--nulls drop` left a key out.
    NullsDropped,
    /// `--fix-keys` changed a key.
    KeysFixed,
    /// `--truncate` cut its field.
    Truncated,
    /// `--long-ids hash` made the id.
    IdHashed,
}

impl Note {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ZeroVector,
        Self::NullMetadata,
        Self::DeepMetadata,
        Self::MixedArray,
        Self::NoFile,
        Self::NoOrder,
        Self::SourceId,
        Self::NullsDropped,
        Self::KeysFixed,
        Self::Truncated,
        Self::IdHashed,
    ];

    /// Its stable name, in reports and in `rejected.ndjson`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ZeroVector => "zero_vector",
            Self::NullMetadata => "null_metadata",
            Self::DeepMetadata => "deep_metadata",
            Self::MixedArray => "mixed_array",
            Self::NoFile => "no_file",
            Self::NoOrder => "no_order",
            Self::SourceId => "source_id",
            Self::NullsDropped => "nulls_dropped",
            Self::KeysFixed => "keys_fixed",
            Self::Truncated => "truncated",
            Self::IdHashed => "id_hashed",
        }
    }

    /// One sentence for the operator.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::ZeroVector => {
                "The vector is all zeros, which has no direction: Vectorize does not say what a cosine index makes of it."
            }
            Self::NullMetadata => {
                "The metadata holds null, which is not among the types that Vectorize publishes; --nulls drop leaves out the keys that hold it."
            }
            Self::DeepMetadata => {
                "The metadata nests objects more than one level deep, which Vectorize's published types do not cover."
            }
            Self::MixedArray => {
                "The metadata holds a list with more than text in it; Vectorize publishes lists of text only."
            }
            Self::NoFile => {
                "The point lacks a field that the file key is made of: its vector is in no entry of the file index."
            }
            Self::NoOrder => {
                "The point lacks the field that orders the chunks of a file: it comes after those that have it, by vector id."
            }
            Self::SourceId => {
                "The payload has a file_id, but the vector id is the source's own; the sync system expects --id '{file_id}_{chunk_index}'."
            }
            Self::NullsDropped => "Keys whose value is null were left out, as --nulls drop asks.",
            Self::KeysFixed => "Keys that Vectorize refuses were changed, as --fix-keys asks.",
            Self::Truncated => {
                "The metadata was too large and its text was cut, as --truncate asks."
            }
            Self::IdHashed => {
                "The id was longer than Vectorize takes, and its end gave way to a hash, as --long-ids hash asks."
            }
        }
    }

    /// Whether it is about what Vectorize's contract leaves unsettled, and so a
    /// rejection under [`super::UnsettledPolicy::Reject`].
    pub fn is_unsettled(self) -> bool {
        matches!(
            self,
            Self::ZeroVector | Self::NullMetadata | Self::DeepMetadata | Self::MixedArray
        )
    }

    /// Whether an option that the operator gave is the whole reason for it.
    pub fn is_asked_for(self) -> bool {
        matches!(
            self,
            Self::NullsDropped | Self::KeysFixed | Self::Truncated | Self::IdHashed
        )
    }

    fn bit(self) -> u16 {
        1 << (self as u8)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of notes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes(u16);

impl Notes {
    /// Adds a note; again changes nothing.
    pub fn insert(&mut self, note: Note) {
        self.0 |= note.bit();
    }

    /// Whether the note is among them.
    pub fn contains(self, note: Note) -> bool {
        self.0 & note.bit() != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every one of `others` is among them.
    pub fn contains_all(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Those about what Vectorize's contract leaves unsettled.
    #[must_use]
    pub fn unsettled(self) -> Self {
        self.iter().filter(|note| note.is_unsettled()).collect()
    }

    /// The notes, in the order of [`Note::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Note> {
        Note::ALL
            .into_iter()
            .filter(move |note| self.contains(*note))
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(Note::name).collect();
        f.write_str(&names.join(", "))
    }
}

impl Extend<Note> for Notes {
    fn extend<I: IntoIterator<Item = Note>>(&mut self, notes: I) {
        notes.into_iter().for_each(|note| self.insert(note));
    }
}

impl FromIterator<Note> for Notes {
    fn from_iter<I: IntoIterator<Item = Note>>(notes: I) -> Self {
        let mut set = Self::default();
        set.extend(notes);
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_exactly_what_was_put_in() {
        for note in Note::ALL {
            let notes = Notes::from_iter([note, note]);
            assert_eq!(notes.iter().collect::<Vec<_>>(), [note]);
        }
        assert!(Notes::default().is_empty());
        assert_eq!(Notes::from_iter(Note::ALL).iter().count(), Note::ALL.len());
    }

    #[test]
    fn what_is_unsettled_is_told_from_the_rest() {
        let notes = Notes::from_iter([Note::NoFile, Note::NullMetadata, Note::MixedArray]);
        assert_eq!(notes.unsettled().to_string(), "null_metadata, mixed_array");
        assert!(notes.contains_all(notes.unsettled()));
        assert!(!notes.unsettled().contains_all(notes));
    }

    #[test]
    fn the_serialized_name_is_the_stable_name() {
        for note in Note::ALL {
            assert_eq!(serde_json::to_value(note).unwrap(), note.name());
            assert_eq!(note.to_string(), note.name());
        }
    }

    #[test]
    fn an_explanation_is_one_sentence() {
        for note in Note::ALL {
            let text = note.explanation();
            assert!(text.ends_with('.') && !text.contains(". "), "{text}");
        }
    }
}
