//! The last look before the first write: what refuses a run whose every point
//! is known.

use std::path::Path;

use crate::error::Error;
use crate::ledger::{BatchState, Ledger, Milestone};
use crate::stages::check::Unfileable;
use crate::stages::context::Migration;
use crate::transform::Template;

/// The largest value that KV takes (KV limits page).
const MAX_VALUE_BYTES: u64 = 25 << 20;
/// Vectors of one index, at most (Vectorize limits page, since 2026-08-04).
const MAX_VECTORS: u64 = 20_000_000;

/// A migration that was taken back begins from nothing, with the archive that it
/// has; one that is being taken back is not gone on with.
pub(super) fn rollback(migration: &Migration) -> Result<(), Error> {
    let ledger = &migration.ledger;
    if ledger.reached(Milestone::RolledBack)? {
        ledger.begin_from_nothing()?;
        migration.tell(
            "this migration was rolled back: beginning it anew, with the archive that is there unless the file that it is of was changed since",
        );
    } else if ledger.reached(Milestone::RollbackBegun)? {
        return Err(Error::refused(
            "a rollback of this migration has begun and is not complete",
        )
        .advise("finish it first: cf-migrate rollback DIR; then the same command begins the migration anew"));
    }
    Ok(())
}

/// Refuses more rejections than were allowed, unless writing has begun: what
/// Vectorize refuses later is quarantined and told by the exit code.
pub(super) fn rejections(
    migration: &Migration,
    rejected: u64,
    allowed: u64,
    folder: Option<&Path>,
    id: &Template,
) -> Result<(), Error> {
    if rejected <= allowed || migration.ledger.first_unbatched()? > 0 {
        return Ok(());
    }
    migration.reach(Milestone::Refused)?;
    let mut examples = Vec::new();
    migration.ledger.for_each_rejection(|json| {
        if examples.len() < 5 {
            examples.push(example(json));
        }
    })?;
    let named = match folder {
        Some(folder) => format!(
            "all of them are in {}",
            folder.join("rejected.ndjson").display()
        ),
        None => "the real run lists all of them in rejected.ndjson".to_owned(),
    };
    let points = if rejected == 1 { "point" } else { "points" };
    Err(Error::refused(format!(
        "{rejected} {points} cannot become records:\n  {}",
        examples.join("\n  ")
    ))
    .advise(format!(
        "{}{named}; mend them in the source or choose other mapping options, or leave them out with --allow-rejects {rejected}. Nothing was written",
        way_out(&migration.ledger, id)?
    )))
}

/// Ids that are unique in a namespace and not beyond it have a cure of their own.
fn way_out(ledger: &Ledger, id: &Template) -> Result<String, Error> {
    let id = id.to_string();
    if id.contains("{namespace}") || !ledger.collides_across_namespaces()? {
        return Ok(String::new());
    }
    Ok(format!(
        "ids are unique in a whole index of Vectorize, and points of several namespaces have the same one: --id '{{namespace}}:{id}' tells them apart. "
    ))
}

fn example(json: &str) -> String {
    let rejection: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let text = |key: &str| rejection[key].as_str().unwrap_or_default().to_owned();
    let namespace = match rejection["namespace"].as_str() {
        Some(namespace) => format!(" in the namespace '{namespace}'"),
        None => String::new(),
    };
    format!("{}{namespace}: {}", text("source_id"), text("message"))
}

/// Refuses more records than an index holds, and none at all: what is left of a
/// collection whose every point is rejected is a mistake in the settings.
pub(super) fn records(migration: &Migration, points: u64, rejected: u64) -> Result<(), Error> {
    let records = points - rejected.min(points);
    if records == 0 && points > 0 {
        migration.reach(Milestone::Refused)?;
        return Err(Error::refused(format!("none of the {points} points can become a record"))
            .advise("see rejected.ndjson for the reasons, and choose other mapping options; nothing was written"));
    }
    if records <= MAX_VECTORS {
        return Ok(());
    }
    Err(Error::refused(format!(
        "{records} records are more than one index holds ({MAX_VECTORS})"
    ))
    .advise("split the collection over several indexes"))
}

/// Refuses entries that KV cannot hold.
pub(super) fn entries(ledger: &Ledger) -> Result<(), Error> {
    match ledger.file_larger_than(MAX_VALUE_BYTES)? {
        None => Ok(()),
        Some((key, bytes)) => Err(Error::refused(format!(
            "the entry {key} would have {bytes} bytes; KV takes {MAX_VALUE_BYTES}"
        ))
        .advise("choose a --file-key that splits this file's vectors over several entries. Nothing was written")),
    }
}

/// Refuses a file index that would lack more of the written records than are
/// allowed to be missing: KV cannot hold the keys of their files.
pub(super) fn file_keys(
    migration: &Migration,
    found: &Unfileable,
    allowed: u64,
) -> Result<(), Error> {
    if found.records == 0 {
        return Ok(());
    }
    let records = found.records;
    let what = format!(
        "{records} of the records that are written have no place in the file index:\n  {}",
        found.examples.join("\n  ")
    );
    if records <= allowed {
        migration.warn(what);
        return Ok(());
    }
    Err(Error::refused(what).advise(format!(
        "leave them out of it with cf-migrate run … --file-index … --allow-rejects {records}, or migrate with another --file-key in a new folder (--dir) with --overwrite"
    )))
}

/// Refuses a file index over records that are not all written: its entries would
/// name vectors that do not exist.
pub(super) fn written(migration: &Migration, points: u64) -> Result<(), Error> {
    let ledger = &migration.ledger;
    let first = ledger.first_unbatched()?;
    let left = match points.checked_sub(1) {
        Some(last) if first <= last => ledger.sent_between(first, last, 1)?,
        _ => Vec::new(),
    };
    let unanswered = ledger.batches(BatchState::Sent)?.len();
    if left.is_empty() && unanswered == 0 {
        return Ok(());
    }
    Err(
        Error::refused("the records of this migration are not all written")
            .advise("finish it first: cf-migrate upsert, or cf-migrate run with --file-index"),
    )
}
