//! What `--dims` does to the vectors, and what it costs a search.

use serde::{Deserialize, Serialize};

use crate::recall::Row;

/// What becomes of the vectors' length, where that was asked for or is proposed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DimensionFacts {
    /// The dimensions in the source.
    pub from: usize,
    /// Those in the index; none where the vectors do not fit and `--dims` is only
    /// proposed.
    pub to: Option<usize>,
    /// Whether shortened vectors are given length 1 again.
    pub renormalised: bool,
    /// What it costs; none where nothing is shortened, or too few points were
    /// there to say.
    pub recall: Option<RecallFacts>,
}

/// Recall of exact search after the shortening against before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecallFacts {
    /// Neighbours looked for.
    pub k: usize,
    /// Points searched among.
    pub base: usize,
    /// Points of them searched for.
    pub queries: usize,
    /// Points of the sample that have no vector to search with.
    pub left_out: usize,
    /// Which points these are.
    pub rule: String,
    /// The figures, most dimensions first.
    pub rows: Vec<Row>,
}
