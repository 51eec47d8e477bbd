//! What a rollback did, over all its starts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Findings, Verdict};

/// What became of what the migration wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RollbackFacts {
    /// Vectors that the migration wrote, as far as is known, and that were not
    /// there before.
    pub vectors: u64,
    /// Those that were deleted, or would be.
    pub deleted: u64,
    /// Those that were changed since, and stay.
    pub kept_changed: u64,
    /// Those that were not in the index.
    pub not_found: u64,
    /// Whether the index went as a whole, because the migration had created it.
    pub index_deleted: bool,
    /// Entries (the count included) that are as they were before.
    pub entries_restored: u64,
    /// Entries that were not there before and were deleted.
    pub entries_deleted: u64,
    /// Entries that were changed since, and stay.
    pub entries_kept: u64,
    /// KV namespaces that went as a whole.
    pub namespaces_deleted: u64,
    /// Vectors that were there before and that the migration replaced.
    pub overwritten: u64,
    /// Those whose old values are back.
    pub restored_overwritten: u64,
    /// Those whose old values nobody has.
    pub lost_overwritten: u64,
    /// Vectors that others have brought into the index since.
    pub newcomers: u64,
    /// Whether the target is as before; none in a dry run.
    pub verdict: Option<Verdict>,
    /// What is not as before, by kind.
    pub findings: BTreeMap<&'static str, Findings>,
}
