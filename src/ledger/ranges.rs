//! Ranges of ordinals that went out in batches of one state, and those between them:
//! nearly always one of the two is small, and only that one is counted through.

use rusqlite::Connection;

use super::BatchState;
use super::records::from_sql;
use super::tally;

/// From its first ordinal to its last.
pub(super) type Range = (i64, i64);

/// The ranges of batches of one state, ascending, those that touch as one.
pub(super) fn of(
    connection: &Connection,
    state: BatchState,
) -> Result<Vec<Range>, rusqlite::Error> {
    let mut statement = connection
        .prepare_cached("SELECT first, last FROM batch WHERE state = ? ORDER BY first")?;
    let mut rows = statement.query([state.name()])?;
    let mut ranges: Vec<Range> = Vec::new();
    while let Some(row) = rows.next()? {
        let (first, last): Range = (row.get(0)?, row.get(1)?);
        match ranges.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
            _ => ranges.push((first, last)),
        }
    }
    Ok(ranges)
}

/// Everything that lies in none of these.
pub(super) fn between(ranges: &[Range]) -> Vec<Range> {
    let firsts = ranges.iter().map(|(first, _)| *first).chain([i64::MAX]);
    let ends = std::iter::once(-1).chain(ranges.iter().map(|(_, last)| *last));
    let gaps = ends.zip(firsts).map(|(end, next)| (end + 1, next - 1));
    gaps.filter(|(first, last)| first <= last).collect()
}

/// How many records went out in batches of that state.
pub(super) fn records_in(
    connection: &Connection,
    state: BatchState,
) -> Result<u64, rusqlite::Error> {
    let inside = of(connection, state)?;
    let outside = between(&inside);
    let checked: i64 = connection.query_row("SELECT points FROM checked", [], |row| row.get(0))?;
    let covered = |ranges: &[Range]| -> i64 {
        let lengths = ranges
            .iter()
            .map(|(first, last)| last.min(&checked) - first.min(&checked));
        lengths.sum()
    };
    if covered(&inside) <= covered(&outside) {
        return sent_in(connection, &inside);
    }
    let unchanged: i64 =
        connection.query_row("SELECT count(*) FROM unchanged", [], |row| row.get(0))?;
    let sent = tally::all(connection)?
        .records
        .saturating_sub(from_sql(unchanged));
    Ok(sent.saturating_sub(sent_in(connection, &outside)?))
}

/// How many records of these ranges are not in the index as they are already.
fn sent_in(connection: &Connection, ranges: &[Range]) -> Result<u64, rusqlite::Error> {
    let mut count = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM record WHERE ordinal BETWEEN ?1 AND ?2)
              - (SELECT count(*) FROM unchanged WHERE ordinal BETWEEN ?1 AND ?2)",
    )?;
    let mut sent = 0;
    for range in ranges {
        sent += count.query_row(*range, |row| Ok(from_sql(row.get(0)?)))?;
    }
    Ok(sent)
}
