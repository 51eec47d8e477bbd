//! What became of the points of each namespace, where there is more than one.

use std::collections::BTreeMap;

use serde::Serialize;

/// Namespaces that the report names at most.
pub const MAX_NAMESPACES: usize = 1_000;

/// What became of one namespace's points: `archived` is the sum of what was
/// settled, was unchanged and was rejected, as in the whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct NamespaceFacts {
    /// The namespace of the records, for rejected points that of the source; none
    /// for the default one.
    pub name: Option<String>,
    /// What the source counted in it after the export; none where it does not count
    /// by namespace, or `--namespace` gives records another one.
    pub source: Option<u64>,
    /// Points that the archive holds.
    pub archived: u64,
    /// Points that cannot become records.
    pub rejected: u64,
    /// Records that this run wrote and the index applied.
    pub settled: u64,
    /// Records that were already as they should be.
    pub unchanged: u64,
    /// Records that the index lacks.
    pub missing: u64,
    /// Records read back and compared.
    pub values_sampled: u64,
    /// Those that differ in vector, metadata or namespace.
    pub values_different: u64,
}

impl NamespaceFacts {
    /// Whether something of it is not as it should be.
    pub fn is_notable(&self) -> bool {
        let short = self.source.is_some_and(|source| source != self.archived);
        short || self.rejected + self.missing + self.values_different > 0
    }
}

/// What was found of one namespace's records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NamespaceFindings {
    /// Records that the index lacks.
    pub missing: u64,
    /// Records read back and compared.
    pub values_sampled: u64,
    /// Those that differ.
    pub values_different: u64,
}

/// Findings by the records' namespace.
pub type ByNamespace = BTreeMap<Option<String>, NamespaceFindings>;
