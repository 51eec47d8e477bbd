//! Each verb alone, and that together they are what `run` does.

use std::collections::BTreeMap;

use serde_json::Value;

use cf_migrate::sandbox::Operation;

use crate::place::{MAPPED, Place, WHOLE, assert_same, undisturbed};
use crate::support::qdrant::QdrantDouble;

#[test]
fn run_migrates_the_sample_and_a_second_run_writes_nothing() {
    let mut place = Place::new();
    place
        .run_sample(WHOLE)
        .ends(0)
        .says("proven: 269 records, verified equal");
    let (vectors, entries) = place.held();
    assert_eq!((vectors.len(), entries.len()), (269, 62));
    assert_eq!(entries["_vector_count"], "269");

    place.cloud.forget_calls();
    let again = place.run_sample(WHOLE).ends(0);
    assert_eq!(place.cloud.writes(), []);
    assert!(
        again.stderr.contains("0 records written, 269 unchanged"),
        "{again}"
    );
    assert_same(&place.held(), &(vectors, entries));
}

#[cfg(unix)]
#[test]
fn an_archive_is_copied_for_the_user_alone_and_may_be_changed_or_deleted_afterwards() {
    use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
    let place = Place::new();
    place.run("export SAMPLE docs.archive").ends(0);
    let part = |folder: &str| place.shell.path(folder).join("0001/part-000001.parquet");
    let theirs = part("docs.archive");
    let open_to_all = std::fs::Permissions::from_mode(0o666);
    std::fs::set_permissions(&theirs, open_to_all).unwrap();
    let target = format!("vectorize:docs {MAPPED}");
    place
        .run(&format!("upsert docs.archive {target} --create"))
        .ends(0);
    let ours = part("docs.migration/archive");
    let content = std::fs::read(&ours).unwrap();
    assert!(content == std::fs::read(&theirs).unwrap());
    assert_eq!(std::fs::metadata(&ours).unwrap().mode() & 0o777, 0o600);

    let original = std::fs::OpenOptions::new().write(true).open(&theirs);
    original.unwrap().write_all_at(b"changed", 1_000).unwrap();
    assert!(content == std::fs::read(&ours).unwrap());
    assert!(content != std::fs::read(&theirs).unwrap());
    std::fs::remove_dir_all(place.shell.path("docs.archive")).unwrap();
    place
        .run(&format!("run docs.migration/archive {target} {WHOLE}"))
        .ends(0)
        .says("proven: 269 records, verified equal");
}

#[test]
fn plan_looks_at_both_ends_and_leaves_no_trace() {
    let place = Place::new();
    for full in ["", "--full"] {
        let told = place
            .run(&format!(
                "plan SAMPLE vectorize:docs {MAPPED} {WHOLE} {full}"
            ))
            .ends(0);
        let told = told.says("the index docs (384 dimensions, cosine) is to be created");
        told.says("the KV namespace files is to be created");
        assert_eq!(place.shell.listing(), Vec::<String>::new());
    }
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn plan_ends_as_the_run_would_that_is_refused() {
    let place = Place::new();
    place
        .run(&format!("plan SAMPLE vectorize:docs {MAPPED}"))
        .ends(7)
        .says("the index docs does not exist");
    place
        .run("plan SAMPLE vectorize:docs --id '{nothing}' --create --full")
        .ends(7);
    assert_eq!(place.shell.listing(), Vec::<String>::new());
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn upsert_index_verify_and_run_on_one_folder_are_what_run_alone_is() {
    let mut place = Place::new();
    place
        .run(&format!("upsert SAMPLE vectorize:docs {MAPPED} --create"))
        .ends(0);
    let vectors = place.cloud.vectors("docs");
    place
        .run("index docs.migration/archive kv:files --create")
        .ends(0);
    assert_same(&(vectors, place.entries()), &undisturbed());

    place.cloud.forget_calls();
    let verified = place.run(&format!(
        "verify SAMPLE vectorize:docs {MAPPED} --file-index kv:files"
    ));
    verified.ends(0).says("proven: 269 records, verified equal");
    place
        .run_sample("--file-index kv:files")
        .ends(0)
        .says("proven");
    assert_eq!(place.cloud.writes(), []);
    assert_same(&place.held(), &undisturbed());
}

#[test]
fn verify_creates_nothing_whatever_is_missing() {
    let mut place = Place::new();
    place.cloud.create_index("docs", 384, "cosine");
    place.cloud.forget_calls();
    let line = format!("verify SAMPLE vectorize:docs {MAPPED} --file-index kv:files --create");
    place
        .run(&line)
        .ends(7)
        .says("the KV namespace files does not exist");
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn verify_without_a_migration_folder_reads_the_source_and_makes_none() {
    let mut place = Place::new();
    place.run_sample("--create --dir elsewhere").ends(0);
    place.cloud.forget_calls();
    place
        .run(&format!("verify SAMPLE vectorize:docs {MAPPED}"))
        .ends(0)
        .says("proven");
    assert_eq!(place.shell.listing(), ["elsewhere"]);
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn a_run_takes_over_what_was_exported_into_its_folder() {
    let mut place = Place::new();
    let qdrant = QdrantDouble::recorded("project_docs").start();
    place.shell.set("QDRANT_URL", &qdrant.grpc_url());
    place
        .shell
        .set("QDRANT_REST_PORT", &qdrant.rest_port().to_string());
    place
        .run("export qdrant:project_docs docs.migration/archive")
        .ends(0);
    assert_eq!(place.cloud.calls(), []);
    let (scrolls, sealed) = (qdrant.calls("scroll"), manifest(&place));

    let line = format!("run qdrant:project_docs vectorize:docs {MAPPED} {WHOLE}");
    place.run(&line).ends(0).says("proven: 269 records");
    assert_eq!(qdrant.calls("scroll"), scrolls, "the source was read again");
    assert_eq!(manifest(&place), sealed);
    assert!(
        qdrant.calls("rest") > 0,
        "a part of the sample is asked again by id"
    );
}

fn manifest(place: &Place) -> String {
    place
        .shell
        .read("docs.migration/archive/0001/manifest.json")
}

#[test]
fn an_archive_alone_is_a_source_too() {
    let place = Place::new();
    place.run("export SAMPLE copy").ends(0);
    place
        .run(&format!("run copy vectorize:docs {MAPPED} {WHOLE}"))
        .ends(0)
        .says("proven");
    assert_same(&place.held(), &undisturbed());
}

#[test]
fn transform_writes_what_upsert_stores() {
    let place = Place::new();
    place.run("export SAMPLE copy").ends(0);
    place
        .run(&format!("transform copy out.ndjson {MAPPED}"))
        .ends(0);
    place
        .run(&format!("upsert copy vectorize:docs {MAPPED} --create"))
        .ends(0);
    let stored = place.cloud.vectors("docs");
    let text = place.shell.read("out.ndjson");
    assert_eq!(text.lines().count(), stored.len());
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let vector = &stored[line["id"].as_str().unwrap()];
        let number = |value: &Value| value.to_string().parse::<f32>().unwrap().to_bits();
        let values: Vec<u32> = line["values"]
            .as_array()
            .unwrap()
            .iter()
            .map(number)
            .collect();
        assert_eq!(
            values,
            vector
                .values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        );
        assert_eq!(line.get("metadata"), vector.metadata.as_ref());
        assert_eq!(
            line.get("namespace").and_then(Value::as_str),
            vector.namespace.as_deref()
        );
    }
}

#[test]
fn what_transform_wrote_is_a_source_with_the_same_records() {
    let place = Place::new();
    place
        .run(&format!("transform SAMPLE out.ndjson {MAPPED}"))
        .ends(0);
    place
        .run(&format!("run out.ndjson vectorize:docs {WHOLE}"))
        .ends(0)
        .says("proven");
    assert_same(&place.held(), &undisturbed());
}

#[test]
fn transform_names_rejections_beside_its_output() {
    let place = place_with_and_without_doc();
    place
        .run("transform points.ndjson out.ndjson --id '{doc}'")
        .ends(3);
    assert_eq!(
        place.shell.listing(),
        ["out.ndjson", "points.ndjson", "rejected.ndjson"]
    );
    assert_eq!(place.shell.read("out.ndjson").lines().count(), 1);
    assert!(
        place
            .shell
            .read("rejected.ndjson")
            .contains("missing_field")
    );
}

/// A place with two points in `points.ndjson`, the first of which has a field `doc`.
pub(crate) fn place_with_and_without_doc() -> Place {
    let vector = serde_json::to_string(&vec![0.5; 32]).unwrap();
    let points = format!(
        "{{\"id\": 1, \"vector\": {vector}, \"payload\": {{\"doc\": \"a\"}}}}\n\
         {{\"id\": 2, \"vector\": {vector}, \"payload\": {{}}}}\n"
    );
    let place = Place::new();
    place.shell.write("points.ndjson", points);
    place
}

#[test]
fn batches_are_as_many_as_their_count_asks_for() {
    let place = Place::new();
    place
        .run(&format!(
            "upsert SAMPLE vectorize:docs {MAPPED} --create --batch-count 50"
        ))
        .ends(0);
    // Six batches, and the marker that is waited for.
    assert_eq!(place.cloud.count(Operation::Upsert), 7);
    assert_same(
        &(place.cloud.vectors("docs"), BTreeMap::new()),
        &(undisturbed().0, BTreeMap::new()),
    );
}
