//! Verification catches what a server stores otherwise than it was told.

use crate::Bench;
use crate::support::qdrant::{Id, QdrantDouble, Switch};

/// Restores `kinds` into a server that spoils it, which must end with 4; gives the
/// result object and the id.
fn spoiled(switch: impl Fn(Id) -> Switch) -> (serde_json::Value, Id) {
    let bench = Bench::of(QdrantDouble::recorded("kinds"));
    bench.export("kinds", "first", "");
    // Not the zero vector: its next number is a subnormal.
    let id = bench.server.ids("kinds")[2];
    bench.server.set(switch(id));
    let told = bench.run("restore first qdrant:copy --json").ends(4);
    let report = told.says("differences were found").json();
    assert_eq!(report["outcome"], "differences");
    (report, id)
}

#[test]
fn a_point_that_was_acknowledged_and_is_not_there_is_missing() {
    let (report, _) = spoiled(Switch::Lose);
    assert_eq!(report["verification"]["missing"], 1);
}

#[test]
fn the_last_bit_of_one_number_is_a_difference() {
    let (report, _) = spoiled(Switch::Nudge);
    assert_eq!(report["verification"]["values_different"], 1);
    assert_eq!(report["verification"]["missing"], 0);
    let found = report["verification"]["findings"]["different"]["examples"][0].as_str();
    assert!(found.unwrap().ends_with("another vector"), "{found:?}");
}

#[test]
fn another_payload_is_a_difference() {
    let (report, _) = spoiled(Switch::Retell);
    let found = report["verification"]["findings"]["different"]["examples"][0].as_str();
    assert!(found.unwrap().ends_with("another payload"), "{found:?}");
}

#[test]
fn a_point_that_scrolling_hides_is_missing_and_the_counts_disagree() {
    let bench = Bench::recorded("tiny8");
    bench.export("tiny8", "first", "");
    bench.restore("first", "copy", "");
    bench.server.set(Switch::Hide(bench.server.ids("copy")[1]));
    let told = bench.run("restore first qdrant:copy --json").ends(4);
    let report = told.json();
    assert_eq!(report["verification"]["missing"], 1);
    let counts = report["verification"]["counts"].as_array().unwrap();
    assert_eq!(counts.len(), 1, "{counts:?}");
}

#[test]
fn points_that_wait_for_the_optimiser_are_not_called_lost() {
    let bench = Bench::recorded("tiny8");
    bench.export("tiny8", "first", "");
    bench.server.set(Switch::Deferred(1));
    let told = bench.run("restore first qdrant:copy --json").ends(5);
    told.says("1 deferred points are hidden until the server has indexed them");
}

#[test]
fn vectors_that_the_collection_normalises_are_counted_with_the_largest_change() {
    let bench = Bench::of(QdrantDouble::default());
    bench.shell.write(
        "points.ndjson",
        "{\"id\": 1, \"vector\": [3.0, 4.0], \"payload\": {}}\n{\"id\": 2, \"vector\": [0.6, 0.8], \"payload\": {}}\n",
    );
    let report = bench.restore("points.ndjson", "copy", "--distance cosine");
    assert_eq!(report["restore"]["adjusted"], 1);
    let most = report["restore"]["largest_adjustment"].as_f64().unwrap();
    assert!((most - 3.2).abs() < 1e-6, "{most}");
    let proves = report["verification"]["proves"].as_str().unwrap();
    assert!(
        proves.contains("1 of them with vectors that the collection's storage changed"),
        "{proves}"
    );
    // As they are normalised once more when they are compared, nothing is written again.
    let again = bench.restore("points.ndjson", "copy", "");
    assert_eq!(again["restore"]["unchanged"], 2);
}

#[test]
fn a_sample_is_as_large_as_it_was_asked_for() {
    let bench = Bench::recorded("project_docs");
    bench.export("project_docs", "first", "");
    let report = bench.restore("first", "copy", "--sample 10 --sample-seed 7");
    assert_eq!(report["verification"]["values_sampled"], 10);
    let told = bench.run("restore first qdrant:copy --sample 0");
    told.ends(2);
}
