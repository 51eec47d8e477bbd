//! The same by namespace: a record's own, a rejected point's in the source.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::records::{as_sql, from_sql};
use super::tally::{name_of, namespace_of};
use super::{BatchState, Ledger, ranges, tally};
use crate::error::Error;

/// How many points of a namespace ended how.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamespaceTotals {
    /// The namespace; none for the default one.
    pub namespace: Option<String>,
    /// Points that became records.
    pub records: u64,
    /// Points that did not.
    pub rejected: u64,
    /// Records that the index has applied.
    pub settled: u64,
}

impl Ledger {
    /// How many namespaces there are, of records and of rejected points.
    pub fn count_namespaces(&self) -> Result<u64, Error> {
        let rejected = name_of(REJECTED);
        let sql = format!(
            "SELECT count(*) FROM (SELECT name FROM tally UNION SELECT {rejected} FROM rejection)"
        );
        self.with(|connection| connection.query_row(&sql, [], |row| Ok(from_sql(row.get(0)?))))
    }

    /// Whether all records are in the same namespace, or there are none.
    pub fn has_one_namespace(&self) -> Result<bool, Error> {
        Ok(self.count_record_namespaces()? <= 1)
    }

    /// How many namespaces records have.
    pub fn count_record_namespaces(&self) -> Result<u64, Error> {
        self.with(|connection| {
            connection.query_row("SELECT count(*) FROM tally", [], |row| {
                Ok(from_sql(row.get(0)?))
            })
        })
    }

    /// The first `limit` namespaces by name, the default one first.
    pub fn namespaces(&self, limit: usize) -> Result<Vec<NamespaceTotals>, Error> {
        self.with(|connection| {
            let mut totals = first_by_name(connection, limit)?;
            let unsettled = unsettled(connection, &totals)?;
            for row in &mut totals {
                let unsettled = unsettled.get(&row.namespace).unwrap_or(&0);
                row.settled = row.settled.saturating_sub(*unsettled);
            }
            Ok(totals)
        })
    }

    /// Calls `each` with every record's ordinal and namespace, by ordinal.
    pub fn for_each_namespace(&self, mut each: impl FnMut(u64, Option<&str>)) -> Result<(), Error> {
        self.with(|connection| {
            let mut statement =
                connection.prepare("SELECT ordinal, namespace FROM record ORDER BY ordinal")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let namespace = row.get_ref(1)?.as_str_or_null();
                let namespace = namespace.map_err(rusqlite::Error::from)?;
                each(from_sql(row.get(0)?), namespace);
            }
            Ok(())
        })
    }

    /// Whether some points were rejected because points of another namespace give
    /// the same vector id.
    pub fn collides_across_namespaces(&self) -> Result<bool, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM rejection WHERE stage = 'collision'
                 GROUP BY json_extract(json, '$.value')
                 HAVING count(DISTINCT coalesce('=' || json_extract(json, '$.namespace'), '')) > 1)",
                [],
                |row| row.get(0),
            )
        })
    }
}

/// The namespace of a rejection.
const REJECTED: &str = "json_extract(json, '$.namespace')";

/// The first namespaces by name, as if all their records were settled.
fn first_by_name(
    connection: &Connection,
    limit: usize,
) -> Result<Vec<NamespaceTotals>, rusqlite::Error> {
    let rejected = name_of(REJECTED);
    let mut statement = connection.prepare(&format!(
        "SELECT name, sum(records), sum(rejected) FROM (
             SELECT name, records, 0 AS rejected FROM tally
             UNION ALL SELECT {rejected}, 0, 1 FROM rejection)
         GROUP BY name ORDER BY name LIMIT ?"
    ))?;
    let rows = statement.query_map([as_sql(limit as u64)], |row| {
        let records = from_sql(row.get(1)?);
        Ok(NamespaceTotals {
            namespace: namespace_of(row.get_ref(0)?.as_str()?),
            records,
            rejected: from_sql(row.get(2)?),
            settled: records,
        })
    })?;
    rows.collect()
}

/// How many records of these namespaces the index has not applied. They are counted
/// through only where it has some and not others, and of several namespaces.
fn unsettled(
    connection: &Connection,
    totals: &[NamespaceTotals],
) -> Result<BTreeMap<Option<String>, u64>, rusqlite::Error> {
    let records = tally::all(connection)?.records;
    let unchanged: i64 =
        connection.query_row("SELECT count(*) FROM unchanged", [], |row| row.get(0))?;
    let settled = ranges::records_in(connection, BatchState::Settled)?;
    let settled = settled.saturating_add(from_sql(unchanged));
    let all = totals.iter().filter(|row| row.records > 0);
    let all = all.map(|row| (row.namespace.clone(), row.records));
    match records.saturating_sub(settled) {
        0 => Ok(BTreeMap::new()),
        unsettled if unsettled == records => Ok(all.collect()),
        unsettled if totals.iter().any(|row| row.records == records) => {
            Ok(all.map(|(namespace, _)| (namespace, unsettled)).collect())
        }
        _ => count_unsettled(connection, all.map(|(namespace, _)| namespace)),
    }
}

fn count_unsettled(
    connection: &Connection,
    namespaces: impl Iterator<Item = Option<String>>,
) -> Result<BTreeMap<Option<String>, u64>, rusqlite::Error> {
    let mut counts: BTreeMap<Option<String>, u64> = namespaces.map(|name| (name, 0)).collect();
    let mut statement = connection.prepare(
        "SELECT namespace FROM record WHERE ordinal BETWEEN ? AND ?
         AND NOT EXISTS (SELECT 1 FROM unchanged WHERE unchanged.ordinal = record.ordinal)",
    )?;
    let every = ranges::all(connection)?;
    let settled = ranges::of(connection, BatchState::Settled, every)?;
    for range in ranges::between(&settled, every) {
        let mut rows = statement.query(range)?;
        while let Some(row) = rows.next()? {
            if let Some(count) = counts.get_mut(&row.get(0)?) {
                *count += 1;
            }
        }
    }
    Ok(counts)
}
