//! What is kept instead of counted must be what counting gives, whatever records,
//! batches and generations come and go.

use proptest::prelude::*;
use rusqlite::Connection;

use crate::ledger::{
    BatchState, Checked, CheckedPoint, Ledger, Milestone, NamespaceTotals, RecordRow, RejectedAt,
};
use crate::record::Digest;
use crate::transform::Order;

/// What a migration may do to its ledger.
#[derive(Debug, Clone)]
enum Step {
    /// Points are checked: of this namespace, file, id and digest.
    Check(Vec<(u8, u8, u8, u8)>),
    /// The points of these ids are rejected, as after a collision.
    DropRejected(u64),
    /// Vectorize refuses a record.
    Reject(u64),
    Send(u64),
    Accept(u64),
    Settle,
    MarkUnchanged,
    NextGeneration,
    Forget,
    /// What vanished is deleted.
    Prune,
    Inventory(u8),
    BeginAgain,
}

fn step() -> impl Strategy<Value = Step> {
    let point = (0_u8..5, 0_u8..4, 0_u8..12, 0_u8..3);
    prop_oneof![
        5 => proptest::collection::vec(point, 1..8).prop_map(Step::Check),
        1 => (0_u64..12).prop_map(Step::DropRejected),
        1 => (0_u64..12).prop_map(Step::Reject),
        4 => (1_u64..5).prop_map(Step::Send),
        2 => (0_u64..12).prop_map(Step::Accept),
        2 => Just(Step::Settle),
        2 => Just(Step::MarkUnchanged),
        2 => Just(Step::NextGeneration),
        1 => Just(Step::Forget),
        1 => Just(Step::Prune),
        1 => (0_u8..12).prop_map(Step::Inventory),
        1 => Just(Step::BeginAgain),
    ]
}

fn namespace(number: u8) -> Option<String> {
    (number > 0).then(|| "n".repeat(usize::from(number - 1)))
}

fn rejected(ordinal: u64) -> RejectedAt {
    let json = match ordinal % 3 {
        0 => r#"{"value":"id1"}"#.to_owned(),
        namespace => format!(r#"{{"namespace":"r{namespace}","value":"id2"}}"#),
    };
    RejectedAt { ordinal, json }
}

fn point(ordinal: u64, (space, file, id, digest): (u8, u8, u8, u8)) -> CheckedPoint {
    match space {
        4 if id % 2 == 0 => CheckedPoint::Superseded,
        4 => CheckedPoint::Rejection(rejected(ordinal)),
        _ => CheckedPoint::Record(RecordRow {
            ordinal,
            id: format!("id{id}"),
            namespace: namespace(space),
            file: (file > 0).then(|| format!("file:{file}")),
            order: Order::Missing,
            digest: Digest([digest; 16]),
        }),
    }
}

fn take(ledger: &Ledger, step: Step) {
    let checked = ledger.checked_points().unwrap();
    match step {
        Step::Check(points) => {
            let points = (checked..).zip(points).map(|(at, told)| point(at, told));
            let points = Checked {
                points: points.collect(),
                ..Checked::default()
            };
            ledger.add_checked(checked, &points).unwrap();
        }
        Step::DropRejected(ordinal) => {
            let rejections = [rejected(ordinal)];
            ledger.add_rejections("collision", &rejections).unwrap();
            ledger.drop_rejected().unwrap();
        }
        Step::Reject(ordinal) => ledger.reject("vectorize", &[rejected(ordinal)]).unwrap(),
        Step::Send(points) => {
            let first = ledger.first_unbatched().unwrap();
            ledger.batch_sent(first, first + points - 1).unwrap();
        }
        Step::Accept(first) => ledger.batch_accepted(first, "a mutation").unwrap(),
        Step::Settle => drop(ledger.settle_accepted().unwrap()),
        Step::MarkUnchanged => ledger.mark_unchanged().unwrap(),
        Step::NextGeneration => {
            ledger.reach(Milestone::Settled, "now").unwrap();
            ledger.begin_generation(2).unwrap();
        }
        Step::Forget => ledger.forget_checked_from(0).unwrap(),
        Step::Prune => {
            ledger.begin_rejected_ids().unwrap();
            ledger.doom().unwrap();
            let doomed = ledger.next_doomed(2).unwrap();
            ledger.deletion_accepted(&doomed, "another").unwrap();
            ledger.deleted().unwrap();
        }
        Step::Inventory(id) => {
            let id = [format!("id{id}")];
            ledger.renew_vector_inventory(&id, &id).unwrap();
        }
        Step::BeginAgain if !ledger.has_sent().unwrap() => ledger.begin_again().unwrap(),
        Step::BeginAgain => {}
    }
}

fn count(connection: &Connection, sql: &str) -> u64 {
    let count: i64 = connection.query_row(sql, [], |row| row.get(0)).unwrap();
    u64::try_from(count).unwrap()
}

const NOT_HELD: &str = "NOT EXISTS (SELECT 1 FROM held WHERE held.id = record.id)";
const VANISHED: &str = "NOT EXISTS (SELECT 1 FROM record WHERE record.id = held.id)";

fn assert_counts(ledger: &Ledger, counted: &Connection) {
    let count = |sql: &str| count(counted, sql);
    let totals = ledger.totals().unwrap();
    assert_eq!(totals.records, count("SELECT count(*) FROM record"));
    assert_eq!(
        ledger.unchanged().unwrap(),
        count("SELECT count(*) FROM unchanged JOIN record USING (ordinal)")
    );
    assert_eq!(ledger.held().unwrap(), count("SELECT count(*) FROM held"));
    assert_eq!(
        ledger.new_records().unwrap(),
        count(&format!("SELECT count(*) FROM record WHERE {NOT_HELD}"))
    );
    let vanished = format!("SELECT count(*) FROM held WHERE {VANISHED}");
    assert_eq!(ledger.vanished().unwrap(), count(&vanished));
    assert_eq!(
        ledger.vanished_of_ours().unwrap(),
        count(&format!(
            "{vanished} AND NOT EXISTS (SELECT 1 FROM inventory_vector WHERE inventory_vector.id = held.id)"
        ))
    );
    for (state, name) in [
        (BatchState::Sent, "sent"),
        (BatchState::Accepted, "accepted"),
        (BatchState::Settled, "settled"),
    ] {
        let records = format!(
            "SELECT coalesce(sum((SELECT count(*) FROM record
                 WHERE ordinal BETWEEN batch.first AND batch.last
                 AND NOT EXISTS (SELECT 1 FROM unchanged WHERE unchanged.ordinal = record.ordinal))), 0)
             FROM batch WHERE state = '{name}'"
        );
        assert_eq!(ledger.records_in(state).unwrap(), count(&records), "{name}");
    }
}

fn assert_file_counts(ledger: &Ledger, counted: &Connection) {
    let count = |sql: &str| count(counted, sql);
    assert_eq!(
        ledger.files().unwrap(),
        count("SELECT count(DISTINCT file) FROM record")
    );
    assert_eq!(
        ledger.records_with_file().unwrap(),
        count("SELECT count(file) FROM record")
    );
    for ids in 0..4 {
        let longer = format!(
            "SELECT count(*) FROM (SELECT 1 FROM record WHERE file IS NOT NULL
             GROUP BY file HAVING count(*) > {ids})"
        );
        assert_eq!(ledger.files_longer_than(ids).unwrap(), count(&longer));
    }
    for bytes in [10, 70, 200, 1_000] {
        let larger = format!(
            "SELECT EXISTS (SELECT sum(length(CAST(id AS BLOB)) + 3) + 1 AS bytes FROM record
             WHERE file IS NOT NULL GROUP BY file HAVING bytes > {bytes})"
        );
        let found = ledger.file_larger_than(bytes).unwrap();
        assert_eq!(u64::from(found.is_some()), count(&larger));
    }
}

fn assert_namespaces(ledger: &Ledger, counted: &Connection) {
    let mut statement = counted
        .prepare(
            "SELECT namespace, sum(record), sum(rejected), sum(settled) FROM (
                 SELECT namespace, 1 AS record, 0 AS rejected, state IN ('settled', 'unchanged') AS settled FROM record_state
                 UNION ALL SELECT json_extract(json, '$.namespace'), 0, 1, 0 FROM rejection)
             GROUP BY namespace ORDER BY namespace",
        )
        .unwrap();
    let rows = statement.query_map([], |row| {
        let count = |column| row.get(column).map(|count: i64| count as u64);
        Ok(NamespaceTotals {
            namespace: row.get(0)?,
            records: count(1)?,
            rejected: count(2)?,
            settled: count(3)?,
        })
    });
    let all: Vec<NamespaceTotals> = rows.unwrap().map(Result::unwrap).collect();
    for limit in [1, 2, 100] {
        let first: Vec<NamespaceTotals> = all.iter().take(limit).cloned().collect();
        assert_eq!(ledger.namespaces(limit).unwrap(), first);
    }
    assert_eq!(ledger.count_namespaces().unwrap(), all.len() as u64);
    let with_records = all.iter().filter(|row| row.records > 0).count();
    assert_eq!(
        ledger.count_record_namespaces().unwrap(),
        with_records as u64
    );
    assert_eq!(ledger.has_one_namespace().unwrap(), with_records <= 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn what_is_kept_is_what_counting_gives(steps in proptest::collection::vec(step(), 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.db");
        let ledger = Ledger::open(&path).unwrap();
        for step in steps {
            take(&ledger, step);
            let counted = Connection::open(&path).unwrap();
            assert_counts(&ledger, &counted);
            assert_file_counts(&ledger, &counted);
            assert_namespaces(&ledger, &counted);
        }
    }
}

#[test]
fn a_ledger_of_an_older_format_gets_the_tally_that_counting_gives() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.db");
    let told = vec![(0, 1, 1, 0), (1, 0, 2, 0), (2, 2, 3, 0), (2, 2, 4, 0)];
    take(&Ledger::open(&path).unwrap(), Step::Check(told));
    let without = Connection::open(&path).unwrap();
    without
        .execute_batch("DROP TABLE tally; DROP TABLE file_length; PRAGMA user_version = 3;")
        .unwrap();
    let ledger = Ledger::open(&path).unwrap();
    assert_counts(&ledger, &without);
    assert_file_counts(&ledger, &without);
    assert_namespaces(&ledger, &without);
}
