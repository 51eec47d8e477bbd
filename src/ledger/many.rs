//! Rows inserted many at a time: a statement costs as much as several short rows, and
//! within one SQLite stays where it inserted last.

use rusqlite::types::Value;
use rusqlite::{Connection, Statement, params_from_iter};

/// Rows of a statement.
const ROWS: usize = 64;

/// Inserts rows in the order they are given. What was added last is inserted by
/// [`Many::finish`].
pub(super) struct Many<'a> {
    one: Statement<'a>,
    many: Statement<'a>,
    columns: usize,
    pending: Vec<Value>,
}

impl<'a> Many<'a> {
    /// By `insert`, which ends before its `VALUES`, into so many columns.
    pub(super) fn new(
        connection: &'a Connection,
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
        row: [Value; COLUMNS],
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
