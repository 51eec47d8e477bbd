//! Rows inserted many at a time: a statement costs as much as several short rows, and
//! within one SQLite stays where it inserted last.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Statement, params_from_iter};

/// Rows of a statement.
const ROWS: usize = 64;

/// Inserts rows in the order they are given. What was added last is inserted by
/// [`Many::finish`].
pub(super) struct Many<'connection, 'values> {
    one: Statement<'connection>,
    many: Statement<'connection>,
    columns: usize,
    pending: Vec<ToSqlOutput<'values>>,
}

impl<'connection, 'values> Many<'connection, 'values> {
    /// By `insert`, which ends before its `VALUES`, into so many columns.
    pub(super) fn new(
        connection: &'connection Connection,
        insert: &str,
        columns: usize,
    ) -> Result<Self, rusqlite::Error> {
        let row = format!("({})", vec!["?"; columns].join(", "));
        let prepare = |rows: usize| {
            connection.prepare(&format!(
                "{insert} VALUES {}",
                vec![row.as_str(); rows].join(", ")
            ))
        };
        Ok(Self {
            one: prepare(1)?,
            many: prepare(ROWS)?,
            columns,
            pending: Vec::with_capacity(ROWS * columns),
        })
    }

    pub(super) fn add<const COLUMNS: usize>(
        &mut self,
        row: [ToSqlOutput<'values>; COLUMNS],
    ) -> Result<(), rusqlite::Error> {
        self.pending.extend(row);
        if self.pending.len() == ROWS * self.columns {
            self.many
                .execute(params_from_iter(self.pending.drain(..)))?;
        }
        Ok(())
    }

    /// Inserts what is pending.
    pub(super) fn finish(mut self) -> Result<(), rusqlite::Error> {
        for row in self.pending.chunks(self.columns) {
            self.one.execute(params_from_iter(row))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rows_are_inserted_however_many_a_statement_takes() {
        for rows in [0, 1, ROWS - 1, ROWS, 2 * ROWS + 1] {
            let connection = Connection::open_in_memory().unwrap();
            connection
                .execute_batch("CREATE TABLE pair (one, other)")
                .unwrap();
            let mut many = Many::new(&connection, "INSERT INTO pair", 2).unwrap();
            for row in 0..rows as i64 {
                many.add([row.into(), format!("row {row}").into()]).unwrap();
            }
            many.finish().unwrap();
            let sql = "SELECT count(*), count(DISTINCT one) FROM pair WHERE other = 'row ' || one";
            let counts = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
            assert_eq!(counts.unwrap(), (rows as i64, rows as i64));
        }
    }
}
