//! What the mapping did to one point that its operator should be told of by name
//! or amount. Counted over all points, it goes to the ledger and the report.

/// One such thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `--fix-keys` gave this key of the metadata, at whatever level, another name.
    KeyFixed(String),
    /// `--truncate` cut so many bytes of text (UTF-8).
    Cut(usize),
    /// The point had a key that `--rename`, `--keep` or `--drop` names: `--drop KEY`.
    KeyFound(String),
}

/// The kinds of changes, under the names that the ledger has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// [`Change::KeyFixed`]
    KeyFixed,
    /// [`Change::Cut`]
    Cut,
    /// [`Change::KeyFound`]
    KeyFound,
}

impl ChangeKind {
    /// Its stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::KeyFixed => "key_fixed",
            Self::Cut => "cut",
            Self::KeyFound => "key_found",
        }
    }
}

impl Change {
    /// Its kind.
    pub fn kind(&self) -> ChangeKind {
        match self {
            Self::KeyFixed(_) => ChangeKind::KeyFixed,
            Self::Cut(_) => ChangeKind::Cut,
            Self::KeyFound(_) => ChangeKind::KeyFound,
        }
    }

    /// What it was done to (or, of keys that were found, for which option), where
    /// one mapping has several.
    pub fn subject(&self) -> &str {
        match self {
            Self::KeyFixed(subject) | Self::KeyFound(subject) => subject,
            Self::Cut(_) => "",
        }
    }

    /// Its amount in bytes, where it has one.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Cut(bytes) => *bytes as u64,
            Self::KeyFixed(_) | Self::KeyFound(_) => 0,
        }
    }
}
