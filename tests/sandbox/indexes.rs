//! Indexes and metadata indexes: create, get, list, info, delete.

use serde_json::{Value, json};

use crate::support::{INDEXES, at_once, lenient, served, simulated, vector};

fn config(name: &str, dimensions: u32) -> Value {
    json!({"name": name, "config": {"dimensions": dimensions, "metric": "cosine"}})
}

#[tokio::test]
async fn an_index_is_described_as_it_was_created() {
    let api = served(at_once()).await;
    let body = json!({"name": "i", "description": "d", "config": {"dimensions": 64, "metric": "dot-product"}});
    let made = api.post(INDEXES, body).await.result();
    assert_eq!(
        made["config"],
        json!({"dimensions": 64, "metric": "dot-product"})
    );
    assert_eq!(made["description"], "d");
    let created = made["created_on"].as_str().unwrap();
    assert!(humantime::parse_rfc3339(created).is_ok(), "{created}");
    assert_eq!(api.get(&format!("{INDEXES}/i")).await.result(), made);
    assert_eq!(api.get(INDEXES).await.result(), json!([made]));
}

#[tokio::test]
async fn presets_bring_their_dimensions() {
    let api = served(at_once()).await;
    let body = json!({"name": "p", "config": {"preset": "@cf/baai/bge-base-en-v1.5"}});
    let made = api.post(INDEXES, body).await.result();
    assert_eq!(made["config"]["dimensions"], 768);
    assert_eq!(made["config"]["preset"], "@cf/baai/bge-base-en-v1.5");
}

#[tokio::test]
async fn bad_configurations_are_refused_with_3003() {
    let api = served(at_once()).await;
    for body in [
        config("a", 31),
        config("a", 1537),
        config("a", 3072),
        config(&"n".repeat(65), 32),
        config("", 32),
        json!({"name": "a", "dimensions": 32, "metric": "cosine"}),
        json!({"name": "a", "config": {"dimensions": 32, "metric": "manhattan"}}),
        json!({"name": "a", "config": {"preset": "unknown"}}),
    ] {
        let answer = api.post(INDEXES, body.clone()).await;
        assert_eq!(answer.failure(), (400, 3003), "{body}");
    }
    let answer = api.post(INDEXES, config("a", 3072)).await;
    assert!(
        answer
            .message()
            .ends_with("Dimensions must be in range: [32, 1536]")
    );
    api.post(INDEXES, config(&"n".repeat(64), 1536))
        .await
        .result();
}

#[tokio::test]
async fn a_taken_name_is_refused_without_the_words_already_exists() {
    let api = served(at_once()).await.with_index("cosine").await;
    let answer = api.post(INDEXES, config("i", 32)).await;
    assert_eq!(answer.failure(), (400, 3002));
    assert!(
        answer
            .message()
            .starts_with("vectorize.index.duplicate_name")
    );
    assert!(!answer.message().contains("already exists"));
}

#[tokio::test]
async fn a_missing_index_is_told_from_a_deleted_one_whose_name_can_be_used_again() {
    let api = served(at_once()).await.with_index("cosine").await;
    api.upsert(&[vector("a", 1.0)]).await.result();
    assert_eq!(
        api.get(&format!("{INDEXES}/other")).await.failure(),
        (404, 3000)
    );
    assert_eq!(
        api.delete(&format!("{INDEXES}/i")).await.result(),
        Value::Null
    );
    assert_eq!(api.upsert(&[vector("a", 1.0)]).await.failure(), (410, 3005));
    assert_eq!(api.get(INDEXES).await.result(), json!([]));
    let api = api.with_index("cosine").await;
    assert_eq!(api.info().await["vectorCount"], 0);
    assert_eq!(api.get_by_ids(&["a"]).await, json!([]));
}

#[tokio::test]
async fn info_of_a_fresh_index_has_null_markers() {
    let api = served(at_once()).await.with_index("cosine").await;
    let fresh = json!({
        "dimensions": 32, "vectorCount": 0, "processedUpToDatetime": null, "processedUpToMutation": null,
    });
    assert_eq!(api.info().await, fresh);
}

#[tokio::test]
async fn metadata_indexes_go_through_the_queue() {
    let api = served(at_once()).await.with_index("cosine").await;
    let path = format!("{INDEXES}/i/metadata_index");
    let body = json!({"propertyName": "a.b", "indexType": "number"});
    let made = api.post(&format!("{path}/create"), body).await.result();
    assert_eq!(
        api.info().await["processedUpToMutation"],
        made["mutationId"]
    );
    let listed = api.get(&format!("{path}/list")).await.result();
    assert_eq!(
        listed["metadataIndexes"],
        json!([{"propertyName": "a.b", "indexType": "number"}])
    );
    let body = json!({"propertyName": "a.b"});
    api.post(&format!("{path}/delete"), body.clone())
        .await
        .result();
    let listed = api.get(&format!("{path}/list")).await.result();
    assert_eq!(listed["metadataIndexes"], json!([]));
    let answer = api.post(&format!("{path}/delete"), body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.message().contains("does not exist"));
}

#[tokio::test(start_paused = true)]
async fn metadata_indexes_that_wait_in_the_queue_are_counted_but_not_listed() {
    let api = simulated(Default::default()).with_index("cosine").await;
    let path = format!("{INDEXES}/i/metadata_index");
    let create = async |name: String| {
        let body = json!({"propertyName": name, "indexType": "string"});
        api.post(&format!("{path}/create"), body).await
    };
    for number in 0..10 {
        create(format!("p{number}")).await.result();
    }
    assert_eq!(create("p10".to_owned()).await.status, 400);
    let listed = api.get(&format!("{path}/list")).await.result();
    assert_eq!(listed["metadataIndexes"], json!([]));
    tokio::time::advance(std::time::Duration::from_millis(200)).await;
    let listed = api.get(&format!("{path}/list")).await.result();
    assert_eq!(listed["metadataIndexes"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn a_second_creation_of_a_metadata_index_is_unsettled() {
    for (options, status) in [(at_once(), 400), (lenient(), 200)] {
        let api = served(options).await.with_index("cosine").await;
        let path = format!("{INDEXES}/i/metadata_index/create");
        let body = json!({"propertyName": "p", "indexType": "string"});
        api.post(&path, body.clone()).await.result();
        assert_eq!(api.post(&path, body).await.status, status);
    }
}
