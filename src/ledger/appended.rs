//! Rows that come in the order of their ordinals. One that SQLite numbers itself is put
//! behind the last without looking for its place, which is a lookup for each of ten
//! million rows less (docs/performance.md).

use super::records::as_sql;

/// Where the next row belongs. Only for a table that ends before the first of them.
#[derive(Debug, Default)]
pub(super) struct Appended {
    next: Option<u64>,
}

impl Appended {
    /// What is bound as the `INTEGER PRIMARY KEY` of a row with this ordinal, which is above
    /// those before: none where it follows the last row, so that SQLite gives it the
    /// same (<https://www.sqlite.org/autoinc.html>).
    pub(super) fn key(&mut self, ordinal: u64) -> Option<i64> {
        let follows = self.next == Some(ordinal);
        self.next = ordinal.checked_add(1);
        (!follows).then(|| as_sql(ordinal))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    proptest! {
        #[test]
        fn rows_get_their_ordinals_whatever_is_left_out(
            ordinals in proptest::collection::btree_set(0_u64..40, 0..40),
            far in (i64::MAX as u64 - 3)..=i64::MAX as u64,
        ) {
            let connection = Connection::open_in_memory().unwrap();
            let sql = "CREATE TABLE appended (ordinal INTEGER PRIMARY KEY)";
            connection.execute_batch(sql).unwrap();
            let ordinals: Vec<u64> = ordinals.into_iter().chain(far..=i64::MAX as u64).collect();
            let mut appended = Appended::default();
            for ordinal in &ordinals {
                let key = [appended.key(*ordinal)];
                connection.execute("INSERT INTO appended VALUES (?)", key).unwrap();
            }
            let mut statement = connection.prepare("SELECT ordinal FROM appended").unwrap();
            let rows = statement.query_map([], |row| row.get::<_, i64>(0)).unwrap();
            let found: Vec<u64> = rows.map(|row| row.unwrap() as u64).collect();
            prop_assert_eq!(found, ordinals);
        }
    }
}
