//! Insert, upsert, delete, get by ids: limits, codes, all-or-nothing, late
//! application, and what is unsettled.

use std::time::Duration;

use axum::http::Method;
use cf_migrate::sandbox::SandboxOptions;
use serde_json::{Value, json};

use crate::support::{
    Api, INDEXES, JSON, NDJSON, at_once, lenient, served, simulated, values, vector,
};

async fn cosine(options: SandboxOptions) -> Api {
    served(options).await.with_index("cosine").await
}

#[tokio::test]
async fn a_vector_comes_back_widened_from_float32_and_not_normalised() {
    let api = cosine(at_once()).await;
    let metadata = json!({"text": "t", "n": 5, "x": 0.1, "list": ["a"], "o": {"k": true}});
    let line =
        json!({"id": "a", "values": values(&[58.8, 3.0]), "namespace": "ns", "metadata": metadata});
    api.upsert(&[line]).await.result();
    let found = api.get_by_ids(&["a", "unknown"]).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0]["values"][0].to_string(), "58.79999923706055");
    assert_eq!(found[0]["values"][1].as_f64(), Some(3.0));
    assert_eq!(found[0]["namespace"], "ns");
    assert_eq!(found[0]["metadata"], metadata);
}

#[tokio::test]
async fn integers_beyond_2_to_the_53_lose_their_last_digits() {
    let api = cosine(at_once()).await;
    let text = format!(
        r#"{{"id":"a","values":{},"metadata":{{"n":9007199254740993}}}}"#,
        values(&[1.0])
    );
    let path = format!("{INDEXES}/i/upsert");
    api.call(Method::POST, &path, NDJSON, text).await.result();
    assert_eq!(
        api.get_by_ids(&["a"]).await[0]["metadata"]["n"].to_string(),
        "9007199254740992"
    );
}

#[tokio::test]
async fn upsert_replaces_the_whole_record_and_insert_keeps_the_stored_one() {
    let api = cosine(at_once()).await;
    let first =
        json!({"id": "a", "values": values(&[1.0]), "namespace": "n", "metadata": {"k": 1}});
    api.upsert(&[first]).await.result();
    api.write("insert", &[vector("a", 2.0), vector("b", 2.0)])
        .await
        .result();
    let found = api.get_by_ids(&["a", "b"]).await;
    assert_eq!(found[0]["metadata"], json!({"k": 1}));
    assert_eq!(found[1]["id"], "b");
    assert_eq!(api.info().await["vectorCount"], 2);
    api.upsert(&[vector("a", 3.0)]).await.result();
    let found = api.get_by_ids(&["a"]).await;
    assert_eq!(found[0]["values"][0].as_f64(), Some(3.0));
    assert_eq!(found[0]["namespace"], Value::Null);
    assert_eq!(found[0].get("metadata"), None);
    assert_eq!(api.info().await["vectorCount"], 2);
}

#[tokio::test]
async fn an_id_is_unique_in_the_whole_index() {
    let api = cosine(at_once()).await;
    for namespace in ["one", "two"] {
        let line = json!({"id": "a", "values": values(&[1.0]), "namespace": namespace});
        api.upsert(&[line]).await.result();
    }
    assert_eq!(api.info().await["vectorCount"], 1);
    assert_eq!(api.get_by_ids(&["a"]).await[0]["namespace"], "two");
}

#[tokio::test]
async fn deleting_ignores_unknown_ids() {
    let api = cosine(at_once()).await;
    api.upsert(&[vector("a", 1.0), vector("b", 1.0)])
        .await
        .result();
    let path = format!("{INDEXES}/i/delete_by_ids");
    let deleted = api
        .post(&path, json!({"ids": ["a", "unknown"]}))
        .await
        .result();
    let info = api.info().await;
    assert_eq!(info["vectorCount"], 1);
    assert_eq!(info["processedUpToMutation"], deleted["mutationId"]);
    assert_eq!(api.get_by_ids(&["a", "b"]).await[0]["id"], "b");
}

#[tokio::test]
async fn too_many_ids_are_refused_with_40007() {
    let api = cosine(at_once()).await;
    let ids =
        |count: usize| json!({"ids": (0..count).map(|id| id.to_string()).collect::<Vec<_>>()});
    for (call, limit) in [("get_by_ids", 20), ("delete_by_ids", 100)] {
        let path = format!("{INDEXES}/i/{call}");
        api.post(&path, ids(limit)).await.result();
        let answer = api.post(&path, ids(limit + 1)).await;
        assert_eq!(answer.failure(), (400, 40007));
        let wanted = format!("max id count is {limit}, got {}", limit + 1);
        assert!(answer.message().contains(&wanted), "{}", answer.message());
    }
    let path = format!("{INDEXES}/i/get_by_ids");
    assert_eq!(
        api.post(&path, json!({"ids": "a"})).await.failure(),
        (400, 40026)
    );
}

#[tokio::test]
async fn one_bad_vector_refuses_the_whole_request_and_is_named() {
    let api = cosine(at_once()).await;
    let bad = |change: Value| {
        let mut line = vector("bad", 1.0);
        line.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        line
    };
    let metadata = |metadata: Value| bad(json!({"metadata": metadata}));
    for (line, code, named) in [
        (bad(json!({"id": "x".repeat(65)})), 40008, "got 65"),
        (bad(json!({"id": ""})), 40008, "empty"),
        (bad(json!({"namespace": "n".repeat(65)})), 40009, "bad"),
        (
            bad(json!({"values": [1.0]})),
            40012,
            "expected 32 dimensions, and got 1",
        ),
        (metadata(json!({"k": "v".repeat(10_233)})), 40016, "bad"),
        (metadata(json!({"a.b": 1})), 40018, "a.b"),
        (metadata(json!({"$a": 1})), 40018, "$a"),
        (metadata(json!({"": 1})), 40018, "bad"),
        (metadata(json!({"a": {"b\"": 1}})), 40018, "bad"),
        (bad(json!({"values": {"0": 1}})), 40023, "line 2"),
        (bad(json!({"id": 7})), 40023, "line 2"),
    ] {
        let answer = api.upsert(&[vector("good", 1.0), line.clone()]).await;
        assert_eq!(answer.failure(), (400, code), "{line}");
        assert!(answer.message().contains(named), "{}", answer.message());
        assert!(answer.message().starts_with("vectorize.upstream_error"));
    }
    assert_eq!(api.info().await["vectorCount"], 0);
    let largest = metadata(json!({"k": "v".repeat(10_232)}));
    let longest = bad(json!({"id": "x".repeat(64), "namespace": "n".repeat(64)}));
    api.upsert(&[largest, longest]).await.result();
    assert_eq!(api.info().await["vectorCount"], 2);
}

#[tokio::test]
async fn unparsable_lines_are_refused_or_discarded_as_asked() {
    let api = cosine(at_once()).await;
    let body = format!("{}\n{{nonsense\n\n{}\n", vector("a", 1.0), vector("b", 1.0));
    let path = format!("{INDEXES}/i/upsert");
    let answer = api.call(Method::POST, &path, NDJSON, body.clone()).await;
    assert_eq!(answer.failure(), (400, 40023));
    assert!(answer.message().contains("line 2"));
    let discarding = format!("{path}?unparsable-behavior=discard");
    api.call(Method::POST, &discarding, NDJSON, body)
        .await
        .result();
    assert_eq!(api.info().await["vectorCount"], 2);
    // Discarding is for lines that do not parse only.
    let short = json!({"id": "c", "values": [1]}).to_string();
    let answer = api.call(Method::POST, &discarding, NDJSON, short).await;
    assert_eq!(answer.failure(), (400, 40012));
    let surrogate = format!(
        r#"{{"id":"a","values":{},"metadata":{{"k":"\ud800"}}}}"#,
        values(&[1.0])
    );
    let answer = api.call(Method::POST, &path, NDJSON, surrogate).await;
    assert_eq!(answer.failure(), (400, 40023));
}

#[tokio::test]
async fn multipart_is_taken_under_the_name_vectors_only() {
    let api = cosine(at_once()).await;
    let form = |name: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"vectors.ndjson\"\r\n\
             Content-Type: application/x-ndjson\r\n\r\n{}\n{}\r\n--b--\r\n",
            vector("a", 1.0),
            vector("b", 1.0)
        )
    };
    let path = format!("{INDEXES}/i/insert");
    let content_type = "multipart/form-data; boundary=b";
    api.call(Method::POST, &path, content_type, form("vectors"))
        .await
        .result();
    assert_eq!(api.info().await["vectorCount"], 2);
    let answer = api
        .call(Method::POST, &path, content_type, form("other"))
        .await;
    assert_eq!(answer.failure(), (400, 1005));
    let answer = api
        .call(Method::POST, &path, content_type, "no multipart")
        .await;
    assert_eq!(answer.failure(), (400, 40023));
    let answer = api
        .call(Method::POST, &path, JSON, vector("c", 1.0).to_string())
        .await;
    assert_eq!(answer.failure(), (400, 1005));
}

#[tokio::test]
async fn five_thousand_vectors_are_taken_and_one_more_refuses_all() {
    let api = cosine(at_once()).await;
    let lines = |count: usize| {
        (0..count)
            .map(|id| vector(&id.to_string(), 1.0))
            .collect::<Vec<_>>()
    };
    assert_eq!(api.upsert(&lines(5_001)).await.status, 400);
    assert_eq!(api.info().await["vectorCount"], 0);
    api.upsert(&lines(5_000)).await.result();
    assert_eq!(api.info().await["vectorCount"], 5_000);
}

#[tokio::test]
async fn a_body_above_100_mb_is_refused_and_lenient_counts_in_powers_of_two() {
    let strict = cosine(at_once()).await;
    let path = format!("{INDEXES}/i/upsert");
    let padded = |bytes: usize| {
        let mut body = vector("a", 1.0).to_string();
        body.push_str(&" ".repeat(bytes - body.len()));
        body
    };
    let answer = strict
        .call(Method::POST, &path, NDJSON, padded(100_000_001))
        .await;
    assert_eq!(answer.failure(), (413, 10024));
    strict
        .call(Method::POST, &path, NDJSON, padded(100_000_000))
        .await
        .result();
    let lenient = cosine(lenient()).await;
    lenient
        .call(Method::POST, &path, NDJSON, padded(100_000_001))
        .await
        .result();
    let answer = lenient
        .call(Method::POST, &path, NDJSON, padded(104_857_601))
        .await;
    assert_eq!(answer.failure(), (413, 10024));
}

#[tokio::test]
async fn what_is_unsettled_about_vectors_is_refused_by_strict_and_taken_by_lenient() {
    let metadata =
        |metadata: Value| vec![json!({"id": "a", "values": values(&[1.0]), "metadata": metadata})];
    let cases = [
        metadata(json!({"k": null})),
        metadata(json!({"k": {"l": {"m": 1}}})),
        metadata(json!({"k": ["a", 1]})),
        metadata(json!({"k": [1, 2]})),
        vec![json!({"id": "a", "values": values(&[])})],
        vec![vector("a", 1.0), vector("a", 2.0)],
    ];
    for case in cases {
        let strict = cosine(at_once()).await;
        assert_eq!(strict.upsert(&case).await.status, 400, "{case:?}");
        assert_eq!(strict.info().await["vectorCount"], 0);
        let lenient = cosine(lenient()).await;
        lenient.upsert(&case).await.result();
        assert_eq!(lenient.info().await["vectorCount"], 1, "{case:?}");
    }
}

#[tokio::test]
async fn zero_vectors_are_only_in_doubt_under_cosine() {
    let api = served(at_once()).await.with_index("euclidean").await;
    api.upsert(&[json!({"id": "a", "values": values(&[])})])
        .await
        .result();
}

#[tokio::test]
async fn leniently_the_first_of_two_inserts_and_the_last_of_two_upserts_wins() {
    let api = cosine(lenient()).await;
    api.write("insert", &[vector("a", 1.0), vector("a", 2.0)])
        .await
        .result();
    api.upsert(&[vector("b", 1.0), vector("b", 2.0)])
        .await
        .result();
    let found = api.get_by_ids(&["a", "b"]).await;
    assert_eq!(found[0]["values"][0].as_f64(), Some(1.0));
    assert_eq!(found[1]["values"][0].as_f64(), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn mutations_are_applied_late_and_in_order() {
    let api = simulated(SandboxOptions {
        apply_delay: Duration::from_secs(10),
        ..Default::default()
    });
    let api = api.with_index("cosine").await;
    let first = api.upsert(&[vector("a", 1.0)]).await.result();
    tokio::time::advance(Duration::from_secs(4)).await;
    let second = api
        .upsert(&[vector("a", 2.0), vector("b", 1.0)])
        .await
        .result();
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(api.info().await["vectorCount"], 0);
    assert_eq!(api.get_by_ids(&["a"]).await, json!([]));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(
        api.info().await["processedUpToMutation"],
        first["mutationId"]
    );
    assert_eq!(
        api.get_by_ids(&["a", "b"]).await[0]["values"][0].as_f64(),
        Some(1.0)
    );
    tokio::time::advance(Duration::from_secs(4)).await;
    let info = api.info().await;
    assert_eq!(info["processedUpToMutation"], second["mutationId"]);
    assert_eq!(info["vectorCount"], 2);
    assert_eq!(
        api.get_by_ids(&["a"]).await[0]["values"][0].as_f64(),
        Some(2.0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_applies_at_most_a_thousand_mutations() {
    let api = simulated(SandboxOptions {
        budget: None,
        ..Default::default()
    });
    let api = api.with_index("cosine").await;
    for id in 0..1_001 {
        api.upsert(&[vector(&id.to_string(), 1.0)]).await.result();
    }
    tokio::time::advance(Duration::from_millis(200)).await;
    assert_eq!(api.info().await["vectorCount"], 1_000);
    tokio::time::advance(Duration::from_millis(200)).await;
    assert_eq!(api.info().await["vectorCount"], 1_001);
}
