//! Looking in and changing things behind the API's back.

use cf_migrate::sandbox::SandboxError;
use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use serde_json::json;

use crate::support::{INDEXES, at_once, served, values};

#[tokio::test]
async fn vectors_can_be_seen_changed_added_and_lost_behind_the_api() {
    let api = served(at_once()).await.with_index("cosine").await;
    let line = json!({"id": "a", "values": values(&[0.5]), "namespace": "n", "metadata": {"k": 1}});
    api.upsert(&[line]).await.result();
    let mut vector = api.sandbox.vectors("i").unwrap()["a"].clone();
    assert_eq!(vector.namespace.as_deref(), Some("n"));
    assert_eq!(vector.metadata, Some(json!({"k": 1})));
    assert_eq!(vector.values[0], 0.5);
    vector.values[0] = 0.75;
    api.sandbox.put_vector("i", "a", &vector).unwrap();
    let extra = StoredVector {
        namespace: None,
        values: vec![1.0; 32],
        metadata: None,
    };
    api.sandbox.put_vector("i", "extra", &extra).unwrap();
    assert_eq!(api.info().await["vectorCount"], 2);
    let found = api.get_by_ids(&["a", "extra"]).await;
    assert_eq!(found[0]["values"][0].as_f64(), Some(0.75));
    assert_eq!(found[1]["id"], "extra");
    assert!(api.sandbox.remove_vector("i", "a").unwrap());
    assert!(!api.sandbox.remove_vector("i", "a").unwrap());
    assert_eq!(api.get_by_ids(&["a"]).await, json!([]));
    api.sandbox.miscount("i", 5).unwrap();
    assert_eq!(api.info().await["vectorCount"], 6);
    let listed = api.get(&format!("{INDEXES}/i/list")).await.result();
    assert_eq!(listed["vectors"], json!([{"id": "extra"}]));
}

#[tokio::test]
async fn entries_can_be_seen_changed_added_and_lost_behind_the_api() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    let namespaces = api.sandbox.namespaces().unwrap();
    let (id, title) = namespaces.first_key_value().unwrap();
    assert_eq!((kv.ends_with(id), title.as_str()), (true, "n"));
    let entry = StoredEntry {
        value: b"v".to_vec(),
        expiration: Some(4_000_000_000),
        metadata: Some(json!({"m": 1})),
    };
    api.sandbox.put_entry(id, "k", &entry).unwrap();
    assert_eq!(api.sandbox.entries(id).unwrap()["k"], entry);
    let answer = api.get(&format!("{kv}/values/k")).await;
    assert_eq!(answer.headers["expiration"], "4000000000");
    api.sandbox.remove_entry(id, "k").unwrap();
    assert!(api.sandbox.entries(id).unwrap().is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let api = served(at_once()).await;
    let missing = api.sandbox.vectors("nope").unwrap_err();
    assert!(matches!(missing, SandboxError::NoSuchIndex(name) if name == "nope"));
    let missing = api.sandbox.entries("nope").unwrap_err();
    assert!(matches!(missing, SandboxError::NoSuchNamespace(name) if name == "nope"));
}
