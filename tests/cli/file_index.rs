//! The file index, built by every way there is, and its options.

use cf_migrate::sandbox::Operation;

use crate::place::{MAPPED, Place, undisturbed};

fn upserted() -> Place {
    let mut place = Place::new();
    place
        .run(&format!("upsert SAMPLE vectorize:docs {MAPPED} --create"))
        .ends(0);
    place.cloud.forget_calls();
    place
}

#[test]
fn it_is_built_from_the_list_of_ids_where_they_tell_the_file() {
    let place = upserted();
    place
        .run(&format!("index vectorize:docs kv:files {MAPPED} --create"))
        .ends(0);
    assert_eq!(place.entries(), undisturbed().1);
    assert_eq!(place.cloud.count(Operation::GetByIds), 0);
    assert_eq!(place.cloud.count(Operation::ListVectors), 1);
}

#[test]
fn it_is_built_from_the_metadata_where_they_do_not() {
    let place = upserted();
    place.run("index vectorize:docs kv:files --create").ends(0);
    assert_eq!(place.entries(), undisturbed().1);
    // 269 vectors, 20 a call.
    assert_eq!(place.cloud.count(Operation::GetByIds), 14);
}

#[test]
fn building_it_again_writes_nothing() {
    let mut place = upserted();
    for line in [
        "index docs.migration kv:files --create",
        "index vectorize:docs kv:files",
    ] {
        place.run(&format!("{line} {MAPPED}")).ends(0);
    }
    place.cloud.forget_calls();
    place
        .run(&format!("index vectorize:docs kv:files {MAPPED}"))
        .ends(0);
    place.run("index docs.migration kv:files").ends(0);
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn the_count_goes_under_the_key_that_was_asked_for() {
    let place = Place::new();
    let numbers = place.cloud.create_namespace("numbers");
    place
        .run_sample("--create --file-index kv:files --count-key kv:numbers/vectors")
        .ends(0)
        .says("proven");
    assert_eq!(
        place.cloud.texts(&numbers).into_iter().collect::<Vec<_>>(),
        [("vectors".to_owned(), "269".to_owned())]
    );
    let entries = place.entries();
    assert_eq!(entries.len(), 61);
    assert!(entries.keys().all(|key| key.starts_with("file:")));
}

#[test]
fn entries_expire_only_when_that_was_asked_for() {
    let mut place = Place::new();
    place
        .run_sample("--create --file-index kv:files --kv-ttl 2h")
        .ends(0)
        .says("proven");
    let stored = place
        .cloud
        .sandbox
        .entries(&place.cloud.namespace("files"))
        .unwrap();
    assert_eq!(stored.len(), 62);
    assert!(stored.values().all(|entry| entry.expiration.is_some()));

    place.cloud.forget_calls();
    place.run_sample("--file-index kv:files").ends(0);
    assert_eq!(
        place.cloud.writes(),
        [],
        "the settings are kept with the plan"
    );
}

#[test]
fn an_expiry_that_nobody_asked_for_is_taken_off() {
    let mut place = Place::new();
    place
        .run_sample("--create --file-index kv:files --kv-ttl 2h")
        .ends(0);
    place.cloud.forget_calls();
    place
        .run(&format!("index vectorize:docs kv:files {MAPPED}"))
        .ends(0);
    let stored = place
        .cloud
        .sandbox
        .entries(&place.cloud.namespace("files"))
        .unwrap();
    assert!(stored.values().all(|entry| entry.expiration.is_none()));
    assert_eq!(place.entries(), undisturbed().1);
}

#[test]
fn a_file_index_that_was_begun_is_that_of_every_later_verb() {
    let mut place = Place::new();
    place
        .run_sample("--create --file-index kv:files --count-key kv:numbers/vectors")
        .ends(0);
    place.cloud.forget_calls();
    let id = place.cloud.namespace("numbers");
    for line in [
        format!("run SAMPLE vectorize:docs {MAPPED}"),
        format!("run SAMPLE vectorize:docs {MAPPED} --file-index kv:files"),
        format!("verify SAMPLE vectorize:docs {MAPPED}"),
        "index docs.migration/archive kv:files".to_owned(),
    ] {
        place
            .run(&line)
            .ends(0)
            .says(&format!("the KV namespace {id} is there"));
        assert_eq!(place.cloud.writes(), [], "{line}");
    }
}

#[test]
fn another_file_index_than_was_begun_is_refused_before_its_namespace_is_made() {
    let mut place = Place::new();
    place.run_sample("--create --file-index kv:files").ends(0);
    place.cloud.forget_calls();
    place
        .run_sample("--create --file-index kv:another")
        .ends(7)
        .says("begun with other settings");
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn options_that_have_no_part_in_it_are_told() {
    let place = upserted();
    place
        .run("index vectorize:docs kv:files --create --drop text --map .")
        .ends(0)
        .says("--map, --drop: without effect here");
}
