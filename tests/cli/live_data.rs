//! An index and a KV namespace that a live application uses: nothing of its is
//! changed or removed without being asked.

use cf_migrate::sandbox::inspect::StoredVector;
use serde_json::json;

use crate::cli::sample;
use crate::place::{MAPPED, Place, assert_same, undisturbed};

const LIVE: &str = "app-live";
const STALE: (&str, &str) = ("file:dead", r#"["dead_0","dead_1"]"#);

/// The application's own: a vector with its file, a setting, the count, an entry
/// whose vectors are gone, and an entry of a file that we migrate too, with one
/// id that exists and one that does not.
fn in_use() -> Place {
    let place = Place::new();
    place.cloud.create_index("docs", 384, "cosine");
    place
        .cloud
        .sandbox
        .put_vector("docs", LIVE, &live_vector())
        .unwrap();
    let namespace = place.cloud.create_namespace("files");
    let put = |key: &str, value: &str| place.cloud.put_text(&namespace, key, value);
    put("settings", "theme = dark");
    put("file:live", &format!("[\"{LIVE}\"]"));
    put(&shared_key(), &format!("[\"{LIVE}\",\"dangling_0\"]"));
    put(STALE.0, STALE.1);
    put("_vector_count", "1");
    place
}

fn live_vector() -> StoredVector {
    StoredVector {
        namespace: Some("live".to_owned()),
        values: vec![0.25; 384],
        metadata: Some(json!({"owner": "the application"})),
    }
}

/// The key of the sample's first file.
pub(crate) fn shared_key() -> String {
    let text = std::fs::read_to_string(sample()).unwrap();
    let point: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    format!("file:{}", point["payload"]["file_id"].as_str().unwrap())
}

/// What the application must find afterwards.
fn expected() -> crate::place::Held {
    let (mut vectors, mut entries) = undisturbed();
    vectors.insert(LIVE.to_owned(), live_vector());
    let shared = entries.get_mut(&shared_key()).unwrap();
    shared.truncate(shared.len() - 1);
    shared.push_str(&format!(",\"{LIVE}\"]"));
    entries.insert("settings".to_owned(), "theme = dark".to_owned());
    entries.insert("file:live".to_owned(), format!("[\"{LIVE}\"]"));
    entries.insert(STALE.0.to_owned(), STALE.1.to_owned());
    entries.insert("_vector_count".to_owned(), "270".to_owned());
    (vectors, entries)
}

#[test]
fn nothing_foreign_is_changed_and_stale_entries_are_only_reported() {
    let place = in_use();
    place
        .run(&format!("upsert SAMPLE vectorize:docs {MAPPED}"))
        .ends(0)
        .says("1 foreign vectors left alone");
    place
        .run("index docs.migration kv:files")
        .ends(0)
        .says(&format!(
            "{} names 1 vectors that the index does not hold",
            shared_key()
        ))
        .says("dangling_0")
        .says("1 entries name only vectors that do not exist; --prune removes them");
    assert_same(&place.held(), &expected());
}

#[test]
fn the_file_index_from_vectorize_alone_leaves_them_too() {
    let place = in_use();
    place
        .run(&format!("upsert SAMPLE vectorize:docs {MAPPED}"))
        .ends(0);
    place
        .run(&format!("index vectorize:docs kv:files {MAPPED}"))
        .ends(0);
    assert_same(&place.held(), &expected());
}

#[test]
fn vectors_that_are_there_stay_unless_overwriting_was_asked_for() {
    let mut place = in_use();
    let (ours, _) = undisturbed();
    let (id, right) = ours.first_key_value().unwrap();
    let theirs = StoredVector {
        values: vec![0.75; 384],
        ..right.clone()
    };
    place.cloud.sandbox.put_vector("docs", id, &theirs).unwrap();
    place.cloud.forget_calls();
    place
        .run_sample("")
        .ends(7)
        .says("1 of the ids to be written are in the index already");
    assert_eq!(place.cloud.writes(), []);
    assert_eq!(place.cloud.vectors("docs")[id], theirs);

    place
        .run_sample("--overwrite")
        .ends(0)
        .says("1 vectors that are in the index already will be replaced");
    assert_eq!(&place.cloud.vectors("docs")[id], right);
    assert_eq!(place.cloud.vectors("docs")[LIVE], live_vector());
}
