//! The same by namespace: a record's own, a rejected point's in the source.

use super::Ledger;
use super::records::{as_sql, from_sql};
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
        self.with(|connection| {
            connection.query_row(
                "SELECT count(*) FROM (SELECT namespace FROM record
                 UNION SELECT json_extract(json, '$.namespace') FROM rejection)",
                [],
                |row| Ok(from_sql(row.get(0)?)),
            )
        })
    }

    /// Whether all records are in the same namespace, or there are none.
    pub fn has_one_namespace(&self) -> Result<bool, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT NOT EXISTS (SELECT 1 FROM record
                 WHERE namespace IS NOT (SELECT namespace FROM record LIMIT 1))",
                [],
                |row| row.get(0),
            )
        })
    }

    /// How many namespaces records have.
    pub fn count_record_namespaces(&self) -> Result<u64, Error> {
        self.with(|connection| {
            connection.query_row(
                "SELECT count(*) FROM (SELECT DISTINCT namespace FROM record)",
                [],
                |row| Ok(from_sql(row.get(0)?)),
            )
        })
    }

    /// The first `limit` namespaces by name, the default one first.
    pub fn namespaces(&self, limit: usize) -> Result<Vec<NamespaceTotals>, Error> {
        self.with(|connection| {
            let mut statement = connection.prepare(
                "SELECT namespace, sum(record), sum(rejected), sum(settled) FROM (
                     SELECT namespace, 1 AS record, 0 AS rejected, state IN ('settled', 'unchanged') AS settled FROM record_state
                     UNION ALL SELECT json_extract(json, '$.namespace'), 0, 1, 0 FROM rejection)
                 GROUP BY namespace ORDER BY namespace LIMIT ?",
            )?;
            let rows = statement.query_map([as_sql(limit as u64)], |row| {
                Ok(NamespaceTotals {
                    namespace: row.get(0)?,
                    records: from_sql(row.get(1)?),
                    rejected: from_sql(row.get(2)?),
                    settled: from_sql(row.get(3)?),
                })
            })?;
            rows.collect()
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
