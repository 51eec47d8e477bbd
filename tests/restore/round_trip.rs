//! export → restore → export gives equal archives, for every recorded shape.

use std::fs;

use crate::Bench;
use crate::support::qdrant::{Id, QdrantDouble, Switch};

/// Exports `collection`, restores it as `copy`, exports that, and compares: the parts
/// byte for byte, and the collections' configurations.
#[track_caller]
fn comes_back(bench: &Bench, collection: &str, options: &str) -> serde_json::Value {
    bench.export(collection, "first", options);
    let report = bench.restore("first", "copy", "--sample all");
    bench.export("copy", "second", options);
    let (first, second) = (bench.generation("first"), bench.generation("second"));
    assert_eq!(first.count(), second.count());
    assert!(first.count() > 0, "something must come back");
    assert_eq!(first.shape(), second.shape());
    let (first_manifest, second_manifest) = (first.manifest(), second.manifest());
    assert!(first_manifest.configuration.is_some());
    assert_eq!(first_manifest.configuration, second_manifest.configuration);
    assert_eq!(first_manifest.parts.len(), second_manifest.parts.len());
    for (one, other) in first_manifest.parts.iter().zip(&second_manifest.parts) {
        assert_eq!(one.sha256, other.sha256, "{}", one.file);
        let read = |folder: &std::path::Path| fs::read(folder.join(&one.file)).unwrap();
        assert!(
            read(first.folder()) == read(second.folder()),
            "{}",
            one.file
        );
    }
    assert_eq!(bench.server.ids(collection), bench.server.ids("copy"));
    let restore = &report["restore"];
    assert_eq!(restore["created"], true);
    assert_eq!(restore["as_recorded"], true);
    assert_eq!(restore["written"], first.count());
    assert_eq!(restore["settings_different"], serde_json::json!([]));
    assert_eq!(report["verification"]["values_sampled"], first.count());
    report
}

#[test]
fn a_cosine_collection_of_several_pages_comes_back_bit_for_bit() {
    let bench = Bench::recorded("project_docs");
    let report = comes_back(&bench, "project_docs", "");
    let restore = &report["restore"];
    assert_eq!(restore["adjusted"], 0, "unit vectors are left as they are");
    assert_eq!(restore["read_back_over"], "rest");
    assert_eq!(report["points"]["settled"], 269);
}

#[test]
fn ids_of_both_kinds_and_odd_payloads_come_back() {
    let bench = Bench::recorded("kinds");
    comes_back(&bench, "kinds", "");
    assert!(bench.server.ids("copy").contains(&Id::Number(u64::MAX)));
}

#[test]
fn named_and_sparse_vectors_that_some_points_lack_come_back_with_the_payload_index() {
    let bench = Bench::recorded("named");
    let report = comes_back(&bench, "named", "--vector title");
    assert_eq!(
        report["restore"]["payload_indexes"],
        serde_json::json!(["tenant"])
    );
    let info = bench.server.info("copy").unwrap();
    assert!(info.payload_schema.contains_key("tenant"));
    let points = bench.points("first");
    let lacks = |position: usize| points.iter().any(|point| point.dense[position].is_none());
    assert!(lacks(0) || lacks(1), "the recording has such points");
    assert!(points.iter().any(|point| point.sparse[0].is_some()));
}

#[test]
fn half_precision_comes_back_as_it_was_stored() {
    let bench = Bench::recorded("half");
    let report = comes_back(&bench, "half", "");
    let restore = &report["restore"];
    assert_eq!(restore["adjusted"], 0, "{restore}");
}

#[test]
fn wide_and_narrow_collections_come_back_whatever_vectorize_takes() {
    for name in ["wide3072", "tiny8"] {
        comes_back(&Bench::recorded(name), name, "");
    }
}

#[test]
fn an_empty_collection_comes_back_empty() {
    let bench = Bench::recorded("empty");
    bench.export("empty", "first", "");
    let report = bench.restore("first", "copy", "");
    assert_eq!(report["restore"]["written"], 0);
    assert_eq!(report["restore"]["created"], true);
    let (old, new) = (bench.server.info("empty"), bench.server.info("copy"));
    assert_eq!(old.unwrap().config, new.unwrap().config);
}

#[test]
fn a_collection_read_along_lanes_comes_back_in_the_order_of_ids() {
    let bench = Bench::of(QdrantDouble::generated("many", 24_000, 4, 3));
    bench.export("many", "first", "");
    assert!(!bench.generation("first").manifest().lanes.is_empty());
    let report = bench.restore("first", "copy", "");
    assert_eq!(report["restore"]["written"], 24_000);
    assert_eq!(report["verification"]["values_sampled"], 3_000);
    bench.export("copy", "second", "");
    let sorted = |archive: &str| {
        let mut points = bench.points(archive);
        points.sort_by(|a, b| a.id.cmp(&b.id));
        points
    };
    assert!(sorted("first") == sorted("second"));
}

#[test]
fn over_grpc_alone_it_is_read_back_as_well() {
    let mut bench = Bench::recorded("named");
    bench.shell.unset("QDRANT_REST_PORT");
    let report = comes_back(&bench, "named", "--vector body");
    assert_eq!(report["restore"]["read_back_over"], "grpc");
}

#[test]
fn a_server_of_the_old_vector_form_is_restored_into_and_read_back() {
    let bench = Bench::of(QdrantDouble::recorded("named").with(Switch::OldVectors));
    comes_back(&bench, "named", "--vector title");
}

#[test]
fn an_archive_of_an_archive_still_knows_the_configuration() {
    let bench = Bench::recorded("named");
    bench.export("named", "first", "--vector title");
    bench.run("export first second").ends(0);
    let of = |archive: &str| bench.generation(archive).manifest().configuration.clone();
    assert!(of("first").is_some());
    assert_eq!(of("first"), of("second"));
}
