//! Vectorize → archive: a backup. The ids are listed and written down first, then
//! their vectors are read in the order of the ids, so that the same command goes
//! on where it was stopped.

use std::path::PathBuf;

use crate::archive::{Archive, Generation};
use crate::cloudflare::{ApiError, LIST_PAGE_IDS, MAX_GET_IDS, Vectorize};
use crate::disk;
use crate::error::Error;
use crate::progress::Step;
use crate::source::SourceFacts;
use crate::source::vectorize::{IdList, VectorizeSource, last_id};
use crate::stages::context::Migration;
use crate::stages::estimate::of_requests;
use crate::stages::export::{export, kept};
use crate::stages::inventory::{BETWEEN_WALKS, WALKS};

/// Where the ids are written down, in the archive's folder.
const IDS: &str = "ids.db";

/// Copies what the archive does not hold yet, and returns the complete generation.
///
/// Errors: the account's, the archive's, and interruption; stopped where the ids
/// cannot be listed because the index is being written to.
pub async fn backup(
    migration: &Migration,
    index: &Vectorize,
    facts: SourceFacts,
) -> Result<Generation, Error> {
    let path = ids_path(&migration.archive)?;
    if let Some(generation) = kept(migration, &facts)? {
        migration.tell(format!(
            "the archive holds this index already ({} points); give another folder for a new backup",
            generation.points()
        ));
        IdList::remove(&path)?;
        return Ok(generation);
    }
    let mut ids = IdList::open(&path, &format!("{} ({})", facts.name, facts.identity))?;
    tell_costs(migration, index, &facts, &ids).await?;
    if ids.listed_at()?.is_none() {
        list(migration, index, &mut ids).await?;
    }
    let mut source = VectorizeSource::new(index.clone(), facts, ids)?;
    let generation = export(migration, &mut source, None).await?;
    let vanished = source.listed().saturating_sub(generation.points());
    if vanished > 0 {
        migration.warn(format!(
            "{vanished} of the {} ids that were listed were gone when they were read: deleted meanwhile",
            source.listed()
        ));
    }
    drop(source);
    IdList::remove(&path)?;
    Ok(generation)
}

fn ids_path(archive: &Archive) -> Result<PathBuf, Error> {
    let root = archive.root();
    disk::create_folders(root).map_err(|error| {
        Error::failed(format!("{} cannot be written", root.display()))
            .advise("give a folder that this user can write to")
            .because(error)
    })?;
    Ok(root.join(IDS))
}

/// Says what there is to do, and how long the account's budget makes it take.
async fn tell_costs(
    migration: &Migration,
    index: &Vectorize,
    facts: &SourceFacts,
    ids: &IdList,
) -> Result<(), Error> {
    let name = &facts.name;
    let (vectors, begins) = match ids.listed_at()? {
        Some(at) => {
            let begun = migration.archive.unfinished_cursor()?;
            let left = ids.left(last_id(begun.as_ref())?)?;
            let text = format!(
                "going on with the ids of {name} that were listed at {at}: {left} vectors are left"
            );
            (left, text)
        }
        None => {
            let vectors = index.info().await?.vector_count.unwrap_or_default();
            let text =
                format!("{name} counts {vectors} vectors (a count that lags behind its writers)");
            (vectors, text)
        }
    };
    let lists = match ids.listed_at()? {
        Some(_) => 0,
        None => vectors.div_ceil(LIST_PAGE_IDS as u64),
    };
    let reads = vectors.div_ceil(MAX_GET_IDS as u64);
    migration.tell(format!(
        "{begins}: about {} requests ({lists} to list the ids, {reads} to read {MAX_GET_IDS} vectors at a time), {}; stop and resume as you like",
        lists + reads,
        of_requests(lists + reads, migration.pace.api_budget),
    ));
    migration.tell("pause the index's writers for an exact copy: vectors are read one after the other, not as of one moment");
    Ok(())
}

/// Writes every id down. The walk is on a snapshot that can break, and has to begin
/// again then (Vectorize list page; code 40052).
async fn list(migration: &Migration, index: &Vectorize, ids: &mut IdList) -> Result<(), Error> {
    for walked in 1.. {
        if walk(migration, index, ids).await? {
            break;
        }
        if walked >= WALKS {
            return Err(Error::stopped(format!(
                "the list of ids broke off {WALKS} times because the index is being written to"
            ))
            .advise("pause what writes to the index, then run the same command again"));
        }
        migration.warn(
            "the list of ids broke off because the index is being written to; walking it again",
        );
        migration
            .stop
            .pause(&migration.clock, BETWEEN_WALKS)
            .await?;
    }
    ids.complete(&migration.timestamp())
}

/// Whether a walk came to its end.
async fn walk(migration: &Migration, index: &Vectorize, ids: &mut IdList) -> Result<bool, Error> {
    ids.clear()?;
    migration.begin(Step::Inventory, None);
    let (mut cursor, mut listed) = (None, 0);
    loop {
        migration.stop.check()?;
        let page = match index.list(cursor.as_ref()).await {
            Err(ApiError::CursorBroken(_)) => return Ok(false),
            other => other?,
        };
        let added = ids.add(&page.ids)?;
        listed += added;
        migration.progress.advance(Step::Inventory, added);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    let summary = format!("{listed} vectors in the index");
    migration.progress.end(Step::Inventory, &summary);
    Ok(true)
}
