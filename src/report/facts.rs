//! The result object, `cf-migrate/report/1`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::dimensions::DimensionFacts;
use super::namespaces::{ByNamespace, NamespaceFacts};
use super::restore::RestoreFacts;
use crate::error::Error;
use crate::report::{RollbackFacts, ShownPoint};

/// The schema's name; a consumer may rely on every field it has seen.
pub const SCHEMA: &str = "cf-migrate/report/1";

/// How a verb ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Verified equal (exit 0).
    Proven,
    /// Done, with nothing to verify in this verb (exit 0).
    Done,
    /// Done, but some points could not become records (exit 3).
    Rejections,
    /// Verification found differences (exit 4).
    Differences,
    /// Stopped for a passing reason (exit 5).
    Stopped,
    /// Not allowed (exit 6).
    Forbidden,
    /// The plan refused (exit 7).
    Refused,
    /// Failed (exit 1, or 2 where the command line is wrong).
    Failed,
    /// Interrupted by the operator (exit 130).
    Interrupted,
}

impl Outcome {
    /// The word in the result object.
    pub fn name(self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Done => "done",
            Self::Rejections => "rejections",
            Self::Differences => "differences",
            Self::Stopped => "stopped",
            Self::Forbidden => "forbidden",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
        }
    }

    fn of_error(error: &Error) -> Self {
        use crate::error::Kind;
        match error.kind() {
            Kind::Failed | Kind::Usage => Self::Failed,
            Kind::Stopped => Self::Stopped,
            Kind::Forbidden => Self::Forbidden,
            Kind::Refused => Self::Refused,
            Kind::Interrupted => Self::Interrupted,
        }
    }
}

/// What became of the points.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PointFacts {
    /// What the source counts; none where it cannot say.
    pub source: Option<u64>,
    /// What the archive holds.
    pub archived: u64,
    /// Records that this run wrote and the index applied.
    pub settled: u64,
    /// Records that were already as they should be.
    pub unchanged: u64,
    /// Points that cannot become records.
    pub rejected: u64,
    /// Points that the source no longer has.
    pub vanished: u64,
    /// Vectors that this run deleted.
    pub deleted: u64,
    /// Vectors of the index that no ledger of ours wrote.
    pub foreign: u64,
}

/// What the mapping changed, beyond what each option says by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MappingFacts {
    /// Keys that `--fix-keys` changed, at whatever level; the first hundred.
    pub fixed_keys: Vec<FixedKeyFacts>,
    /// Points with keys beyond those, each key counted for itself.
    pub fixed_keys_more: u64,
    /// What `--truncate` cut.
    pub truncated: Option<CutFacts>,
    /// Points whose id `--long-ids hash` shortened.
    pub hashed_ids: u64,
    /// Points of which `--nulls drop` left out something.
    pub nulls_dropped: u64,
    /// `OPTION KEY` for each key that `--rename`, `--keep` or `--drop` names and no
    /// record's payload had.
    pub keys_not_found: Vec<String>,
}

/// A key that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FixedKeyFacts {
    /// The source's key.
    pub key: String,
    /// The metadata's.
    pub becomes: String,
    /// How many points have it.
    pub points: u64,
}

/// What was cut off a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CutFacts {
    /// The field, as `--truncate` names it.
    pub field: String,
    /// Points whose text was cut.
    pub points: u64,
    /// Bytes (UTF-8) that were cut off, of all points.
    pub bytes: u64,
    /// The most that one point lost.
    pub most_bytes: u64,
}

/// What was sent to the account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RequestFacts {
    /// Requests, repeated ones included.
    pub total: u64,
    /// Those that repeated an earlier one.
    pub retried: u64,
    /// Answers that asked to slow down.
    pub rate_limited: u64,
}

/// What became of the file index.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FileIndexFacts {
    /// Files that have an entry.
    pub entries: u64,
    /// Vector ids in those entries.
    pub ids: u64,
    /// Entries that this run wrote, the count included.
    pub written: u64,
    /// Entries that were already right.
    pub unchanged: u64,
    /// Entries whose vectors are gone.
    pub stale: u64,
}

/// Where the target stands in following its source.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CatchUpFacts {
    /// The archive's generation that was migrated last.
    pub generation: u64,
    /// When its first point was read (RFC 3339); none where it has no point.
    pub export_began: Option<String>,
    /// How old that view of the source was when the pass ended.
    pub behind_seconds: Option<f64>,
    /// Passes of this command, this one included.
    pub passes: u64,
    /// Whether the folder is sealed: the source was read once more and is the same.
    pub sealed: bool,
    /// Older generations that were removed.
    pub removed_generations: Vec<u64>,
}

/// What verification says as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything that was compared is equal.
    Equal,
    /// Something differs.
    Different,
    /// Nothing that was compared differs, but not everything could be.
    Incomplete,
}

/// Findings of one kind: how many, and the first few by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Findings {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<String>,
}

impl Findings {
    const SHOWN: usize = 20;

    /// Counts one more.
    pub fn add(&mut self, what: impl Into<String>) {
        self.count += 1;
        if self.examples.len() < Self::SHOWN {
            self.examples.push(what.into());
        }
    }

    /// Counts others too.
    pub fn add_all(&mut self, others: Self) {
        self.count += others.count;
        let room = Self::SHOWN.saturating_sub(self.examples.len());
        self.examples.extend(others.examples.into_iter().take(room));
    }
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerificationFacts {
    /// The whole.
    pub verdict: Verdict,
    /// Our ids that the index lacks.
    pub missing: u64,
    /// Ids in the index that are neither ours nor in the inventory.
    pub extra: u64,
    /// Records read back and compared.
    pub values_sampled: u64,
    /// Those that differ in vector, metadata or namespace.
    pub values_different: u64,
    /// Files without an entry.
    pub file_index_missing: u64,
    /// Entries (the count included) that say something else.
    pub file_index_different: u64,
    /// Entries none of whose vectors exist.
    pub file_index_stale: u64,
    /// Search parity; not part of this version.
    pub search: Option<()>,
    /// How many of the sample were also asked from the source by id, and how
    /// many of those differ from the archive.
    pub source_sampled: u64,
    /// Points that the source holds otherwise than the archive.
    pub source_different: u64,
    /// Counts that do not agree, a sentence each.
    pub counts: Vec<String>,
    /// What could not be compared, a sentence each.
    pub not_compared: Vec<String>,
    /// What the sample proves, in words.
    pub proves: String,
    /// Findings by name: the kind, and what was found.
    pub findings: BTreeMap<&'static str, Findings>,
    /// What [`Report::namespaces`] tells, of every namespace.
    #[serde(skip)]
    pub namespaces: ByNamespace,
}

/// How long each step took, in seconds; none for steps a verb does not have.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// The whole verb.
    pub total: f64,
    /// Source to archive, and checking.
    pub export: Option<f64>,
    /// Records to Vectorize.
    pub upsert: Option<f64>,
    /// Waiting until they were applied.
    pub settle: Option<f64>,
    /// Entries to KV.
    pub index: Option<f64>,
    /// Reading back and comparing.
    pub verify: Option<f64>,
}

/// Why a verb did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ErrorFacts {
    /// What failed, with the causes below it.
    pub message: String,
    /// What to do next.
    pub advice: Option<String>,
}

/// The result object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The verb that ran.
    pub verb: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// The process's exit code.
    pub exit_code: u8,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// Points.
    pub points: Option<PointFacts>,
    /// The same by namespace, sorted by name, at most [`super::MAX_NAMESPACES`]; none
    /// where there is no more than one.
    pub namespaces: Option<Vec<NamespaceFacts>>,
    /// The vectors' length, where `--dims` was given or is proposed.
    pub dimensions: Option<DimensionFacts>,
    /// How many points have each vector that stays in the archive and does not go
    /// to Vectorize, by its name; none where points were not checked.
    pub left_behind: Option<BTreeMap<String, u64>>,
    /// What the mapping changed; none where points were not checked.
    pub mapping: Option<MappingFacts>,
    /// Points before and after, where they were asked for.
    pub shown: Option<Vec<ShownPoint>>,
    /// Requests to the account.
    pub requests: Option<RequestFacts>,
    /// The collection that was restored.
    pub restore: Option<RestoreFacts>,
    /// The file index.
    pub file_index: Option<FileIndexFacts>,
    /// What verification found.
    pub verification: Option<VerificationFacts>,
    /// What a rollback did.
    pub rollback: Option<RollbackFacts>,
    /// How far behind the target is; none where it was not brought up to the source.
    pub catch_up: Option<CatchUpFacts>,
    /// Times.
    pub seconds: Seconds,
    /// The most memory this process held, in bytes.
    pub peak_rss_bytes: u64,
    /// What the operator should know, a sentence each.
    pub warnings: Vec<String>,
    /// What would be written, or was found out, a sentence each.
    pub notes: Vec<String>,
    /// Why it did not come to its end.
    pub error: Option<ErrorFacts>,
}

impl Report {
    /// An empty report of that verb.
    pub fn of(verb: &'static str, dry_run: bool) -> Self {
        Self {
            schema: SCHEMA,
            verb,
            outcome: Outcome::Done,
            exit_code: 0,
            dry_run,
            points: None,
            namespaces: None,
            dimensions: None,
            left_behind: None,
            mapping: None,
            shown: None,
            requests: None,
            restore: None,
            file_index: None,
            verification: None,
            rollback: None,
            catch_up: None,
            seconds: Seconds::default(),
            peak_rss_bytes: 0,
            warnings: Vec::new(),
            notes: Vec::new(),
            error: None,
        }
    }

    /// Draws the conclusion from the facts, for a verb that came to its end.
    pub fn conclude(&mut self) {
        let rejected = self
            .points
            .as_ref()
            .is_some_and(|points| points.rejected > 0);
        let verified = self.verification.as_ref().map(|found| found.verdict);
        let taken_back = self.rollback.as_ref().and_then(|facts| facts.verdict);
        (self.outcome, self.exit_code) = match verified.or(taken_back) {
            Some(Verdict::Different) => (Outcome::Differences, 4),
            Some(Verdict::Incomplete) => (Outcome::Stopped, 5),
            _ if rejected => (Outcome::Rejections, 3),
            Some(Verdict::Equal) => (Outcome::Proven, 0),
            None => (Outcome::Done, 0),
        };
    }

    /// Draws the conclusion from the error that ended the verb.
    pub fn conclude_with(&mut self, error: &Error) {
        self.outcome = Outcome::of_error(error);
        self.exit_code = error.kind().exit_code();
        self.error = Some(ErrorFacts {
            message: chain(error),
            advice: error.advice().map(str::to_owned),
        });
    }
}

/// An error and its causes on one line.
pub fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(below) = cause {
        text.push_str(": ");
        text.push_str(&below.to_string());
        cause = below.source();
    }
    // A library's words, or a service's, may hold what we sent.
    crate::conceal::conceal(&text).into_owned()
}
