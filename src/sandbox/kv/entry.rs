//! Entries as they are stored, in versions: a write ends the version before it,
//! which stays for as long as a stale read may ask for it.

use rusqlite::{OptionalExtension, Row, Transaction, params};
use serde_json::Value;

use super::super::lock;
use super::super::request::Incoming;
use super::super::store::Store;
use super::cache::{self, ReadOf};

/// An entry's content.
#[derive(Debug, Clone)]
pub(in super::super) struct Entry {
    pub(in super::super) value: Vec<u8>,
    /// Seconds since the Unix epoch.
    pub(in super::super) expiration: Option<i64>,
    /// Compact JSON.
    pub(in super::super) metadata: Option<String>,
}

impl Entry {
    pub(in super::super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            value: row.get(0)?,
            expiration: row.get(1)?,
            metadata: row.get(2)?,
        })
    }

    /// The metadata as JSON, null when there is none.
    pub(in super::super) fn metadata_json(&self) -> Value {
        metadata_json(self.metadata.as_deref())
    }
}

pub(super) fn metadata_json(text: Option<&str>) -> Value {
    serde_json::from_str(text.unwrap_or("null")).unwrap_or(Value::Null)
}

/// Rows that a reading of version ?3 at second ?4 sees.
pub(super) const SEEN: &str =
    "since <= ?3 AND (until IS NULL OR until > ?3) AND (expiration IS NULL OR expiration > ?4)";

/// Reads an entry, as stale as the sandbox was told to be.
pub(super) fn read(
    db: &Transaction<'_>,
    store: &Store,
    call: &Incoming,
    namespace: &str,
    key: &str,
) -> rusqlite::Result<Option<Entry>> {
    let what = ReadOf::Key {
        namespace: namespace.to_owned(),
        key: key.to_owned(),
    };
    let version = version_for(db, store, call, what)?;
    let sql = format!(
        "SELECT value, expiration, metadata FROM entry WHERE namespace = ?1 AND key = ?2 AND {SEEN}"
    );
    db.prepare_cached(&sql)?
        .query_row(
            params![namespace, key, version, call.now_secs()],
            Entry::from_row,
        )
        .optional()
}

pub(super) fn version_for(
    db: &Transaction<'_>,
    store: &Store,
    call: &Incoming,
    what: ReadOf,
) -> rusqlite::Result<i64> {
    let newest = db
        .prepare_cached("SELECT version FROM kv_version")?
        .query_row([], |row| row.get(0))?;
    let mut cache = lock(&store.reads);
    Ok(cache::version_for(
        &mut cache,
        what,
        newest,
        call.now_ms,
        store.stale_ms,
    ))
}

/// One writing call: everything it writes or removes becomes visible at once.
pub(in super::super) struct Writer<'a> {
    db: &'a Transaction<'a>,
    version: i64,
    now_ms: i64,
    stale_ms: i64,
}

impl<'a> Writer<'a> {
    pub(in super::super) fn begin(
        db: &'a Transaction<'a>,
        store: &Store,
        now_ms: i64,
    ) -> rusqlite::Result<Self> {
        let version = db
            .prepare_cached("UPDATE kv_version SET version = version + 1 RETURNING version")?
            .query_row([], |row| row.get(0))?;
        db.prepare_cached("DELETE FROM entry WHERE gone_ms < ?")?
            .execute([now_ms.saturating_sub(store.stale_ms)])?;
        Ok(Self {
            db,
            version,
            now_ms,
            stale_ms: store.stale_ms,
        })
    }

    pub(in super::super) fn put(
        &self,
        namespace: &str,
        key: &str,
        entry: &Entry,
    ) -> rusqlite::Result<()> {
        self.remove(namespace, key)?;
        self.db
            .prepare_cached(
                "INSERT INTO entry (namespace, key, since, written_ms, expiration, metadata, value) \
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![
                namespace,
                key,
                self.version,
                self.now_ms,
                entry.expiration,
                entry.metadata,
                entry.value
            ])?;
        Ok(())
    }

    pub(in super::super) fn remove(&self, namespace: &str, key: &str) -> rusqlite::Result<()> {
        if self.stale_ms == 0 {
            self.db
                .prepare_cached("DELETE FROM entry WHERE namespace = ? AND key = ?")?
                .execute(params![namespace, key])?;
            return Ok(());
        }
        self.db
            .prepare_cached(
                "UPDATE entry SET until = ?, gone_ms = ? WHERE namespace = ? AND key = ? AND until IS NULL",
            )?
            .execute(params![self.version, self.now_ms, namespace, key])?;
        Ok(())
    }
}

/// When a key was last written, while that version is still there.
pub(super) fn last_written_ms(
    db: &Transaction<'_>,
    namespace: &str,
    key: &str,
) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT max(written_ms) FROM entry WHERE namespace = ? AND key = ?")?
        .query_row(params![namespace, key], |row| row.get(0))
}
