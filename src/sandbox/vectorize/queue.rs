//! The queue between accepting a mutation and applying it.
//!
//! Nothing runs in the background: whatever is due by the clock is applied when
//! an index is next looked at. A job applies what is due, in order, up to 200,000
//! vectors or 1,000 mutations (insert page); when it was full, the next one comes
//! an `apply_delay` later.

use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::json;
use uuid::Uuid;

use super::super::fault::FaultKind;
use super::super::reply::Reply;
use super::super::request::Incoming;
use super::super::store::{Done, Store};

const MOST_VECTORS: i64 = 200_000;
const MOST_MUTATIONS: usize = 1_000;

/// What a mutation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Insert,
    Upsert,
    Delete,
    CreateMetadataIndex,
    DeleteMetadataIndex,
}

const KINDS: [(&str, Kind); 5] = [
    ("insert", Kind::Insert),
    ("upsert", Kind::Upsert),
    ("delete", Kind::Delete),
    ("create_metadata_index", Kind::CreateMetadataIndex),
    ("delete_metadata_index", Kind::DeleteMetadataIndex),
];

impl Kind {
    pub(super) fn word(self) -> &'static str {
        let row = KINDS.iter().find(|(_, kind)| *kind == self);
        row.map_or("", |(word, _)| word)
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        let row = KINDS.iter().find(|(known, _)| *known == word);
        row.map(|(_, kind)| *kind)
    }
}

/// A mutation that was accepted just now.
#[derive(Debug)]
pub(super) struct Mutation {
    pub(super) seq: i64,
    id: String,
}

impl Mutation {
    /// Puts a mutation at the end of an index's queue; what it carries is stored
    /// by the caller under its number.
    pub(super) fn accept(
        db: &Transaction<'_>,
        store: &Store,
        call: &Incoming,
        idx: i64,
        kind: Kind,
        vectors: usize,
    ) -> Done<Self> {
        let id = Uuid::new_v4().to_string();
        let fate = match call.fate.fault {
            Some(fault @ (FaultKind::NeverApplied | FaultKind::Altered)) => fault.to_string(),
            _ => String::new(),
        };
        let due_ms = call.now_ms.saturating_add(store.apply_delay_ms);
        let vectors = i64::try_from(vectors).unwrap_or(i64::MAX);
        db.prepare_cached(
            "INSERT INTO mutation (idx, mutation_id, kind, due_ms, vectors, fate, roll) VALUES (?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params![idx, id, kind.word(), due_ms, vectors, fate, call.fate.roll.cast_signed()])?;
        Ok(Self {
            seq: db.last_insert_rowid(),
            id,
        })
    }

    pub(super) fn reply(&self) -> Reply {
        Reply::result(json!({"mutationId": self.id}))
    }
}

struct Pending {
    seq: i64,
    id: String,
    kind: Option<Kind>,
    due_ms: i64,
    vectors: i64,
    fate: String,
    roll: i64,
}

/// Applies what is due to an index; whether anything was.
pub(super) fn apply_due(
    db: &Transaction<'_>,
    idx: i64,
    now_ms: i64,
    apply_delay_ms: i64,
) -> rusqlite::Result<bool> {
    let mut applied = false;
    while let Some(job_ms) = next_job_ms(db, idx)?.filter(|job_ms| *job_ms <= now_ms) {
        let (job, full) = job(db, idx, job_ms)?;
        let mut vectors = 0;
        for mutation in &job {
            vectors += apply(db, idx, mutation)?;
        }
        let next_ms = if full {
            job_ms.saturating_add(apply_delay_ms)
        } else {
            job_ms
        };
        finish_job(db, idx, &job, vectors, job_ms, next_ms)?;
        sweep(db, idx, now_ms)?;
        applied = true;
    }
    Ok(applied)
}

/// When the next job runs: when its first mutation is due, but not before the
/// index is free.
fn next_job_ms(db: &Transaction<'_>, idx: i64) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached(
        "SELECT max(mutation.due_ms, next_job_ms) FROM mutation JOIN vector_index USING (idx) \
         WHERE mutation.idx = ? ORDER BY seq LIMIT 1",
    )?
    .query_row([idx], |row| row.get(0))
    .optional()
}

/// The mutations of a job, and whether it took as much as a job can.
fn job(db: &Transaction<'_>, idx: i64, job_ms: i64) -> rusqlite::Result<(Vec<Pending>, bool)> {
    let mut statement = db.prepare_cached(
        "SELECT seq, mutation_id, kind, due_ms, vectors, fate, roll FROM mutation WHERE idx = ? ORDER BY seq LIMIT ?",
    )?;
    let rows = statement.query_map(
        [idx, i64::try_from(MOST_MUTATIONS).unwrap_or(i64::MAX)],
        |row| {
            Ok(Pending {
                seq: row.get(0)?,
                id: row.get(1)?,
                kind: Kind::parse(row.get_ref(2)?.as_str()?),
                due_ms: row.get(3)?,
                vectors: row.get(4)?,
                fate: row.get(5)?,
                roll: row.get(6)?,
            })
        },
    )?;
    let mut job = Vec::new();
    let mut vectors = 0;
    for pending in rows {
        let pending = pending?;
        vectors += pending.vectors;
        if pending.due_ms > job_ms {
            return Ok((job, false));
        }
        if vectors > MOST_VECTORS && !job.is_empty() {
            return Ok((job, true));
        }
        job.push(pending);
    }
    let full = job.len() >= MOST_MUTATIONS;
    Ok((job, full))
}

/// Applies one mutation; by how much the number of vectors changed.
fn apply(db: &Transaction<'_>, idx: i64, mutation: &Pending) -> rusqlite::Result<i64> {
    let seq = mutation.seq;
    if mutation.fate == FaultKind::NeverApplied.to_string() {
        return pass_over(db, idx, seq);
    }
    let change = match mutation.kind {
        Some(Kind::Upsert) => supersede(
            db,
            idx,
            seq,
            "SELECT id FROM vector WHERE idx = ?1 AND seq = ?2",
        )
        .map(|superseded| mutation.vectors - superseded)?,
        Some(Kind::Insert) => mutation.vectors - drop_known(db, idx, seq)?,
        Some(Kind::Delete) => {
            -supersede(db, idx, seq, "SELECT id FROM pending_delete WHERE seq = ?2")?
        }
        Some(Kind::CreateMetadataIndex) => create_metadata_index(db, idx, seq)?,
        Some(Kind::DeleteMetadataIndex) => delete_metadata_index(db, idx, seq)?,
        None => 0,
    };
    if mutation.fate == FaultKind::Altered.to_string() {
        alter(db, idx, seq, mutation.roll)?;
    }
    Ok(change)
}

fn pass_over(db: &Transaction<'_>, idx: i64, seq: i64) -> rusqlite::Result<i64> {
    db.execute("DELETE FROM vector WHERE idx = ? AND seq = ?", [idx, seq])?;
    Ok(0)
}

/// Ends the life of the stored vectors that `ids` names; how many there were.
fn supersede(db: &Transaction<'_>, idx: i64, seq: i64, ids: &str) -> rusqlite::Result<i64> {
    let sql = format!(
        "UPDATE vector SET until = ?2 WHERE idx = ?1 AND seq < ?2 AND until IS NULL AND id IN ({ids})"
    );
    let changed = db.prepare_cached(&sql)?.execute([idx, seq])?;
    Ok(i64::try_from(changed).unwrap_or(i64::MAX))
}

/// Forgets those vectors of an insert whose ids are stored already.
fn drop_known(db: &Transaction<'_>, idx: i64, seq: i64) -> rusqlite::Result<i64> {
    let dropped = db
        .prepare_cached(
            "DELETE FROM vector WHERE idx = ?1 AND seq = ?2 AND EXISTS (SELECT 1 FROM vector AS known \
             WHERE known.idx = ?1 AND known.id = vector.id AND known.seq < ?2 AND known.until IS NULL)",
        )?
        .execute([idx, seq])?;
    Ok(i64::try_from(dropped).unwrap_or(i64::MAX))
}

fn create_metadata_index(db: &Transaction<'_>, idx: i64, seq: i64) -> rusqlite::Result<i64> {
    db.execute(
        "INSERT OR IGNORE INTO metadata_index (idx, property, property_type, since) \
         SELECT idx, property, property_type, seq FROM mutation WHERE idx = ? AND seq = ?",
        [idx, seq],
    )?;
    Ok(0)
}

fn delete_metadata_index(db: &Transaction<'_>, idx: i64, seq: i64) -> rusqlite::Result<i64> {
    db.execute(
        "DELETE FROM metadata_index WHERE idx = ?1 AND property = (SELECT property FROM mutation WHERE seq = ?2)",
        [idx, seq],
    )?;
    Ok(0)
}

/// Changes one float of one vector by one unit in the last place.
fn alter(db: &Transaction<'_>, idx: i64, seq: i64, roll: i64) -> rusqlite::Result<()> {
    let rows: i64 = db.query_row(
        "SELECT count(*) FROM vector WHERE idx = ? AND seq = ?",
        [idx, seq],
        |row| row.get(0),
    )?;
    if rows == 0 {
        return Ok(());
    }
    let (rowid, mut values) = db.query_row(
        "SELECT rowid, vals FROM vector WHERE idx = ? AND seq = ? ORDER BY id LIMIT 1 OFFSET ?",
        [idx, seq, roll.rem_euclid(rows)],
        |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)),
    )?;
    let floats = values.len() / 4;
    if let Some(place) = usize::try_from(roll.unsigned_abs())
        .unwrap_or(0)
        .checked_rem(floats)
    {
        // Little-endian: the first byte holds the lowest bits.
        values[place * 4] ^= 1;
    }
    db.execute(
        "UPDATE vector SET vals = ? WHERE rowid = ?",
        params![values, rowid],
    )?;
    Ok(())
}

fn finish_job(
    db: &Transaction<'_>,
    idx: i64,
    job: &[Pending],
    vectors: i64,
    job_ms: i64,
    next_ms: i64,
) -> rusqlite::Result<()> {
    let Some(last) = job.last() else {
        return Ok(());
    };
    db.execute(
        "UPDATE vector_index SET vectors = vectors + ?, applied = ?, applied_mutation = ?, applied_ms = ?, \
         next_job_ms = ? WHERE idx = ?",
        params![vectors, last.seq, last.id, job_ms, next_ms, idx],
    )?;
    db.execute(
        "DELETE FROM pending_delete WHERE seq IN (SELECT seq FROM mutation WHERE idx = ? AND seq <= ?)",
        [idx, last.seq],
    )?;
    db.execute(
        "DELETE FROM mutation WHERE idx = ? AND seq <= ?",
        [idx, last.seq],
    )?;
    Ok(())
}

/// Removes the versions that no walk can see any more.
fn sweep(db: &Transaction<'_>, idx: i64, now_ms: i64) -> rusqlite::Result<()> {
    db.execute("DELETE FROM snapshot WHERE expires_ms <= ?", [now_ms])?;
    db.execute(
        "DELETE FROM vector WHERE idx = ?1 AND until <= coalesce( \
         (SELECT min(version) FROM snapshot WHERE idx = ?1), (SELECT applied FROM vector_index WHERE idx = ?1))",
        [idx],
    )?;
    Ok(())
}
