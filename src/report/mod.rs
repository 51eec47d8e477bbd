//! The facts of a migration: one value that the terminal's closing table, the
//! `--json` object and `report.json` are made of. Fields are only ever added.

pub mod dimensions;
pub mod facts;
mod jobs;
mod namespaces;
mod passes;
mod restore;
mod rollback;
mod shown;
pub mod snippets;

pub use jobs::{JOBS_SCHEMA, JobsReport};
pub use namespaces::{ByNamespace, MAX_NAMESPACES, NamespaceFacts, NamespaceFindings};
pub use passes::Passed;
pub use restore::RestoreFacts;
pub use rollback::RollbackFacts;
pub use shown::{ShownPoint, ShownRecord, ShownVector};

pub use dimensions::{DimensionFacts, RecallFacts};
pub use facts::{
    CatchUpFacts, CutFacts, FileIndexFacts, Findings, FixedKeyFacts, MappingFacts, Outcome,
    PointFacts, Report, RequestFacts, Seconds, Verdict, VerificationFacts,
};
