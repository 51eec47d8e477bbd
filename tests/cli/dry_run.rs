//! `--dry-run` of every verb that writes: it ends as the real one does, and leaves
//! nothing behind, neither in the account nor on the disk.

use crate::place::{MAPPED, Place, WHOLE, assert_same};
use crate::verbs::place_with_and_without_doc;

/// Runs the line with `--dry-run`, then without; both must end with that code, and
/// the first must leave no trace.
#[track_caller]
fn dry_then_real(place: &mut Place, line: &str, code: i32) {
    let before = place.shell.listing();
    place.cloud.forget_calls();
    let dry = place.run(&format!("{line} --dry-run")).ends(code);
    assert_eq!(place.shell.listing(), before, "{dry}");
    assert_eq!(place.cloud.writes(), [], "{dry}");
    place.run(line).ends(code);
}

#[test]
fn run() {
    dry_then_real(
        &mut Place::new(),
        &format!("run SAMPLE vectorize:docs {MAPPED} {WHOLE}"),
        0,
    );
}

#[test]
fn run_into_a_namespace_whose_entries_name_ids_of_others() {
    let mut place = Place::new();
    let namespace = place.cloud.create_namespace("files");
    let shared = crate::live_data::shared_key();
    place
        .cloud
        .put_text(&namespace, &shared, r#"["of_the_application"]"#);
    dry_then_real(
        &mut place,
        &format!("run SAMPLE vectorize:docs {MAPPED} {WHOLE}"),
        0,
    );
}

#[test]
fn run_says_what_would_be_written() {
    let place = Place::new();
    place
        .run_sample(&format!("{WHOLE} --dry-run"))
        .ends(0)
        .says("would create the index docs (384 dimensions, cosine)")
        .says("would create the KV namespace files")
        .says("would send 269 records in 1 batches, ")
        .says("would write 61 entries of the file index, and the count")
        .says("dry run: nothing was written");
}

#[test]
fn run_of_what_is_migrated_already() {
    let mut place = Place::new();
    place.run_sample(WHOLE).ends(0);
    place.cloud.forget_calls();
    let held = place.held();
    let told = place.run_sample(&format!("{WHOLE} --dry-run")).ends(0);
    assert!(!told.stderr.contains("would send"), "{told}");
    assert_eq!(place.cloud.writes(), []);
    assert_same(&place.held(), &held);
}

#[test]
fn run_onto_ids_that_are_there() {
    let mut place = Place::new();
    place.run_sample("--create --dir first").ends(0);
    dry_then_real(
        &mut place,
        &format!("run SAMPLE vectorize:docs {MAPPED}"),
        7,
    );
}

#[test]
fn run_with_rejections() {
    let mut place = place_with_and_without_doc();
    let line = "run points.ndjson vectorize:docs --create --id '{doc}'";
    dry_then_real(&mut place, line, 7);
}

#[test]
fn run_with_rejections_that_are_allowed() {
    let mut place = place_with_and_without_doc();
    let line = "run points.ndjson vectorize:docs --create --id '{doc}' --allow-rejects 1";
    dry_then_real(&mut place, line, 3);
}

#[test]
fn run_into_an_embedded_sandbox() {
    let place = Place::new();
    place
        .run_sample(&format!("{WHOLE} --sandbox --dry-run"))
        .ends(0);
    place
        .run_sample(&format!("{WHOLE} --sandbox=box --dry-run"))
        .ends(0);
    assert_eq!(place.shell.listing(), Vec::<String>::new());
}

#[test]
fn export() {
    dry_then_real(&mut Place::new(), "export SAMPLE copy", 0);
}

#[test]
fn transform() {
    let mut place = Place::new();
    place.run("export SAMPLE copy").ends(0);
    dry_then_real(
        &mut place,
        &format!("transform copy out.ndjson {MAPPED}"),
        0,
    );
}

#[test]
fn transform_with_rejections() {
    let mut place = place_with_and_without_doc();
    dry_then_real(
        &mut place,
        "transform points.ndjson out.ndjson --id '{doc}'",
        3,
    );
}

#[test]
fn upsert() {
    dry_then_real(
        &mut Place::new(),
        &format!("upsert SAMPLE vectorize:docs {MAPPED} --create"),
        0,
    );
}

#[test]
fn index_of_a_migration() {
    let mut place = Place::new();
    place
        .run(&format!("upsert SAMPLE vectorize:docs {MAPPED} --create"))
        .ends(0);
    dry_then_real(
        &mut place,
        "index docs.migration/archive kv:files --create",
        0,
    );
}

#[test]
fn index_of_an_index() {
    let mut place = Place::new();
    place
        .run(&format!("upsert SAMPLE vectorize:docs {MAPPED} --create"))
        .ends(0);
    dry_then_real(
        &mut place,
        &format!("index vectorize:docs kv:files {MAPPED} --create"),
        0,
    );
}

#[test]
fn index_that_would_remove_stale_entries() {
    let mut place = Place::new();
    place
        .run(&format!("upsert SAMPLE vectorize:docs {MAPPED} --create"))
        .ends(0);
    let namespace = place.cloud.create_namespace("files");
    place
        .cloud
        .put_text(&namespace, "file:gone", r#"["gone_0"]"#);
    let before = place.shell.listing();
    place.cloud.forget_calls();
    // The real one looks twice, 90 seconds apart: that is for simulated time.
    let dry = place
        .run("index docs.migration/archive kv:files --prune --dry-run")
        .ends(0)
        .says("1 stale");
    assert_eq!(place.shell.listing(), before, "{dry}");
    assert_eq!(place.cloud.writes(), [], "{dry}");
}
