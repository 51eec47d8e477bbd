//! What the operator is told in words: what was found at both ends, what the
//! check noticed, what a rehearsal would have written.

use crate::error::Error;
use crate::plan::{IndexState, KvState};
use crate::source::SourceFacts;
use crate::stages::check::Files;
use crate::stages::context::Migration;
use crate::stages::dimensions;
use crate::stages::estimate;
use crate::stages::prepare::Prepared;
use crate::transform::{Mapping, Note};

/// What was found at both ends.
pub(super) fn of_plan(
    migration: &Migration,
    prepared: &Prepared,
    source: (&SourceFacts, Option<u64>),
) {
    if let Some(points) = source.1 {
        migration.tell(format!("{} holds {points} points", source.0.name));
    }
    let target = &prepared.plan.target;
    let kind = format!("{} dimensions, {}", target.dimensions, target.metric);
    migration.tell(match &prepared.index_state {
        IndexState::Present { vectors, .. } => {
            let counted = vectors.map(|vectors| format!(" counts {vectors} vectors"));
            let there = counted.unwrap_or_else(|| " is there".to_owned());
            format!("the index {} ({kind}){there}", target.index)
        }
        IndexState::Missing => format!("the index {} ({kind}) is to be created", target.index),
    });
    dimensions::tell_shortening(migration, &prepared.transform);
    if let Some((entries, count)) = &prepared.kv {
        of_namespaces(migration, entries, count);
    }
    for warning in &prepared.warnings {
        migration.warn(warning);
    }
}

/// What sending so many points would take.
pub(super) fn of_sending(migration: &Migration, prepared: &Prepared, points: u64) {
    let dimensions = prepared.plan.target.dimensions;
    migration.tell(estimate::of_vectors(points, dimensions, &migration.pace));
}

fn of_namespaces(migration: &Migration, entries: &KvState, count: &KvState) {
    let different = Some(count).filter(|count| *count != entries);
    for state in std::iter::once(entries).chain(different) {
        migration.tell(match state {
            KvState::Present(id) => format!("the KV namespace {id} is there"),
            KvState::Missing(title) => format!("the KV namespace {title} is to be created"),
        });
    }
    migration.tell(
        "pause whatever writes the same files' entries while this runs: KV has no compare-and-set",
    );
}

/// What the transform noticed about points that became records all the same.
pub(super) fn of_check(migration: &Migration, files: Files) -> Result<(), Error> {
    for (name, count) in migration.ledger.notes()? {
        let Some(note) = Note::ALL.into_iter().find(|note| note.name() == name) else {
            continue;
        };
        let about_files = matches!(note, Note::NoFile | Note::NoOrder);
        if !about_files || files == Files::Indexed {
            let points = if count == 1 { "point" } else { "points" };
            let told = format!("{count} {points}: {}", note.explanation());
            match note.is_asked_for() {
                true => migration.tell(told),
                false => migration.warn(told),
            }
        }
    }
    Ok(())
}

/// Files of several namespaces: whoever deletes one by its entry deletes in all of
/// them, which between tenants is never meant.
pub(super) fn of_shared_files(migration: &Migration, mapping: &Mapping) -> Result<(), Error> {
    let Some((shared, first)) = migration.ledger.files_across_namespaces()? else {
        return Ok(());
    };
    let files = if shared == 1 {
        "file has"
    } else {
        "files have"
    };
    migration.warn(format!(
        "{shared} {files} vectors in more than one namespace, the first is {first}: an entry of the file index holds the ids of all of them, and whoever deletes by it deletes in all. --file-key '{}' gives each namespace entries of its own",
        mapping.file_key_by_namespace()
    ));
    Ok(())
}

/// What a file index would hold whose namespace does not exist yet.
pub(super) fn of_missing_file_index(migration: &Migration) -> Result<(), Error> {
    let files = migration.ledger.files()?;
    migration.tell(format!(
        "would write {files} entries of the file index, and the count"
    ));
    Ok(())
}
