//! Ranges of ordinals that went out in batches of one state, and those between them:
//! nearly always one of the two is small, and only that one is counted through.

use rusqlite::Connection;

use super::BatchState;
use super::records::from_sql;
use super::tally;

/// From its first ordinal to its last.
pub(super) type Range = (i64, i64);

/// The range that all records lie in: where there are none it ends before it begins.
/// One below the largest number is as far as it goes, so that what lies behind any
/// ordinal in it is a number too.
pub(super) fn all(connection: &Connection) -> Result<Range, rusqlite::Error> {
    let sql = "SELECT coalesce(max(ordinal), -1) FROM record";
    let last: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    Ok((0, last.clamp(-1, i64::MAX - 1)))
}

/// The ranges of batches of one state, ascending, those that touch as one, as far as
/// they lie in [`all`].
pub(super) fn of(
    connection: &Connection,
    state: BatchState,
    all: Range,
) -> Result<Vec<Range>, rusqlite::Error> {
    let mut statement = connection
        .prepare_cached("SELECT first, last FROM batch WHERE state = ? ORDER BY first")?;
    let mut rows = statement.query([state.name()])?;
    let mut ranges: Vec<Range> = Vec::new();
    while let Some(row) = rows.next()? {
        let (first, last): Range = (row.get(0)?, row.get(1)?);
        let (first, last) = (first.max(all.0), last.min(all.1));
        if first > last {
            continue;
        }
        match ranges.last_mut() {
            Some((_, end)) if first <= *end + 1 => *end = last.max(*end),
            _ => ranges.push((first, last)),
        }
    }
    Ok(ranges)
}

/// Whether it lies in one of these ascending ranges.
pub(super) fn contain(ranges: &[Range], ordinal: i64) -> bool {
    let later = ranges.partition_point(|(first, _)| *first <= ordinal);
    ranges[..later]
        .last()
        .is_some_and(|(_, last)| ordinal <= *last)
}

/// Everything in [`all`] that lies in none of these.
pub(super) fn between(ranges: &[Range], all: Range) -> Vec<Range> {
    let firsts = std::iter::once(all.0).chain(ranges.iter().map(|(_, last)| last + 1));
    let lasts = ranges.iter().map(|(first, _)| first - 1).chain([all.1]);
    let gaps = firsts.zip(lasts);
    gaps.filter(|(first, last)| first <= last).collect()
}

/// How many records went out in batches of that state.
pub(super) fn records_in(
    connection: &Connection,
    state: BatchState,
) -> Result<u64, rusqlite::Error> {
    let all = all(connection)?;
    let inside = of(connection, state, all)?;
    let outside = between(&inside, all);
    // They do not overlap, so together they are no longer than the whole.
    let covered =
        |ranges: &[Range]| -> i64 { ranges.iter().map(|(first, last)| last - first).sum() };
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
