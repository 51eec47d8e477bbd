//! A backup of an index, and that it gives an equal index again.

use cf_migrate::sandbox::Operation;
use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::json;

use crate::place::{Place, WHOLE};

/// A place whose index `docs` holds vectors with and without namespace and metadata.
fn filled(vectors: usize) -> Place {
    let place = Place::new();
    place.cloud.create_index("docs", 32, "euclidean");
    for number in 0..vectors {
        let vector = StoredVector {
            namespace: (number % 3 > 0).then(|| format!("tenant {}", number % 3)),
            values: (0..32)
                .map(|at| (number * 32 + at) as f32 / 7.0 - 1e-3)
                .collect(),
            metadata: (number % 2 > 0).then(|| json!({"n": number, "tags": ["ä", "b"]})),
        };
        let id = format!("{}-{number}", ["a", "B", "ü", "10"][number % 4]);
        place
            .cloud
            .sandbox
            .put_vector("docs", &id, &vector)
            .unwrap();
    }
    place
}

#[test]
fn an_export_of_an_index_runs_into_an_equal_index() {
    let mut place = filled(1_234);
    place.cloud.forget_calls();
    let told = place
        .run("export vectorize:docs docs.archive --json")
        .ends(0);
    told.clone().says("vectorize:docs counts 1234 vectors");
    let told = told.says("about 64 requests (2 to list the ids, 62 to read 20 vectors at a time), less than five minutes with --api-budget 1000");
    assert_eq!(told.json()["points"]["archived"], 1_234);
    assert_eq!(told.json()["requests"]["total"], 66);
    assert_eq!(place.cloud.writes(), []);
    assert_eq!(place.shell.listing(), ["docs.archive"]);

    place
        .run("run docs.archive vectorize:other --create")
        .ends(0)
        .says("proven: 1234 records");
    assert_eq!(place.cloud.vectors("other"), place.cloud.vectors("docs"));
    let indexes = place
        .cloud
        .call(axum::http::Method::GET, "/vectorize/v2/indexes", &json!({}));
    let other = indexes
        .as_array()
        .unwrap()
        .iter()
        .find(|index| index["name"] == "other")
        .unwrap();
    assert_eq!(other["config"]["metric"], "euclidean");

    // The same command again finds the backup complete.
    place.cloud.forget_calls();
    let again = place.run("export vectorize:docs docs.archive").ends(0);
    again.says("the archive holds this index already (1234 points)");
    assert_eq!(place.cloud.count(Operation::ListVectors), 0);
}

#[test]
fn a_killed_export_of_an_index_goes_on_with_the_ids_that_it_knows() {
    let mut place = filled(2_500);
    let mut child = place
        .shell
        .start("export vectorize:docs docs.archive --api-budget 1200");
    while place.cloud.count(Operation::GetByIds) < 30 {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    place.cloud.forget_calls();
    let told = place
        .run("export vectorize:docs docs.archive --api-budget 1200")
        .ends(0);
    told.says("going on with the ids of vectorize:docs that were listed at");
    assert_eq!(place.cloud.count(Operation::ListVectors), 0);
    place
        .run("run docs.archive vectorize:other --create")
        .ends(0);
    assert_eq!(place.cloud.vectors("other"), place.cloud.vectors("docs"));
}

#[test]
fn the_embedded_sandbox_is_exported_as_well_and_a_dry_run_leaves_nothing() {
    let place = Place::new();
    let boxed = "--sandbox=box";
    place
        .run(&format!(
            "run SAMPLE vectorize:docs --create {boxed} --id '{{file_id}}_{{chunk_index}}'"
        ))
        .ends(0);
    let before = place.shell.listing();
    place
        .run(&format!("export vectorize:docs back {boxed} --dry-run"))
        .ends(0);
    assert_eq!(place.shell.listing(), before);
    place
        .run(&format!("export vectorize:docs back {boxed}"))
        .ends(0);
    place
        .run(&format!("run back vectorize:other --create {boxed}"))
        .ends(0);
}

#[test]
fn an_archive_of_another_index_is_not_written_to() {
    let place = filled(10);
    place.run("export vectorize:docs docs.archive").ends(0);
    place
        .run(&format!(
            "run SAMPLE vectorize:other --id '{{file_id}}_{{chunk_index}}' {WHOLE}"
        ))
        .ends(0);
    let told = place.run("export vectorize:other docs.archive").ends(7);
    told.says("the folder's archive is of another source: vectorize:docs (");
}
