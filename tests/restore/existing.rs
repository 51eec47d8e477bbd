//! Collections that are there already: what may be written into them, and what not.

use serde_json::json;

use crate::Bench;
use crate::support::qdrant::{Id, QdrantDouble, unnamed};

fn foreign(id: u64, number: f32) -> qdrant_client::qdrant::RetrievedPoint {
    qdrant_client::qdrant::RetrievedPoint {
        id: Some(id.into()),
        vectors: Some(unnamed(vec![number; 8])),
        ..qdrant_client::qdrant::RetrievedPoint::default()
    }
}

/// `tiny8` exported into `first`, and restored as `copy`.
fn restored() -> Bench {
    let bench = Bench::recorded("tiny8");
    bench.export("tiny8", "first", "");
    bench.restore("first", "copy", "");
    bench
}

#[test]
fn the_same_again_writes_nothing_and_is_proven_again() {
    let bench = restored();
    let before = bench.writes();
    let report = bench.restore("first", "copy", "");
    assert_eq!(bench.writes(), before);
    let points = bench.generation("first").count();
    assert_eq!(report["restore"]["unchanged"], points);
    assert_eq!(report["restore"]["written"], 0);
    assert_eq!(report["restore"]["created"], false);
}

#[test]
fn the_collection_that_was_exported_needs_nothing() {
    let bench = Bench::recorded("named");
    bench.export("named", "first", "--vector title");
    let report = bench.restore("first", "named", "--sample all");
    assert_eq!(bench.writes(), 0);
    assert_eq!(
        report["restore"]["unchanged"],
        bench.generation("first").count()
    );
}

#[test]
fn only_what_is_missing_is_written() {
    let bench = restored();
    let gone = bench.server.ids("copy")[1];
    bench.server.delete("copy", gone);
    let report = bench.restore("first", "copy", "");
    assert_eq!(report["restore"]["written"], 1);
    assert_eq!(bench.server.ids("copy"), bench.server.ids("tiny8"));
}

#[test]
fn an_empty_collection_of_the_same_vectors_is_filled() {
    let bench = restored();
    for id in bench.server.ids("copy") {
        bench.server.delete("copy", id);
    }
    let report = bench.restore("first", "copy", "");
    assert_eq!(report["restore"]["created"], false);
    assert_eq!(
        report["restore"]["written"],
        bench.generation("first").count()
    );
}

#[test]
fn foreign_points_are_refused_and_stay_when_they_are_permitted() {
    let bench = restored();
    bench.server.put("copy", foreign(777_777, 0.5));
    let before = bench.writes();
    bench
        .run("restore first qdrant:copy")
        .ends(7)
        .says(
            "collection \"copy\" exists and holds 1 points that the archive does not have: 777777",
        )
        .says("--overwrite");
    assert_eq!(bench.writes(), before);
    let report = bench.restore("first", "copy", "--overwrite");
    assert_eq!(report["restore"]["foreign"], 1);
    assert_eq!(report["points"]["foreign"], 1);
    assert!(bench.server.point("copy", Id::Number(777_777)).is_some());
}

#[test]
fn points_of_our_ids_with_other_content_are_refused_and_replaced_when_permitted() {
    let bench = restored();
    let id = bench.server.ids("copy")[0];
    let mut point = bench.server.point("copy", id).unwrap();
    point.payload.insert("edited".to_owned(), true.into());
    bench.server.put("copy", point);
    let before = bench.writes();
    let told = bench.run("restore first qdrant:copy --json").ends(7);
    let told = told.says("1 points that the archive has otherwise");
    assert_eq!(told.json()["outcome"], "refused");
    assert_eq!(bench.writes(), before);
    let report = bench.restore("first", "copy", "--overwrite");
    assert_eq!(report["restore"]["replaced"], 1);
    assert_eq!(report["restore"]["written"], 1);
    let held = bench.server.point("copy", id).unwrap();
    assert!(!held.payload.contains_key("edited"));
}

#[test]
fn a_collection_of_other_vectors_is_refused_whatever_is_permitted() {
    let others = QdrantDouble::recorded("kinds");
    let bench = Bench::of(others);
    let from = Bench::recorded("tiny8");
    from.export("tiny8", "first", "");
    let archive = from.shell.path("first");
    let told = bench.run(&format!(
        "restore {} qdrant:kinds --overwrite",
        archive.display()
    ));
    told.ends(7)
        .says("collection \"kinds\" exists and is not for these points: the unnamed vector has 32 dimensions there, 8 in the archive");
    assert_eq!(bench.writes(), 0);
}

#[test]
fn missing_payload_indexes_are_made() {
    let bench = Bench::recorded("named");
    bench.export("named", "first", "--vector title");
    bench.restore("first", "copy", "");
    bench.server.drop_index("copy", "tenant");
    let report = bench.restore("first", "copy", "");
    assert_eq!(report["restore"]["payload_indexes"], json!(["tenant"]));
    assert!(
        bench
            .server
            .info("copy")
            .unwrap()
            .payload_schema
            .contains_key("tenant")
    );
}

#[test]
fn a_rehearsal_tells_and_writes_nothing() {
    let bench = Bench::recorded("named");
    bench.export("named", "first", "--vector title");
    let told = bench
        .run("restore first qdrant:copy --dry-run --json")
        .ends(0);
    let told = told.says("would create collection \"copy\" with the vectors \"body\" (128 dimensions, euclid), \"title\" (64 dimensions, cosine), \"words\" (sparse), payload indexes on tenant, and 40 points");
    let report = told.json();
    assert_eq!(report["outcome"], "done");
    assert_eq!(report["restore"]["created"], true);
    assert_eq!(bench.writes(), 0);
    assert!(bench.server.info("copy").is_none());
    let told = bench.run("restore first qdrant:named --dry-run").ends(0);
    told.says("would write 0 points")
        .says("40 points are there already");
    assert_eq!(bench.writes(), 0);
    assert_eq!(bench.shell.listing(), ["first"], "nothing is left behind");
}
