//! Reading vectors back by id.

use rusqlite::{OptionalExtension, Transaction, params};
use serde_json::{Value, json};

use super::super::reply::{Answer, Reply};
use super::super::request::Incoming;
use super::super::store::Store;
use super::index::Index;
use super::vector::{COLUMNS, StoredRow, values_json};
use super::write::read_ids;

/// More gets 40007; measured by others, not on the limits page.
const MOST_IDS: usize = 20;

/// Get by ids: a bare array, unknown ids left out.
pub(super) fn get_by_ids(store: &Store, call: &Incoming) -> Answer {
    let ids = read_ids(call, MOST_IDS)?;
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        let mut found = Vec::new();
        for id in &ids {
            found.extend(find(db, &index, id)?.as_ref().map(describe));
        }
        Ok(Reply::result(Value::Array(found)))
    })
}

/// A vector as it is visible now.
pub(super) fn find(
    db: &Transaction<'_>,
    index: &Index,
    id: &str,
) -> rusqlite::Result<Option<StoredRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM vector WHERE idx = ? AND id = ? AND seq <= ? AND until IS NULL"
    );
    db.prepare_cached(&sql)?
        .query_row(params![index.idx, id, index.applied], StoredRow::from_row)
        .optional()
}

fn describe(row: &StoredRow) -> Value {
    let mut vector = json!({
        "id": row.id, "values": values_json(&row.values), "namespace": row.namespace,
    });
    if row.metadata.is_some() {
        vector["metadata"] = row.metadata_json();
    }
    vector
}
