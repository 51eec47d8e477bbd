//! Archives that are not of Qdrant, and files: restored as far as what they hold is
//! known, and refused by name where it has no place.

use serde_json::json;

use crate::Bench;
use crate::support::qdrant::{Id, QdrantDouble};

const IDS: &str = r#"{"id": 7, "vector": [1.0, 2.0], "payload": {"n": 1}}
{"id": "a3bb189e-8bf9-3888-9912-ace4e6543002", "vector": [3.0, 4.0], "payload": {"n": 2}}
"#;

fn with(lines: &str) -> Bench {
    let bench = Bench::of(QdrantDouble::default());
    bench.shell.write("points.ndjson", lines);
    bench
}

#[test]
fn a_file_says_nothing_of_the_distance_and_takes_the_one_that_is_given() {
    let bench = with(IDS);
    bench
        .run("restore points.ndjson qdrant:copy")
        .ends(7)
        .says("the archive does not know how its vector is compared")
        .says("--distance cosine, dot, euclid or manhattan");
    assert_eq!(bench.writes(), 0);
    bench
        .run("restore points.ndjson qdrant:copy --distance l2")
        .ends(2);
    let report = bench.restore("points.ndjson", "copy", "--distance manhattan --sample all");
    assert_eq!(report["restore"]["as_recorded"], false);
    let ids = bench.server.ids("copy");
    assert_eq!(ids[0], Id::Number(7));
    assert_eq!(ids.len(), 2);
}

#[test]
fn a_distance_that_is_known_is_not_asked_for() {
    let bench = Bench::recorded("tiny8");
    bench.export("tiny8", "first", "");
    bench
        .run("restore first qdrant:copy --distance dot")
        .ends(2)
        .says("--distance is for archives that do not know it, and this one does");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn the_whole_fixture_is_restored_and_exported_again() {
    let bench = Bench::of(QdrantDouble::default());
    let sample = crate::cli::sample();
    let report = bench.restore(&sample, "copy", "--distance cosine --sample all");
    assert_eq!(report["restore"]["written"], 269);
    assert_eq!(report["restore"]["adjusted"], 0);
    bench.export("copy", "second", "");
    bench.run(&format!("export {sample} first")).ends(0);
    assert!(bench.points("first") == bench.points("second"));
}

#[test]
fn ids_that_qdrant_cannot_hold_are_refused_by_name() {
    let bench = with(concat!(
        "{\"id\": \"doc_0\", \"vector\": [1.0, 2.0], \"payload\": {}}\n",
        "{\"id\": 7, \"vector\": [1.0, 2.0], \"payload\": {}}\n",
        "{\"id\": \"doc_1\", \"vector\": [1.0, 2.0], \"payload\": {}}\n",
    ));
    bench
        .run("restore points.ndjson qdrant:copy --distance dot")
        .ends(7)
        .says("2 of 3 points have an id that is neither an unsigned 64-bit integer nor a UUID: \"doc_0\", \"doc_1\"");
    assert_eq!(bench.writes(), 0);
}

const NAMESPACES: &str = r#"{"id": "1", "values": [1.0, 2.0], "metadata": {"a": 1}, "namespace": "eu"}
{"id": "2", "values": [3.0, 4.0], "metadata": {"a": 2}}
"#;

#[test]
fn namespaces_have_no_place_unless_a_field_is_named_for_them() {
    let bench = with(NAMESPACES);
    bench
        .run("restore points.ndjson qdrant:copy --distance dot")
        .ends(7)
        .says("1 of 2 points are in a namespace, which Qdrant does not have: \"1\" in \"eu\"")
        .says("--namespace-field NAME");
    bench
        .run("restore points.ndjson qdrant:copy --distance dot --namespace-field a")
        .ends(7)
        .says("1 of 2 points have a payload with the field that was named for something else");
    assert_eq!(bench.writes(), 0);
    bench.restore(
        "points.ndjson",
        "copy",
        "--distance dot --namespace-field tenant --sample all",
    );
    bench.export("copy", "second", "");
    let points = bench.points("second");
    let payload = |at: usize| serde_json::Value::Object(points[at].payload.clone());
    assert_eq!(payload(0), json!({ "a": 1, "tenant": "eu" }));
    assert_eq!(payload(1), json!({ "a": 2 }));
}

#[test]
fn one_id_in_two_namespaces_is_refused() {
    let bench = with(concat!(
        "{\"id\": \"1\", \"values\": [1.0, 2.0], \"namespace\": \"eu\"}\n",
        "{\"id\": \"1\", \"values\": [1.0, 2.0], \"namespace\": \"us\"}\n",
    ));
    bench
        .run("restore points.ndjson qdrant:copy --distance dot --namespace-field tenant")
        .ends(7)
        .says("1 of 2 points have an id that an earlier point has: \"1\" in \"us\"");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn digits_that_qdrant_does_not_keep_are_counted_beforehand() {
    let bench = with(concat!(
        "{\"id\": 1, \"vector\": [1.0], \"payload\": {\"n\": 18446744073709551615}}\n",
        "{\"id\": 2, \"vector\": [1.0], \"payload\": {\"n\": 9007199254740993}}\n",
    ));
    let line = "restore points.ndjson qdrant:copy --distance dot --json";
    let told = bench.run(line).ends(0);
    let told = told.says("1 points have a number with more digits than Qdrant keeps");
    assert_eq!(told.json()["restore"]["rounded_numbers"], 1);
    bench.export("copy", "second", "");
    let numbers: Vec<String> = bench
        .points("second")
        .iter()
        .map(|point| point.payload["n"].to_string())
        .collect();
    assert_eq!(
        numbers[1], "9007199254740993",
        "integers of i64 keep every digit"
    );
}

#[test]
fn a_number_beyond_every_double_is_refused() {
    let bench = with("{\"id\": 1, \"vector\": [1.0], \"payload\": {\"n\": 1e999}}\n");
    bench
        .run("restore points.ndjson qdrant:copy --distance dot")
        .ends(7)
        .says("1 of 1 points have a number in the payload that Qdrant cannot hold: \"1\"");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn the_target_must_be_a_collection() {
    let bench = with(IDS);
    bench
        .run("restore points.ndjson vectorize:docs")
        .ends(2)
        .says("vectorize:docs is not a Qdrant collection")
        .says("write the target as qdrant:COLLECTION");
}
