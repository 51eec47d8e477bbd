//! What the report says in words: what was found at both ends, what the check
//! noticed, what a rehearsal would have written.

use crate::error::Error;
use crate::ledger::Ledger;
use crate::plan::{IndexState, KvState};
use crate::report::Report;
use crate::source::SourceFacts;
use crate::stages::check::Files;
use crate::stages::context::Migration;
use crate::stages::prepare::Prepared;
use crate::stages::upsert::Upserted;
use crate::transform::Note;

/// What was found at both ends.
pub(super) fn of_plan(
    prepared: &Prepared,
    source: (&SourceFacts, Option<u64>),
    report: &mut Report,
) {
    let target = &prepared.plan.target;
    if let Some(points) = source.1 {
        report
            .notes
            .push(format!("{} holds {points} points", source.0.name));
    }
    report.notes.push(match &prepared.index_state {
        IndexState::Present { vectors, .. } => format!(
            "the index {} is there ({} dimensions, {}) and counts {vectors} vectors",
            target.index, target.dimensions, target.metric
        ),
        IndexState::Missing => format!(
            "the index {} is to be created ({} dimensions, {})",
            target.index, target.dimensions, target.metric
        ),
    });
    for state in prepared
        .kv
        .iter()
        .flat_map(|(entries, count)| [entries, count])
    {
        let note = match state {
            KvState::Present(id) => format!("the KV namespace {id} is there"),
            KvState::Missing(title) => format!("the KV namespace {title} is to be created"),
        };
        if !report.notes.contains(&note) {
            report.notes.push(note);
        }
    }
    if prepared.kv.is_some() {
        report.notes.push(
            "pause whatever writes the same files' entries while this runs: KV has no compare-and-set"
                .to_owned(),
        );
    }
    report.warnings.extend(prepared.warnings.iter().cloned());
}

/// What the transform noticed about points that became records all the same.
pub(super) fn of_check(ledger: &Ledger, files: Files, report: &mut Report) -> Result<(), Error> {
    for (name, count) in ledger.notes()? {
        let Some(note) = Note::ALL.into_iter().find(|note| note.name() == name) else {
            continue;
        };
        let about_files = matches!(note, Note::NoFile | Note::NoOrder);
        if about_files && files == Files::NotIndexed {
            continue;
        }
        let points = if count == 1 { "point" } else { "points" };
        report
            .warnings
            .push(format!("{count} {points}: {}", note.explanation()));
    }
    Ok(())
}

/// What an upsert would have sent.
pub(super) fn of_upsert(would: &Upserted, report: &mut Report) {
    report.notes.push(format!(
        "would upsert {} records in {} batches, {} bytes",
        would.records, would.batches, would.bytes
    ));
}

/// What a file index would hold whose namespace does not exist yet.
pub(super) fn of_missing_file_index(
    migration: &Migration,
    wanted: bool,
    report: &mut Report,
) -> Result<(), Error> {
    if wanted {
        let files = migration.ledger.files()?;
        report.notes.push(format!(
            "would write {files} entries of the file index, and the count"
        ));
    }
    Ok(())
}
