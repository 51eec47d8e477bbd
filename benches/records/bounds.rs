//! The least that the same work costs with the same tools: SQLite without anything of
//! ours around it, the same rows, the same durability; or sorting in memory.

use std::io::BufWriter;
use std::path::Path;

use cf_migrate::transform::Order;
use rusqlite::{Connection, params};
use serde::Deserialize;

use crate::account::{Entries, Holdings, PAGE, Vectors};
use crate::rows::{self, CHUNKS, Collection, Generation};
use crate::stages::BATCH;

/// The same rows into a bare table, in transactions as large, and an index on their ids.
pub(crate) const BARE_INSERT: &str = "bare SQLite insert";
/// The rows read in order, and two commits for each batch.
pub(crate) const BARE_COMMITS: &str = "bare SQLite commits";
/// An index by file.
pub(crate) const BARE_FILES: &str = "bare SQLite index";
/// The table counted by file and by namespace.
pub(crate) const BARE_COUNTS: &str = "bare SQLite counts";
/// The rows moved to a table by id.
pub(crate) const BARE_MOVE: &str = "bare SQLite move";
/// The second generation's rows, and one join.
pub(crate) const BARE_SECOND: &str = "bare SQLite insert and join";
/// The same pages, parsed and sorted in memory, inserted in order.
pub(crate) const SORTED_IDS: &str = "sort in memory, SQLite insert";
/// The same pages and all our ids, both sorted in memory and compared.
pub(crate) const SORTED_LISTS: &str = "sort in memory";
/// The same, and every entry made and compared with what is there.
pub(crate) const SORTED_LISTS_AND_FILES: &str = "sort in memory, parse entries";
/// The same pages into a bare table, read by file, the entries written to a file.
pub(crate) const GROUPED_FILES: &str = "bare SQLite group by file";

/// The bound of that name, in this process.
pub(crate) fn run(name: &str, dir: &Path, collection: Collection) {
    match name {
        BARE_INSERT => bare_insert(dir, collection),
        BARE_COMMITS => bare_commits(dir, collection),
        BARE_FILES => bare_files(dir),
        BARE_COUNTS => bare_counts(dir),
        BARE_MOVE => bare_move(dir),
        BARE_SECOND => bare_second(dir, collection),
        SORTED_IDS => sorted_ids(dir, collection),
        SORTED_LISTS => sorted_lists(collection),
        SORTED_LISTS_AND_FILES => {
            sorted_lists(collection);
            parsed_entries(collection);
        }
        GROUPED_FILES => grouped_files(dir, collection),
        _ => panic!("there is no bound named {name}"),
    }
}

/// As durable as the ledger, with as much memory.
fn open(dir: &Path, name: &str) -> Connection {
    let connection = Connection::open(dir.join(name)).expect("a database");
    let pragmas =
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384;";
    connection
        .execute_batch(pragmas)
        .expect("pragmas are taken");
    connection
}

fn execute(connection: &Connection, sql: &str) {
    connection.execute_batch(sql).expect("bare SQL runs");
}

/// SQLite's integers have a sign.
fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("far below 2^63")
}

const RECORD: &str = "CREATE TABLE record (ordinal INTEGER PRIMARY KEY, id TEXT NOT NULL, namespace TEXT, file TEXT, file_order, digest BLOB NOT NULL)";

fn bare_insert(dir: &Path, collection: Collection) {
    let mut connection = open(dir, "bare.db");
    execute(&connection, RECORD);
    insert(&mut connection, collection, Generation::First);
    execute(&connection, "CREATE INDEX record_id ON record (id)");
}

fn insert(connection: &mut Connection, collection: Collection, generation: Generation) {
    for first in (0..collection.points).step_by(4_096) {
        let transaction = connection.transaction().expect("begun");
        let mut statement = transaction
            .prepare_cached("INSERT INTO record VALUES (?, ?, ?, ?, ?, ?)")
            .expect("prepared");
        for ordinal in first..collection.points.min(first + 4_096) {
            let row = collection.row(ordinal, generation);
            let Order::Number(order) = row.order else {
                panic!("the formula gives numbers");
            };
            let values = params![
                signed(ordinal),
                row.id,
                row.namespace,
                row.file,
                order,
                &row.digest.0[..]
            ];
            statement.execute(values).expect("room left");
        }
        drop(statement);
        transaction.commit().expect("room left");
    }
}

fn bare_commits(dir: &Path, collection: Collection) {
    let connection = open(dir, "bare.db");
    execute(
        &connection,
        "CREATE TABLE batch (first INTEGER PRIMARY KEY, state TEXT)",
    );
    let sql = "SELECT * FROM record WHERE ordinal BETWEEN ? AND ?";
    let mut select = connection.prepare(sql).expect("prepared");
    let mut read = 0;
    for first in (0..collection.points).step_by(BATCH as usize) {
        let mut rows = select
            .query([signed(first), signed(first + BATCH - 1)])
            .expect("read");
        while let Some(row) = rows.next().expect("read") {
            let id: String = row.get(1).expect("text");
            read += u64::from(!id.is_empty());
        }
        drop(rows);
        let batch = "INSERT INTO batch VALUES (?, 'sent')";
        connection
            .execute(batch, [signed(first)])
            .expect("room left");
        let batch = "UPDATE batch SET state = 'accepted' WHERE first = ?";
        connection
            .execute(batch, [signed(first)])
            .expect("room left");
    }
    assert_eq!(read, collection.points);
}

fn bare_files(dir: &Path) {
    let connection = open(dir, "bare.db");
    execute(
        &connection,
        "CREATE INDEX record_file ON record (file, file_order, id)",
    );
}

fn bare_counts(dir: &Path) {
    let connection = open(dir, "bare.db");
    for sql in [
        "SELECT count(DISTINCT file) FROM record",
        "SELECT count(*) FROM (SELECT namespace, count(*) FROM record GROUP BY namespace)",
    ] {
        let count: i64 = connection
            .query_row(sql, [], |row| row.get(0))
            .expect("counted");
        assert!(count > 0);
    }
    execute(&connection, "DROP INDEX record_file");
}

fn bare_move(dir: &Path) {
    let connection = open(dir, "bare.db");
    execute(
        &connection,
        "BEGIN; CREATE TABLE held (id TEXT PRIMARY KEY, file TEXT, digest BLOB NOT NULL) WITHOUT ROWID;
         INSERT INTO held SELECT id, file, digest FROM record ORDER BY id;
         DELETE FROM record; DROP INDEX record_id; COMMIT;",
    );
}

fn bare_second(dir: &Path, collection: Collection) {
    let mut connection = open(dir, "bare.db");
    insert(&mut connection, collection, Generation::Second);
    execute(&connection, "CREATE INDEX record_id ON record (id, digest)");
    let sql = "SELECT count(*) FROM held CROSS JOIN record ON record.id = held.id AND record.digest = held.digest";
    let same: i64 = connection
        .query_row(sql, [], |row| row.get(0))
        .expect("counted");
    assert!(same > 0);
}

#[derive(Deserialize)]
struct Answer {
    result: Listing,
}

#[derive(Deserialize)]
struct Listing {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
}

/// The ids of the pages that the stand-in gives, page by page.
fn pages(collection: Collection) -> impl Iterator<Item = Vec<String>> {
    let holdings = Holdings {
        collection,
        vectors: Vectors::Ours,
        entries: Entries::None,
    };
    (0..collection.points)
        .step_by(PAGE as usize)
        .map(move |first| {
            let answer: Answer = serde_json::from_str(&holdings.page(first)).expect("a page");
            answer
                .result
                .vectors
                .into_iter()
                .map(|vector| vector.id)
                .collect()
        })
}

fn sorted_ids(dir: &Path, collection: Collection) {
    let mut ids: Vec<String> = pages(collection).flatten().collect();
    ids.sort_unstable();
    let mut connection = open(dir, "ids.db");
    execute(
        &connection,
        "CREATE TABLE inventory (id TEXT PRIMARY KEY) WITHOUT ROWID",
    );
    for ids in ids.chunks(4_096) {
        let transaction = connection.transaction().expect("begun");
        for id in ids {
            let mut insert = transaction
                .prepare_cached("INSERT INTO inventory VALUES (?)")
                .expect("prepared");
            insert.execute([id]).expect("room left");
        }
        transaction.commit().expect("room left");
    }
    drop(connection);
    std::fs::remove_file(dir.join("ids.db")).expect("nobody needs it any more");
}

fn sorted_lists(collection: Collection) {
    let mut listed: Vec<String> = pages(collection).flatten().collect();
    let mut ours: Vec<String> = (0..collection.points)
        .map(|ordinal| rows::id(collection.at(ordinal)))
        .collect();
    listed.sort_unstable();
    ours.sort_unstable();
    assert!(listed == ours, "the stand-in lists our records");
}

fn parsed_entries(collection: Collection) {
    for file in 0..collection.files() {
        let ids = collection.ids_of(file);
        let text = serde_json::to_string(&ids).expect("texts");
        let read: Vec<String> = serde_json::from_str(&text).expect("what was just written");
        assert_eq!(read, ids);
    }
}

fn grouped_files(dir: &Path, collection: Collection) {
    let mut connection = open(dir, "files.db");
    execute(
        &connection,
        "CREATE TABLE vector (id TEXT, file TEXT, chunk INTEGER)",
    );
    for ids in pages(collection) {
        let transaction = connection.transaction().expect("begun");
        for id in ids {
            let (file, chunk) = id.rsplit_once('_').expect("a file and a chunk");
            let chunk: i64 = chunk.parse().expect("digits");
            let mut insert = transaction
                .prepare_cached("INSERT INTO vector VALUES (?, ?, ?)")
                .expect("prepared");
            insert.execute(params![id, file, chunk]).expect("room left");
        }
        transaction.commit().expect("room left");
    }
    execute(
        &connection,
        "CREATE INDEX by_file ON vector (file, chunk, id)",
    );
    write_entries(&connection, dir, collection);
    drop(connection);
    for name in ["files.db", "entries.json"] {
        std::fs::remove_file(dir.join(name)).expect("nobody needs it any more");
    }
}

fn write_entries(connection: &Connection, dir: &Path, collection: Collection) {
    let file = std::fs::File::create(dir.join("entries.json")).expect("a file");
    let mut out = BufWriter::new(file);
    let sql = "SELECT file, id FROM vector ORDER BY file, chunk, id";
    let mut select = connection.prepare(sql).expect("prepared");
    let mut rows = select.query([]).expect("read");
    let (mut ids, mut written) = (Vec::new(), 0);
    while let Some(row) = rows.next().expect("read") {
        let id: String = row.get(1).expect("text");
        ids.push(id);
        if ids.len() as u64 == CHUNKS {
            serde_json::to_writer(&mut out, &ids).expect("room left");
            written += ids.len() as u64;
            ids.clear();
        }
    }
    serde_json::to_writer(&mut out, &ids).expect("room left");
    assert_eq!(written + ids.len() as u64, collection.points);
    let file = out.into_inner().expect("room left");
    file.sync_all().expect("room left");
}
