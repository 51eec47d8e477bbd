//! Nearest neighbours: limits, what is returned, namespaces, filters, scores.

use serde_json::{Value, json};

use crate::support::{Answer, Api, INDEXES, at_once, served, values};

async fn ask(api: &Api, change: Value) -> Answer {
    let mut body = json!({"vector": values(&[1.0])});
    body.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    api.post(&format!("{INDEXES}/i/query"), body).await
}

fn ids(result: &Value) -> Vec<&str> {
    let matches = result["matches"].as_array().unwrap();
    matches
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect()
}

async fn index_property(api: &Api, property: &str, kind: &str) {
    let path = format!("{INDEXES}/i/metadata_index/create");
    let body = json!({"propertyName": property, "indexType": kind});
    api.post(&path, body).await.result();
}

async fn filled(metric: &str) -> Api {
    let api = served(at_once()).await.with_index(metric).await;
    index_property(&api, "n", "number").await;
    api.upsert(&[
        json!({"id": "near", "values": values(&[2.0, 0.5]), "metadata": {"n": 1, "m": 1}}),
        json!({"id": "far", "values": values(&[-1.0]), "namespace": "ns", "metadata": {"n": 2}}),
        json!({"id": "mid", "values": values(&[1.0, 1.0]), "namespace": "ns"}),
    ])
    .await
    .result();
    api
}

#[tokio::test]
async fn the_best_come_first_under_every_metric() {
    for (metric, order, best) in [
        ("cosine", ["near", "mid", "far"], 2.0 / 4.25_f64.sqrt()),
        ("euclidean", ["mid", "near", "far"], 1.0),
        ("dot-product", ["near", "mid", "far"], -2.0),
    ] {
        let api = filled(metric).await;
        let result = ask(&api, json!({})).await.result();
        assert_eq!(ids(&result), order, "{metric}");
        assert_eq!(result["count"], 3);
        let score = result["matches"][0]["score"].as_f64().unwrap();
        assert!((score - best).abs() < 1e-6, "{metric}: {score}");
    }
}

#[tokio::test]
async fn only_what_was_asked_for_is_returned() {
    let api = filled("cosine").await;
    let bare = ask(&api, json!({"topK": 1})).await.result();
    assert_eq!(bare["matches"][0].get("values"), None);
    assert_eq!(bare["matches"][0].get("metadata"), None);
    let full = ask(
        &api,
        json!({"topK": 1, "returnValues": true, "returnMetadata": "all"}),
    )
    .await
    .result();
    assert_eq!(full["matches"][0]["values"], values(&[2.0, 0.5]));
    assert_eq!(full["matches"][0]["metadata"], json!({"n": 1, "m": 1}));
    let indexed = ask(&api, json!({"topK": 1, "returnMetadata": "indexed"}))
        .await
        .result();
    assert_eq!(indexed["matches"][0]["metadata"], json!({"n": 1}));
}

#[tokio::test]
async fn a_stored_vector_can_be_the_question() {
    let api = filled("cosine").await;
    let path = format!("{INDEXES}/i/query");
    let result = api
        .post(&path, json!({"vectorId": "far", "topK": 1}))
        .await
        .result();
    assert_eq!(ids(&result), ["far"]);
    assert_eq!(
        api.post(&path, json!({"vectorId": "unknown"})).await.status,
        400
    );
}

#[tokio::test]
async fn limits_are_enforced() {
    let api = filled("cosine").await;
    for (body, failure) in [
        (json!({"topK": 101}), (400, 40025)),
        (json!({"topK": 0}), (400, 40025)),
        (json!({"topK": 51, "returnValues": true}), (400, 40025)),
        (json!({"topK": 51, "returnMetadata": "all"}), (400, 40025)),
        (json!({"returnMetadata": true}), (400, 40026)),
        (json!({"returnMetadata": "some"}), (400, 40026)),
        (json!({"vector": [1.0]}), (400, 40006)),
        (json!({"vector": "x"}), (400, 40026)),
        (json!({"filter": {"n": {"$regex": "x"}}}), (400, 40026)),
    ] {
        assert_eq!(ask(&api, body.clone()).await.failure(), failure, "{body}");
    }
    ask(&api, json!({"topK": 100})).await.result();
    ask(&api, json!({"topK": 100, "returnMetadata": "indexed"}))
        .await
        .result();
    ask(&api, json!({"topK": 50, "returnMetadata": "all"}))
        .await
        .result();
}

#[tokio::test]
async fn namespace_and_filter_narrow_the_answer() {
    let api = filled("cosine").await;
    let namespace = ask(&api, json!({"namespace": "ns"})).await.result();
    assert_eq!(ids(&namespace), ["mid", "far"]);
    let filter = ask(&api, json!({"filter": {"n": {"$gte": 1}}}))
        .await
        .result();
    assert_eq!(ids(&filter), ["near", "far"]);
    let both = ask(&api, json!({"namespace": "ns", "filter": {"n": 2}}))
        .await
        .result();
    assert_eq!(ids(&both), ["far"]);
}

#[tokio::test]
async fn a_filter_without_an_index_or_on_earlier_vectors_finds_nothing_and_does_not_fail() {
    let api = filled("cosine").await;
    let filter = json!({"filter": {"m": 1}});
    assert_eq!(
        ids(&ask(&api, filter.clone()).await.result()),
        Vec::<&str>::new()
    );
    index_property(&api, "m", "number").await;
    assert_eq!(
        ids(&ask(&api, filter.clone()).await.result()),
        Vec::<&str>::new()
    );
    let line = json!({"id": "near", "values": values(&[2.0, 0.5]), "metadata": {"m": 1}});
    api.upsert(&[line]).await.result();
    assert_eq!(ids(&ask(&api, filter).await.result()), ["near"]);
}
