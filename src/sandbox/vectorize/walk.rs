//! Walking over all ids of an index (list page): the first page fixes a version,
//! and the cursor of every page leads on in that version.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::fault::FaultKind;
use super::super::reply::{Answer, Failure, Reply};
use super::super::request::Incoming;
use super::super::store::{Done, Store};
use super::index::{Index, rfc3339};
use super::rules::upstream;

const DEFAULT_COUNT: usize = 100;
const MOST_IDS: usize = 1_000;
/// How long a cursor lives after the page that brought it; not published.
const CURSOR_LIFE_MS: i64 = 600_000;

/// Where a walk stands. Pages are ordered by mutation and then id, so that ids
/// come in sorted runs but are not sorted altogether, as seen live.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    token: String,
    seq: i64,
    id: String,
}

impl Cursor {
    /// Plus, slash and equals sign are always there: clients must encode them.
    fn encode(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        format!("+/{}=", STANDARD.encode(text))
    }

    fn decode(text: &str) -> Option<Self> {
        let inner = text.strip_prefix("+/")?.strip_suffix('=')?;
        serde_json::from_slice(&STANDARD.decode(inner).ok()?).ok()
    }
}

/// What a walk sees.
struct Snapshot {
    token: String,
    version: i64,
    total: i64,
}

/// List ids.
pub(super) fn list(store: &Store, call: &Incoming) -> Answer {
    let count = read_count(call)?;
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        let cursor = call.query("cursor").filter(|text| !text.is_empty());
        let (snapshot, seq, id) = match cursor {
            None => (begin(&index), 0, String::new()),
            Some(text) => {
                let cursor = Cursor::decode(text).ok_or_else(corrupted)?;
                let snapshot = resume(db, &index, &cursor, call)?;
                (snapshot, cursor.seq, cursor.id)
            }
        };
        page(db, &index, &snapshot, (seq, id), count, call.now_ms)
    })
}

fn read_count(call: &Incoming) -> Done<usize> {
    let Some(text) = call.query("count") else {
        return Ok(DEFAULT_COUNT);
    };
    let count = text
        .parse()
        .ok()
        .filter(|count| (1..=MOST_IDS).contains(count));
    count.ok_or_else(|| {
        upstream(
            40026,
            &format!("count must be 1 to {MOST_IDS}, got {text:?}"),
        )
    })
}

fn corrupted() -> Failure {
    upstream(40052, "List vectors cursor appears to be corrupted")
}

fn begin(index: &Index) -> Snapshot {
    Snapshot {
        token: Uuid::new_v4().simple().to_string(),
        version: index.applied,
        total: index.vectors,
    }
}

fn resume(db: &Transaction<'_>, index: &Index, cursor: &Cursor, call: &Incoming) -> Done<Snapshot> {
    let found = db
        .prepare_cached(
            "SELECT version, total FROM snapshot WHERE token = ? AND idx = ? AND expires_ms > ?",
        )?
        .query_row(params![cursor.token, index.idx, call.now_ms], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    let (version, total) = found.ok_or_else(corrupted)?;
    if call.meets(FaultKind::CursorCorrupted) && version < index.applied {
        return Err(corrupted());
    }
    Ok(Snapshot {
        token: cursor.token.clone(),
        version,
        total,
    })
}

fn page(
    db: &Transaction<'_>,
    index: &Index,
    snapshot: &Snapshot,
    after: (i64, String),
    count: usize,
    now_ms: i64,
) -> Answer {
    let mut statement = db.prepare_cached(
        "SELECT seq, id FROM vector WHERE idx = ?1 AND (seq, id) > (?2, ?3) AND seq <= ?4 \
         AND (until IS NULL OR until > ?4) ORDER BY seq, id LIMIT ?5",
    )?;
    let limit = i64::try_from(count + 1).unwrap_or(i64::MAX);
    let mut rows = statement
        .query_map(
            params![index.idx, after.0, after.1, snapshot.version, limit],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?
        .collect::<rusqlite::Result<Vec<(i64, String)>>>()?;
    let truncated = rows.len() > count;
    rows.truncate(count);
    let mut result = json!({
        "count": rows.len(), "totalCount": snapshot.total, "isTruncated": truncated,
        "nextCursor": null, "cursorExpirationTimestamp": null,
        "vectors": rows.iter().map(|(_, id)| json!({"id": id})).collect::<Value>(),
    });
    if let Some((seq, id)) = rows.pop().filter(|_| truncated) {
        let expires_ms = now_ms.saturating_add(CURSOR_LIFE_MS);
        keep(db, index, snapshot, expires_ms)?;
        let token = snapshot.token.clone();
        result["nextCursor"] = json!(Cursor { token, seq, id }.encode());
        result["cursorExpirationTimestamp"] = json!(rfc3339(expires_ms));
    }
    Ok(Reply::result(result))
}

fn keep(
    db: &Transaction<'_>,
    index: &Index,
    snapshot: &Snapshot,
    expires_ms: i64,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO snapshot (token, idx, version, total, expires_ms) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (token) DO UPDATE SET expires_ms = ?5",
    )?
    .execute(params![
        snapshot.token,
        index.idx,
        snapshot.version,
        snapshot.total,
        expires_ms
    ])?;
    Ok(())
}
