//! The file index from Vectorize alone: which ids the index holds, and which
//! file each belongs to. Where the id template tells the file, listing the ids
//! is enough (1,000 a request); otherwise each record's metadata is read (20 a
//! request).

use crate::cloudflare::{ApiError, Vectorize};
use crate::error::Error;
use crate::ledger::{Checked, CheckedPoint, RecordRow};
use crate::point::{Point, PointId};
use crate::progress::Step;
use crate::record::{Digest, VectorId};
use crate::stages::context::Migration;
use crate::stages::inventory::{BETWEEN_WALKS, WALKS};
use crate::transform::{FileSlot, Mapping, Order};

/// get_by_ids takes 20 ids a call.
const READ_AT_ONCE: usize = 20;

/// Fills the ledger, which must be empty, with the index's ids and their files.
/// Says how many ids there are, and how many of them belong to no file.
///
/// Errors: the account's; stopped when the list's cursor keeps breaking (code
/// 40052).
pub async fn read_index(
    migration: &Migration,
    index: &Vectorize,
    mapping: &Mapping,
) -> Result<(u64, u64), Error> {
    migration.begin(Step::Inventory, None);
    for _ in 1..WALKS {
        if let Some(read) = walk(migration, index, mapping).await? {
            return Ok(read);
        }
        migration.warn(
            "the list of ids broke off because the index is being written to; walking it again",
        );
        migration.ledger.forget_checked_from(0)?;
        migration
            .stop
            .pause(&migration.clock, BETWEEN_WALKS)
            .await?;
    }
    walk(migration, index, mapping).await?.ok_or_else(broken)
}

/// One walk; none when its cursor broke.
async fn walk(
    migration: &Migration,
    index: &Vectorize,
    mapping: &Mapping,
) -> Result<Option<(u64, u64)>, Error> {
    let mut cursor = None;
    let (mut ids, mut without_file) = (0, 0);
    loop {
        migration.stop.check()?;
        let page = match index.list(cursor.as_ref()).await {
            Err(ApiError::CursorBroken(_)) => return Ok(None),
            other => other?,
        };
        let slots = slots(index, mapping, &page.ids).await?;
        without_file += slots.iter().filter(|(_, slot)| slot.is_none()).count() as u64;
        let count = slots.len() as u64;
        migration.ledger.add_checked(ids, &rows(ids, slots))?;
        ids += count;
        migration.progress.advance(Step::Inventory, count);
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    migration
        .progress
        .end(Step::Inventory, &format!("{ids} vectors in the index"));
    Ok(Some((ids, without_file)))
}

fn broken() -> Error {
    Error::stopped(format!(
        "the list of ids broke off {WALKS} times because the index is being written to"
    ))
    .advise("pause what writes to the index, then run the same command again; nothing was written")
}

async fn slots(
    index: &Vectorize,
    mapping: &Mapping,
    ids: &[String],
) -> Result<Vec<(String, Option<FileSlot>)>, Error> {
    let told = mapping.ids_tell_files();
    let mut slots = Vec::with_capacity(ids.len());
    let mut untold = Vec::new();
    for id in ids {
        match mapping.slot_of_id(id).ok().flatten().filter(|_| told) {
            Some(slot) => slots.push((id.clone(), Some(slot))),
            None => untold.push(id.clone()),
        }
    }
    for ids in untold.chunks(READ_AT_ONCE) {
        slots.extend(read_slots(index, mapping, ids).await?);
    }
    Ok(slots)
}

async fn read_slots(
    index: &Vectorize,
    mapping: &Mapping,
    ids: &[String],
) -> Result<Vec<(String, Option<FileSlot>)>, Error> {
    let asked: Vec<VectorId> = ids
        .iter()
        .filter_map(|id| VectorId::new(id.as_str()).ok())
        .collect();
    let stored = index.get_by_ids(&asked).await?;
    Ok(stored
        .into_iter()
        .map(|vector| {
            let point = Point {
                id: PointId::Text(vector.id.clone()),
                namespace: vector.namespace,
                dense: Vec::new(),
                sparse: Vec::new(),
                payload: vector.metadata.unwrap_or_default(),
                data: None,
            };
            (vector.id, mapping.file_slot(&point).ok().flatten())
        })
        .collect())
}

fn rows(first: u64, slots: Vec<(String, Option<FileSlot>)>) -> Checked {
    let points = (first..)
        .zip(slots)
        .map(|(ordinal, (id, slot))| {
            let (file, order) = match slot {
                Some(slot) => (Some(slot.key.as_str().to_owned()), slot.order),
                None => (None, Order::Missing),
            };
            // Nothing is ever sent from such a ledger, so no digest is needed.
            let digest = Digest([0; 16]);
            CheckedPoint::Record(RecordRow {
                ordinal,
                id,
                namespace: None,
                file,
                order,
                digest,
            })
        })
        .collect();
    Checked {
        points,
        notes: Vec::new(),
        changes: Vec::new(),
    }
}
