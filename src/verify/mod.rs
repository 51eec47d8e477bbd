//! Proving: everything compared here was read back from the services, not
//! remembered from writing. Each check is its own file and adds findings; the
//! findings make the verdict.

mod counts;
mod file_index;
mod ids;
mod source;
mod tenants;
mod values;

use std::collections::BTreeMap;

use crate::archive::Generation;
use crate::cloudflare::{Kv, Vectorize};
use crate::error::Error;
use crate::file_index::FileIndex;
use crate::ledger::Milestone;
use crate::progress::Step;
use crate::report::{ByNamespace, Findings, NamespaceFindings, Verdict, VerificationFacts};
use crate::source::Source;
use crate::stages::context::Migration;
use crate::transform::Transform;

/// Records whose values are compared by default.
pub const DEFAULT_SAMPLE: usize = 3_000;

/// What kind of thing was found; the name stands in the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Finding {
    /// Numbers that do not agree.
    Count,
    /// A record that the index lacks.
    Missing,
    /// A vector that is neither ours nor in the inventory.
    Extra,
    /// A record with another vector.
    Values,
    /// A record with other metadata.
    Metadata,
    /// A record in another namespace.
    Namespace,
    /// A point that the source holds otherwise than the archive.
    Source,
    /// A file without an entry.
    FileIndexMissing,
    /// An entry that says something else.
    FileIndexDifferent,
    /// An entry none of whose vectors exists.
    FileIndexStale,
}

impl Finding {
    /// Its name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Missing => "missing",
            Self::Extra => "extra",
            Self::Values => "values",
            Self::Metadata => "metadata",
            Self::Namespace => "namespace",
            Self::Source => "source",
            Self::FileIndexMissing => "file_index_missing",
            Self::FileIndexDifferent => "file_index_different",
            Self::FileIndexStale => "file_index_stale",
        }
    }
}

/// What is compared with what.
pub struct Subject<'a> {
    /// The archive that the index should equal.
    pub generation: &'a Generation,
    /// What makes records of its points.
    pub transform: &'a Transform,
    /// The index.
    pub index: &'a Vectorize,
    /// The source, while it can be reached.
    pub source: Option<&'a mut (dyn Source + 'static)>,
    /// Whether the source is expected to stand still.
    pub source_is: SourceIs,
    /// The file index, where there is one, and the namespace of its count.
    pub file_index: Option<(&'a FileIndex<'a>, &'a Kv)>,
}

/// Whether a source is written to while its target follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceIs {
    /// It should be what was archived: what is not is a finding.
    Still,
    /// It may be ahead of the archive already, which is told and no finding.
    Moving,
}

/// How much is compared.
#[derive(Debug, Clone, Copy)]
pub struct Depth {
    /// Records whose values are read back.
    pub sample: usize,
    /// Which of them, when not all.
    pub seed: u64,
}

/// Everything that the checks found so far.
#[derive(Debug, Default)]
pub(crate) struct Notebook {
    findings: BTreeMap<Finding, Findings>,
    not_compared: Vec<String>,
    values_sampled: u64,
    values_different: u64,
    /// Records of the sample that were drawn from all with the same chance.
    values_drawn: u64,
    namespaces: ByNamespace,
    source_sampled: u64,
    file_index_compared: bool,
}

impl Notebook {
    fn add(&mut self, finding: Finding, what: impl Into<String>) {
        self.findings.entry(finding).or_default().add(what);
    }

    fn add_all(&mut self, finding: Finding, found: Findings) {
        if found.count > 0 {
            self.findings.entry(finding).or_default().add_all(found);
        }
    }

    fn count(&self, finding: Finding) -> u64 {
        self.findings
            .get(&finding)
            .map_or(0, |findings| findings.count)
    }

    fn of_namespace(&mut self, namespace: Option<&str>) -> &mut NamespaceFindings {
        let namespace = namespace.map(str::to_owned);
        self.namespaces.entry(namespace).or_default()
    }

    /// Something that could not be compared, though it should have been.
    fn leave_out(&mut self, what: impl Into<String>) {
        self.not_compared.push(what.into());
    }
}

/// Compares the target with the archive, and the archive with the source.
///
/// Errors: only what keeps it from comparing; differences are findings.
pub async fn verify(
    migration: &Migration,
    mut subject: Subject<'_>,
    depth: Depth,
) -> Result<VerificationFacts, Error> {
    migration.begin(Step::Verify, None);
    let mut notebook = Notebook::default();
    let listed = ids::compare(migration, &subject, &mut notebook).await?;
    counts::compare(migration, &mut subject, listed, &mut notebook).await?;
    let sample = values::compare(migration, &subject, depth, &mut notebook).await?;
    source::compare(migration, &mut subject, &sample, &mut notebook).await?;
    if let Some((file_index, count_kv)) = subject.file_index {
        let subject = &subject;
        file_index::compare(
            migration,
            subject,
            file_index,
            count_kv,
            listed,
            &mut notebook,
        )
        .await?;
        notebook.file_index_compared = true;
    }
    let facts = conclude(migration, notebook)?;
    if facts.verdict == Verdict::Equal && !migration.is_dry_run() {
        migration.reach(Milestone::Proven)?;
    }
    migration.progress.end(Step::Verify, &facts.proves);
    Ok(facts)
}

fn conclude(migration: &Migration, notebook: Notebook) -> Result<VerificationFacts, Error> {
    let records = migration.ledger.totals()?.records;
    let equal = notebook.findings.is_empty() && notebook.values_different == 0;
    let verdict = match (equal, notebook.not_compared.is_empty()) {
        (false, _) => Verdict::Different,
        (true, false) => Verdict::Incomplete,
        (true, true) => Verdict::Equal,
    };
    let counts = notebook.findings.get(&Finding::Count);
    Ok(VerificationFacts {
        verdict,
        missing: notebook.count(Finding::Missing),
        extra: notebook.count(Finding::Extra),
        values_sampled: notebook.values_sampled,
        values_different: notebook.values_different,
        file_index_missing: notebook.count(Finding::FileIndexMissing),
        file_index_different: notebook.count(Finding::FileIndexDifferent),
        file_index_stale: notebook.count(Finding::FileIndexStale),
        search: None,
        source_sampled: notebook.source_sampled,
        source_different: notebook.count(Finding::Source),
        counts: counts
            .map(|counts| counts.examples.clone())
            .unwrap_or_default(),
        proves: proves(&notebook, records),
        namespaces: notebook.namespaces,
        not_compared: notebook.not_compared,
        findings: notebook
            .findings
            .into_iter()
            .map(|(finding, found)| (finding.name(), found))
            .collect(),
    })
}

/// What a sample of that size says about all records, in words.
fn proves(notebook: &Notebook, records: u64) -> String {
    let (sampled, different) = (notebook.values_sampled, notebook.values_different);
    if sampled >= records {
        return format!("all {records} records compared, {different} differ");
    }
    if different > 0 {
        return format!("{different} of {sampled} sampled records differ, of {records}");
    }
    // No bad one among n: the share p of bad ones satisfies (1 - p)^n >= 5 %.
    let share = 1.0 - 0.05_f64.powf(1.0 / notebook.values_drawn as f64);
    format!(
        "0 of {sampled} sampled records differ: with 95 % confidence at most {:.2} % of all {records} do",
        share * 100.0
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_without_findings_says_what_it_proves() {
        let proves = |sampled, different, records| {
            let notebook = Notebook {
                values_sampled: sampled,
                values_drawn: sampled,
                values_different: different,
                ..Notebook::default()
            };
            proves(&notebook, records)
        };
        assert_eq!(
            proves(3_000, 0, 200_000),
            "0 of 3000 sampled records differ: with 95 % confidence at most 0.10 % of all 200000 do"
        );
        assert_eq!(proves(269, 0, 269), "all 269 records compared, 0 differ");
        assert_eq!(proves(10, 2, 90), "2 of 10 sampled records differ, of 90");
    }
}
