//! Numbers that must agree: source, archive, ledger, index info, list.

use std::time::Duration;

use super::ids::ListedIds;
use super::source::source_is_gone;
use super::{Finding, Notebook, SourceIs, Subject};
use crate::archive::Manifest;
use crate::error::Error;
use crate::stages::context::Migration;
use crate::stages::vector_count;

/// The index's own count lags behind what it has applied; a difference counts
/// only when it is still there after this long.
const PATIENCE: [Duration; 4] = [
    Duration::from_secs(2),
    Duration::from_secs(8),
    Duration::from_secs(20),
    Duration::from_secs(60),
];

pub(super) async fn compare(
    migration: &Migration,
    subject: &mut Subject<'_>,
    listed: Option<ListedIds>,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    source_and_archive(migration, subject, notebook).await?;
    archive_and_ledger(migration, subject, notebook)?;
    if let Some(listed) = listed {
        index_and_list(migration, subject, listed, notebook).await?;
    }
    Ok(())
}

async fn source_and_archive(
    migration: &Migration,
    subject: &mut Subject<'_>,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    let archived = subject.generation.count();
    if let Some(told) = export_difference(subject.generation.manifest(), archived) {
        add(migration, subject.source_is, notebook, told);
        return Ok(());
    }
    let Some(source) = subject.source.as_deref_mut() else {
        return Ok(());
    };
    match source.count().await {
        Ok(Some(now)) if now != archived => add(
            migration,
            subject.source_is,
            notebook,
            format!("the source counts {now} points now, the archive holds {archived}"),
        ),
        Ok(_) => {}
        Err(error) => {
            source_is_gone(migration, &error);
            subject.source = None;
        }
    }
    Ok(())
}

/// A finding, unless the source may be ahead.
fn add(migration: &Migration, source_is: SourceIs, notebook: &mut Notebook, told: String) {
    match source_is {
        SourceIs::Still => notebook.add(Finding::Count, told),
        SourceIs::Moving => migration.tell(format!("{told}: the next pass catches up with it")),
    }
}

/// A source that is written to while it is exported may have any number of
/// points between what it counted before and after; outside of that, points were
/// skipped or doubled.
fn export_difference(manifest: &Manifest, archived: u64) -> Option<String> {
    let before = manifest.count_before?;
    let after = manifest.count_after.unwrap_or(before);
    if (before.min(after)..=before.max(after)).contains(&archived) {
        return None;
    }
    Some(format!(
        "the source counted {before} points before the export and {after} after it, the archive holds {archived}"
    ))
}

fn archive_and_ledger(
    migration: &Migration,
    subject: &Subject<'_>,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    let (archived, totals) = (subject.generation.count(), migration.ledger.totals()?);
    if totals.records + totals.rejected != archived {
        notebook.add(
            Finding::Count,
            format!(
                "the archive holds {archived} points, the ledger {} records and {} rejections",
                totals.records, totals.rejected
            ),
        );
    }
    Ok(())
}

/// The index's own counts, its state's and its list's, where it gives them,
/// against the ids that the list gave. Both lag behind what is applied, so they
/// count only when they differ for long; and the list's total does not count at
/// all where its ids are as many as there must be.
async fn index_and_list(
    migration: &Migration,
    subject: &Subject<'_>,
    listed: ListedIds,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    let ids = listed.ids;
    let as_expected = ids == vector_count::expected(&migration.ledger)?;
    let mut total = listed.total.filter(|_| !as_expected).unwrap_or(ids);
    let mut counted = subject.index.info().await?.vector_count.unwrap_or(ids);
    for pause in PATIENCE {
        if (counted, total) == (ids, ids) {
            return Ok(());
        }
        migration.stop.pause(&migration.clock, pause).await?;
        counted = subject.index.info().await?.vector_count.unwrap_or(ids);
        if total != ids {
            total = subject.index.list(None).await?.total.unwrap_or(ids);
        }
    }
    if total != ids {
        notebook.add(
            Finding::Count,
            format!("the index's list says it holds {total} ids and gives {ids}"),
        );
    }
    if counted != ids {
        notebook.add(
            Finding::Count,
            format!("the index counts {counted} vectors, its list holds {ids} ids"),
        );
    }
    Ok(())
}
