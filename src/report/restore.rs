//! What became of a collection that was restored.

use serde::Serialize;

/// `restore` in the result object.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RestoreFacts {
    /// The collection's own name.
    pub collection: String,
    /// Whether this run made it (or would, in a dry run).
    pub created: bool,
    /// Whether it is made as the archive's configuration says; otherwise only as far
    /// as the points' shape tells.
    pub as_recorded: bool,
    /// Fields whose payload index this run made (or would).
    pub payload_indexes: Vec<String>,
    /// Points of the archive.
    pub points: u64,
    /// Points that this run wrote.
    pub written: u64,
    /// Points that were there already, as the archive has them.
    pub unchanged: u64,
    /// Points that were there with the archive's ids and other content.
    pub replaced: u64,
    /// Points that are there and not in the archive; they stay.
    pub foreign: u64,
    /// Points with a number whose digits Qdrant does not all keep.
    pub rounded_numbers: u64,
    /// Multivectors, which an archive does not hold: the collection has them, its
    /// points do not.
    pub left_out: Vec<String>,
    /// Settings that the server has otherwise than the archive says.
    pub settings_different: Vec<String>,
    /// The side that gave points back: `rest` or `grpc`.
    pub read_back_over: Option<&'static str>,
    /// Points read back whose vectors differ as the collection's storage explains.
    pub adjusted: u64,
    /// The most that a number of theirs differs from the archive's.
    pub largest_adjustment: f64,
}
