//! What became of everything, and whether the target is as it was before: read back,
//! not remembered.

use std::collections::BTreeMap;

use super::{Origin, Rollback, look};
use crate::error::Error;
use crate::ledger::{Counted, TakenBack, Written};
use crate::progress::Step;
use crate::report::{Findings, Report, RollbackFacts, Verdict};

/// Findings of a kind that are told by name.
const SHOWN: usize = 20;

/// Writes down what was done so far, and says it in a few words.
pub(super) fn count(
    rollback: &Rollback<'_>,
    report: &mut Report,
    index_deleted: bool,
    namespaces_deleted: u64,
) -> Result<String, Error> {
    let ledger = &rollback.migration.ledger;
    let many = |kind, outcome| Ok::<_, Error>(ledger.taken_back(kind, outcome, 0)?.0);
    let entries =
        |outcome| Ok::<_, Error>(many(Written::Entry, outcome)? + many(Written::Count, outcome)?);
    let vectors = ledger.written_vectors()?;
    let deleted = many(Written::Vector, TakenBack::Deleted)?;
    let kept_changed = many(Written::Vector, TakenBack::Kept)?;
    let facts = RollbackFacts {
        vectors,
        deleted,
        kept_changed,
        not_found: vectors.saturating_sub(deleted + kept_changed),
        index_deleted,
        entries_restored: entries(TakenBack::Restored)?,
        entries_deleted: entries(TakenBack::Deleted)?,
        entries_kept: entries(TakenBack::Kept)?,
        namespaces_deleted,
        overwritten: ledger.count_replaced()?.0,
        restored_overwritten: many(Written::Overwritten, TakenBack::Restored)?,
        lost_overwritten: many(Written::Overwritten, TakenBack::Lost)?,
        newcomers: 0,
        verdict: None,
        findings: BTreeMap::new(),
    };
    let would = if report.dry_run { "would be " } else { "" };
    let summary = format!(
        "{} of {} vectors {would}deleted, {} changed since and kept; {} entries {would}put back, {} {would}removed, {} kept",
        facts.deleted,
        facts.vectors,
        facts.kept_changed,
        facts.entries_restored,
        facts.entries_deleted,
        facts.entries_kept
    );
    report.rollback = Some(facts);
    Ok(summary)
}

/// Compares index and entries with the inventory.
pub(super) async fn conclude(rollback: &Rollback<'_>, report: &mut Report) -> Result<(), Error> {
    let migration = rollback.migration;
    migration.begin(Step::Verify, None);
    let mut notebook = BTreeMap::new();
    let is_there = rollback.index.describe().await?.is_some();
    let newcomers = match is_there {
        true => vectors(rollback, &mut notebook).await?,
        false => missing_index(rollback, &mut notebook)?,
    };
    entries(rollback, &mut notebook).await?;
    kept(rollback, &mut notebook)?;
    let gone = rollback.namespaces_gone().await?;
    count(
        rollback,
        report,
        !is_there && rollback.origin() == Origin::Created,
        gone,
    )?;
    notebook.retain(|_, findings: &mut Findings| findings.count > 0);
    let verdict = match notebook.is_empty() {
        true => Verdict::Equal,
        false => Verdict::Different,
    };
    if let Some(facts) = &mut report.rollback {
        facts.newcomers = newcomers;
        facts.verdict = Some(verdict);
        facts.findings = notebook;
    }
    let summary = match verdict {
        Verdict::Equal => "index and entries are as they were before",
        _ => "not everything is as it was before",
    };
    migration.progress.end(Step::Verify, summary);
    Ok(())
}

type Notebook = BTreeMap<&'static str, Findings>;

/// Says how many vectors others brought in since.
async fn vectors(rollback: &Rollback<'_>, notebook: &mut Notebook) -> Result<u64, Error> {
    let migration = rollback.migration;
    look::list(migration, &rollback.index).await?;
    let ledger = &migration.ledger;
    note(
        notebook,
        "vectors_missing",
        ledger.no_longer_present(SHOWN)?,
    );
    note(notebook, "vectors_left", ledger.left(SHOWN)?);
    let (newcomers, examples) = ledger.newcomers(3)?;
    if newcomers > 0 {
        migration.tell(format!(
            "{newcomers} vectors came into the index since that this migration did not write, for example {}; they stay",
            examples.join(", ")
        ));
    }
    if rollback.origin() == Origin::Created && newcomers + ledger.count_present()? == 0 {
        migration.tell(format!("the index {} is empty now", rollback.index()));
    }
    Ok(newcomers)
}

/// As before where the migration created it.
fn missing_index(rollback: &Rollback<'_>, notebook: &mut Notebook) -> Result<u64, Error> {
    let ledger = &rollback.migration.ledger;
    ledger.begin_presence()?;
    note(
        notebook,
        "vectors_missing",
        ledger.no_longer_present(SHOWN)?,
    );
    let began = ledger.has_sent()?;
    if rollback.origin() == Origin::Found && began {
        let name = rollback.index().to_string();
        note(notebook, "index_missing", (1, vec![name]));
    }
    Ok(0)
}

async fn entries(rollback: &Rollback<'_>, notebook: &mut Notebook) -> Result<(), Error> {
    let Some(plan) = &rollback.file_index else {
        return Ok(());
    };
    let findings = notebook.entry("entries_different").or_default();
    for kind in [Written::Entry, Written::Count] {
        match rollback.shelf(plan, kind).await? {
            Some(shelf) => shelf.compare(findings).await?,
            None if rollback.created.namespaces.contains(&plan.namespace) => {}
            None => findings.add(format!("the KV namespace {} is gone", plan.namespace)),
        }
    }
    Ok(())
}

/// What could not be put back, or was not to be.
fn kept(rollback: &Rollback<'_>, notebook: &mut Notebook) -> Result<(), Error> {
    let ledger = &rollback.migration.ledger;
    let mut add = |name, kind, outcome| {
        let found = ledger.taken_back(kind, outcome, SHOWN)?;
        note(notebook, name, found);
        Ok::<(), Error>(())
    };
    add("vectors_changed", Written::Vector, TakenBack::Kept)?;
    add("entries_changed", Written::Entry, TakenBack::Kept)?;
    add("entries_changed", Written::Count, TakenBack::Kept)?;
    add("overwritten_changed", Written::Overwritten, TakenBack::Kept)?;
    add("overwritten_lost", Written::Overwritten, TakenBack::Lost)
}

fn note(notebook: &mut Notebook, name: &'static str, (count, examples): Counted) {
    let findings = notebook.entry(name).or_default();
    let room = SHOWN.saturating_sub(findings.examples.len());
    findings.count += count;
    findings.examples.extend(examples.into_iter().take(room));
}
