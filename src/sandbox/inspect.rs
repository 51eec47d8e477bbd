//! Looking into a sandbox, and changing it behind the API's back: for tests that
//! compare the state with what was meant, or inject a defect that a check must find.

use std::collections::BTreeMap;

use rusqlite::{Transaction, params};
use serde_json::Value;

use super::kv::entry::{Entry, Writer};
use super::kv::namespace;
use super::vectorize::index::Index;
use super::vectorize::{COLUMNS, StoredRow, to_bytes};
use super::{Sandbox, SandboxError};

/// A vector as the index holds it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredVector {
    /// None for the default namespace.
    pub namespace: Option<String>,
    /// The values, bit for bit.
    pub values: Vec<f32>,
    /// An object; none when the vector has no metadata.
    pub metadata: Option<Value>,
}

/// A KV entry.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEntry {
    /// The bytes.
    pub value: Vec<u8>,
    /// Seconds since the Unix epoch.
    pub expiration: Option<i64>,
    /// Any JSON; none when the entry has no metadata.
    pub metadata: Option<Value>,
}

impl Sandbox {
    /// The vectors of an index as they are visible now, by id.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchIndex`], or a failing store.
    pub fn vectors(&self, index: &str) -> Result<BTreeMap<String, StoredVector>, SandboxError> {
        self.with_index(index, |db, index| {
            let sql = format!(
                "SELECT {} FROM vector WHERE idx = ? AND seq <= ? AND until IS NULL",
                COLUMNS
            );
            let mut statement = db.prepare(&sql)?;
            let rows = statement.query_map([index.idx, index.applied], StoredRow::from_row)?;
            let rows = rows.map(|row| row.map(into_vector));
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Puts a vector into an index, or in place of the one with that id; no
    /// mutation is recorded.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchIndex`], or a failing store.
    pub fn put_vector(
        &self,
        index: &str,
        id: &str,
        vector: &StoredVector,
    ) -> Result<(), SandboxError> {
        self.with_index(index, |db, index| {
            forget(db, index, id)?;
            db.execute(
                "INSERT INTO vector (idx, seq, id, namespace, metadata, vals) VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    index.idx,
                    index.applied,
                    id,
                    vector.namespace,
                    vector.metadata.as_ref().map(Value::to_string),
                    to_bytes(&vector.values)
                ],
            )?;
            count_by(db, index, 1)
        })
    }

    /// Removes a vector; whether it was there.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchIndex`], or a failing store.
    pub fn remove_vector(&self, index: &str, id: &str) -> Result<bool, SandboxError> {
        self.with_index(index, |db, index| forget(db, index, id))
    }

    /// Makes the index's count wrong by `change`.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchIndex`], or a failing store.
    pub fn miscount(&self, index: &str, change: i64) -> Result<(), SandboxError> {
        self.with_index(index, |db, index| count_by(db, index, change))
    }

    /// The KV namespaces: title by id.
    ///
    /// # Errors
    /// A failing store.
    pub fn namespaces(&self) -> Result<BTreeMap<String, String>, SandboxError> {
        self.inner.store.transaction(|db| {
            let mut statement = db.prepare("SELECT id, title FROM namespace")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// The entries of a KV namespace as they were last written, by key; those
    /// that have expired are left out.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchNamespace`], or a failing store.
    pub fn entries(&self, namespace: &str) -> Result<BTreeMap<String, StoredEntry>, SandboxError> {
        self.with_namespace(namespace, |db| {
            let mut statement = db.prepare(
                "SELECT value, expiration, metadata, key FROM entry WHERE namespace = ? AND until IS NULL \
                 AND (expiration IS NULL OR expiration > ?)",
            )?;
            let rows = statement.query_map(params![namespace, self.now_ms() / 1000], |row| {
                Ok((row.get(3)?, into_entry(&Entry::from_row(row)?)))
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Puts an entry into a namespace, with none of the API's checks.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchNamespace`], or a failing store.
    pub fn put_entry(
        &self,
        namespace: &str,
        key: &str,
        entry: &StoredEntry,
    ) -> Result<(), SandboxError> {
        let entry = Entry {
            value: entry.value.clone(),
            expiration: entry.expiration,
            metadata: entry.metadata.as_ref().map(Value::to_string),
        };
        self.with_namespace(namespace, |db| {
            let writer = Writer::begin(db, &self.inner.store, self.now_ms())?;
            Ok(writer.put(namespace, key, &entry)?)
        })
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// [`SandboxError::NoSuchNamespace`], or a failing store.
    pub fn remove_entry(&self, namespace: &str, key: &str) -> Result<(), SandboxError> {
        self.with_namespace(namespace, |db| {
            let writer = Writer::begin(db, &self.inner.store, self.now_ms())?;
            Ok(writer.remove(namespace, key)?)
        })
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.inner.clock.wall_ms()).unwrap_or(i64::MAX)
    }

    fn with_index<T>(
        &self,
        name: &str,
        work: impl FnOnce(&Transaction<'_>, &Index) -> Result<T, SandboxError>,
    ) -> Result<T, SandboxError> {
        let store = &self.inner.store;
        store.transaction(|db| {
            let index = Index::find(db, store, name, self.now_ms())?;
            let index = index.ok_or_else(|| SandboxError::NoSuchIndex(name.to_owned()))?;
            work(db, &index)
        })
    }

    fn with_namespace<T>(
        &self,
        id: &str,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, SandboxError>,
    ) -> Result<T, SandboxError> {
        self.inner.store.transaction(|db| {
            if !namespace::exists(db, id)? {
                return Err(SandboxError::NoSuchNamespace(id.to_owned()));
            }
            work(db)
        })
    }
}

fn into_vector(row: StoredRow) -> (String, StoredVector) {
    let metadata = row.metadata.is_some().then(|| row.metadata_json());
    let vector = StoredVector {
        namespace: row.namespace,
        values: row.values,
        metadata,
    };
    (row.id, vector)
}

fn into_entry(entry: &Entry) -> StoredEntry {
    StoredEntry {
        value: entry.value.clone(),
        expiration: entry.expiration,
        metadata: entry.metadata.is_some().then(|| entry.metadata_json()),
    }
}

fn forget(db: &Transaction<'_>, index: &Index, id: &str) -> Result<bool, SandboxError> {
    let gone = db.execute(
        "DELETE FROM vector WHERE idx = ? AND id = ? AND seq <= ? AND until IS NULL",
        params![index.idx, id, index.applied],
    )?;
    if gone > 0 {
        count_by(db, index, -1)?;
    }
    Ok(gone > 0)
}

fn count_by(db: &Transaction<'_>, index: &Index, change: i64) -> Result<(), SandboxError> {
    db.execute(
        "UPDATE vector_index SET vectors = vectors + ? WHERE idx = ?",
        [change, index.idx],
    )?;
    Ok(())
}
