//! Numbers that must agree: source, archive, ledger, index info, list.

use std::time::Duration;

use super::ids::ListedIds;
use super::{Finding, Notebook, Subject};
use crate::error::Error;
use crate::stages::context::Migration;

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
    source_and_archive(subject, notebook).await?;
    archive_and_ledger(migration, subject, notebook)?;
    if let Some(listed) = listed {
        index_and_list(migration, subject, listed, notebook).await?;
    }
    Ok(())
}

async fn source_and_archive(
    subject: &mut Subject<'_>,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    let archived = subject.generation.points();
    let exported = subject.generation.manifest();
    if let Some(before) = exported.count_before
        && before != archived
    {
        notebook.add(
            Finding::Count,
            format!("the source counted {before} points when the export began, the archive holds {archived}"),
        );
    }
    let Some(source) = subject.source.as_deref_mut() else {
        return Ok(());
    };
    if let Some(now) = source.count().await?
        && now != archived
        && exported.count_before != Some(now)
    {
        notebook.add(
            Finding::Count,
            format!("the source counts {now} points now, the archive holds {archived}"),
        );
    }
    Ok(())
}

fn archive_and_ledger(
    migration: &Migration,
    subject: &Subject<'_>,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    let (archived, totals) = (subject.generation.points(), migration.ledger.totals()?);
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

async fn index_and_list(
    migration: &Migration,
    subject: &Subject<'_>,
    listed: ListedIds,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    if let Some(total) = listed.total.filter(|total| *total != listed.ids) {
        notebook.add(
            Finding::Count,
            format!(
                "the index's list says it holds {total} ids and gives {}",
                listed.ids
            ),
        );
    }
    let mut counted = subject.index.info().await?.vector_count;
    for pause in PATIENCE {
        if counted == listed.ids {
            return Ok(());
        }
        migration.stop.pause(&migration.clock, pause).await?;
        counted = subject.index.info().await?.vector_count;
    }
    if counted != listed.ids {
        notebook.add(
            Finding::Count,
            format!(
                "the index counts {counted} vectors, its list holds {} ids",
                listed.ids
            ),
        );
    }
    Ok(())
}
