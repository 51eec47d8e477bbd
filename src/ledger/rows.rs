//! Records as they are read back: by their place in the archive, or by their id.

use rusqlite::{OptionalExtension as _, Row};

use super::records::{as_sql, from_sql};
use super::{Ledger, RecordRow};
use crate::error::Error;
use crate::record::Digest;
use crate::transform::Order;

impl Ledger {
    /// The records with ordinals `first..=last`, by ordinal.
    pub fn records_between(&self, first: u64, last: u64) -> Result<Vec<RecordRow>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT ordinal, id, namespace, file, file_order, digest FROM record
                 WHERE ordinal BETWEEN ? AND ? ORDER BY ordinal",
            )?;
            let rows = statement.query_map([as_sql(first), as_sql(last)], read_record)?;
            rows.collect()
        })
    }

    /// The records from `first` up to `last`, by ordinal, at most `limit`.
    pub fn records_from(
        &self,
        first: u64,
        last: u64,
        limit: usize,
    ) -> Result<Vec<RecordRow>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT ordinal, id, namespace, file, file_order, digest FROM record
                 WHERE ordinal BETWEEN ? AND ? ORDER BY ordinal LIMIT ?",
            )?;
            let bounds = [as_sql(first), as_sql(last), as_sql(limit as u64)];
            let rows = statement.query_map(bounds, read_record)?;
            rows.collect()
        })
    }

    /// The records from `first` up to `last` that are to be sent, or were: those
    /// that are not held as they are already; by ordinal, at most `limit`.
    pub fn sent_between(
        &self,
        first: u64,
        last: u64,
        limit: usize,
    ) -> Result<Vec<RecordRow>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare_cached(
                // A join keeps its place in both, where a subquery looks each record up.
                "SELECT record.ordinal, id, namespace, file, file_order, digest
                 FROM record LEFT JOIN unchanged ON unchanged.ordinal = record.ordinal
                 WHERE record.ordinal BETWEEN ? AND ? AND unchanged.ordinal IS NULL
                 ORDER BY record.ordinal LIMIT ?",
            )?;
            let bounds = [as_sql(first), as_sql(last), as_sql(limit as u64)];
            let rows = statement.query_map(bounds, read_record)?;
            rows.collect()
        })
    }

    /// The last of the [records that are sent](Self::sent_between) in `first..=last`.
    pub fn last_sent_between(&self, first: u64, last: u64) -> Result<Option<RecordRow>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT ordinal, id, namespace, file, file_order, digest FROM record
                     WHERE ordinal BETWEEN ? AND ?
                     AND NOT EXISTS (SELECT 1 FROM unchanged WHERE unchanged.ordinal = record.ordinal)
                     ORDER BY ordinal DESC LIMIT 1",
                )?
                .query_row([as_sql(first), as_sql(last)], read_record)
                .optional()
        })
    }

    /// The last of the [records that are sent](Self::sent_between) in `first..=last`
    /// that the index did not hold as they are before: new to it, or known to be
    /// changed.
    pub fn last_telling_record_between(
        &self,
        first: u64,
        last: u64,
    ) -> Result<Option<RecordRow>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT ordinal, id, namespace, file, file_order, digest FROM record
                     WHERE ordinal BETWEEN ? AND ?
                     AND NOT EXISTS (SELECT 1 FROM unchanged WHERE unchanged.ordinal = record.ordinal)
                     AND (NOT EXISTS (SELECT 1 FROM inventory_vector WHERE inventory_vector.id = record.id)
                          OR EXISTS (SELECT 1 FROM held WHERE held.id = record.id))
                     ORDER BY ordinal DESC LIMIT 1",
                )?
                .query_row([as_sql(first), as_sql(last)], read_record)
                .optional()
        })
    }

    /// The first record with an ordinal in `first..=last`.
    pub fn first_record_between(&self, first: u64, last: u64) -> Result<Option<RecordRow>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT ordinal, id, namespace, file, file_order, digest FROM record
                     WHERE ordinal BETWEEN ? AND ? ORDER BY ordinal LIMIT 1",
                )?
                .query_row([as_sql(first), as_sql(last)], read_record)
                .optional()
        })
    }

    /// The record of that id.
    pub fn record_of(&self, id: &str) -> Result<Option<RecordRow>, Error> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT ordinal, id, namespace, file, file_order, digest FROM record
                     WHERE id = ? LIMIT 1",
                )?
                .query_row([id], read_record)
                .optional()
        })
    }
}

fn read_record(row: &Row<'_>) -> Result<RecordRow, rusqlite::Error> {
    Ok(RecordRow {
        ordinal: from_sql(row.get(0)?),
        id: row.get(1)?,
        namespace: row.get(2)?,
        file: row.get(3)?,
        order: order_from_sql(row.get(4)?),
        digest: Digest(row.get(5)?),
    })
}

fn order_from_sql(value: rusqlite::types::Value) -> Order {
    use rusqlite::types::Value;
    match value {
        Value::Real(number) => Order::Number(number),
        Value::Text(text) => Order::Text(text),
        _ => Order::Missing,
    }
}
