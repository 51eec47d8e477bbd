//! What the mapping did to one point that its operator should be told of by name
//! or amount. Counted over all points, it goes to the ledger and the report.

/// One such thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// `--fix-keys` gave a key of the metadata, at whatever level, another name.
    KeyFixed {
        /// The key.
        from: String,
        /// Its name now.
        to: String,
    },
    /// `--truncate` cut its field.
    Cut {
        /// Bytes of text (UTF-8) that were cut off.
        bytes: usize,
    },
    /// The point had this key, which `--rename`, `--keep` or `--drop` names.
    KeyFound(String),
}
