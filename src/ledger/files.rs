//! The file index as the ledger sees it: which records belong to which file, in
//! which order.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension as _};

use super::records::from_sql;
use super::schema::index;
use super::{Ledger, tally};
use crate::error::Error;
use crate::record::MAX_ID_BYTES;

/// One file's entry: its key and the ids of its vectors, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEntry {
    /// The KV key.
    pub key: String,
    /// The vector ids, in chunk order; ties and missing orders by id.
    pub ids: Vec<String>,
}

impl Ledger {
    /// How many files there are.
    pub fn files(&self) -> Result<u64, Error> {
        self.with(|connection| {
            measure_files(connection)?;
            let sql = "SELECT coalesce(sum(files), 0) FROM file_length";
            connection.query_row(sql, [], |row| Ok(from_sql(row.get(0)?)))
        })
    }

    /// How many records belong to a file.
    pub fn records_with_file(&self) -> Result<u64, Error> {
        self.with(|connection| Ok(tally::all(connection)?.filed))
    }

    /// The next whole files after `after` by key, until they have `ids` ids or
    /// more; empty at the end.
    pub fn files_after(&self, after: Option<&str>, ids: usize) -> Result<Vec<FileEntry>, Error> {
        self.with(|connection| {
            index_files(connection)?;
            let mut statement = connection.prepare_cached(
                "SELECT file, id FROM record WHERE file > ?1 ORDER BY file, file_order, id",
            )?;
            let mut rows = statement.query([after.unwrap_or("")])?;
            let mut files: Vec<FileEntry> = Vec::new();
            let mut taken = 0;
            while let Some(row) = rows.next()? {
                let (key, id) = (row.get_ref(0)?.as_str()?, row.get(1)?);
                match files.last_mut() {
                    Some(file) if file.key == key => file.ids.push(id),
                    _ if taken >= ids => break,
                    _ => files.push(FileEntry {
                        key: key.to_owned(),
                        ids: vec![id],
                    }),
                }
                taken += 1;
            }
            Ok(files)
        })
    }

    /// The file of that key.
    pub fn file(&self, key: &str) -> Result<Option<FileEntry>, Error> {
        self.with(|connection| {
            index_files(connection)?;
            let mut statement = connection
                .prepare_cached("SELECT id FROM record WHERE file = ? ORDER BY file_order, id")?;
            let ids: Vec<String> = statement
                .query_map([key], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            Ok((!ids.is_empty()).then(|| FileEntry {
                key: key.to_owned(),
                ids,
            }))
        })
    }

    /// The next keys after `after` under which earlier generations had records and this
    /// one has none.
    pub fn left_files_after(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, Error> {
        self.with(|connection| {
            index_files(connection)?;
            index(
                connection,
                "held_file",
                "CREATE INDEX held_file ON held (file) WHERE file IS NOT NULL",
            )?;
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT file FROM held WHERE file > ?
                 AND NOT EXISTS (SELECT 1 FROM record WHERE record.file = held.file)
                 ORDER BY file LIMIT ?",
            )?;
            let bounds = (after.unwrap_or(""), super::records::as_sql(limit as u64));
            let rows = statement.query_map(bounds, |row| row.get(0))?;
            rows.collect()
        })
    }

    /// A file whose entry would have more than `bytes` bytes, with its size.
    pub fn file_larger_than(&self, bytes: u64) -> Result<Option<(String, u64)>, Error> {
        self.with(|connection| {
            measure_files(connection)?;
            let sql = "SELECT coalesce(max(ids), 0) FROM file_length";
            let longest = from_sql(connection.query_row(sql, [], |row| row.get(0))?);
            if longest.saturating_mul(MAX_ID_BYTES as u64 + 3) < bytes {
                return Ok(None);
            }
            connection
                .query_row(
                    "SELECT file, sum(length(CAST(id AS BLOB)) + 3) + 1 AS bytes FROM record
                     WHERE file IS NOT NULL GROUP BY file HAVING bytes > ? LIMIT 1",
                    [super::records::as_sql(bytes)],
                    |row| Ok((row.get(0)?, from_sql(row.get(1)?))),
                )
                .optional()
        })
    }

    /// How many files have more than `ids` ids.
    pub fn files_longer_than(&self, ids: u64) -> Result<u64, Error> {
        self.with(|connection| {
            measure_files(connection)?;
            connection.query_row(
                "SELECT coalesce(sum(files), 0) FROM file_length WHERE ids > ?",
                [super::records::as_sql(ids)],
                |row| Ok(from_sql(row.get(0)?)),
            )
        })
    }

    /// Files whose records lie in more than one namespace: how many, and the first
    /// by key; none where there is none.
    pub fn files_across_namespaces(&self) -> Result<Option<(u64, String)>, Error> {
        if self.has_one_namespace()? {
            return Ok(None);
        }
        self.with(|connection| {
            // The index does not have the namespaces, and looking them up one by one
            // takes longer than sorting the table.
            connection.query_row(
                "SELECT count(*), min(file) FROM (
                     SELECT file FROM record NOT INDEXED WHERE file IS NOT NULL GROUP BY file
                     HAVING min(coalesce(namespace, '')) <> max(coalesce(namespace, '')))",
                [],
                |row| {
                    let shared = from_sql(row.get(0)?);
                    let first: Option<String> = row.get(1)?;
                    Ok(first.map(|first| (shared, first)))
                },
            )
        })
    }
}

/// Counts how many files have how many ids, once until records come or go.
fn measure_files(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    index_files(connection)?;
    let sql = "SELECT EXISTS (SELECT 1 FROM file_length)";
    if connection.query_row(sql, [], |row| row.get(0))? {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for (ids, files) in lengths(&transaction)? {
        transaction.execute("INSERT INTO file_length VALUES (?, ?)", [ids, files])?;
    }
    transaction.commit()
}

/// By how many ids they have, how many files.
fn lengths(connection: &Connection) -> Result<BTreeMap<i64, i64>, rusqlite::Error> {
    let mut lengths = BTreeMap::new();
    let mut statement =
        connection.prepare("SELECT count(*) FROM record WHERE file IS NOT NULL GROUP BY file")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        *lengths.entry(row.get(0)?).or_default() += 1;
    }
    Ok(lengths)
}

/// Only migrations with a file index pay for this.
pub(super) fn index_files(connection: &rusqlite::Connection) -> Result<(), rusqlite::Error> {
    index(
        connection,
        "record_file",
        "CREATE INDEX record_file ON record (file, file_order, id) WHERE file IS NOT NULL",
    )
}
