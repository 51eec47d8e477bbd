//! KV: single values, metadata, expiry, bulk calls, stale answers.

use std::time::Duration;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cf_migrate::sandbox::SandboxOptions;
use serde_json::{Value, json};

use crate::support::{Api, at_once, lenient, served, simulated};

const TEXT: &str = "text/plain;charset=UTF-8";

async fn write(api: &Api, path: &str, value: &str) {
    api.call(Method::PUT, path, TEXT, value.to_owned())
        .await
        .result();
}

#[tokio::test]
async fn bytes_come_back_raw_and_keys_are_decoded() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    let bytes = vec![0, 255, 10, 128];
    let path = format!("{kv}/values/file%3A%2Fa%20b%C3%A9");
    api.call(Method::PUT, &path, TEXT, bytes.clone())
        .await
        .result();
    let answer = api.get(&path).await;
    assert_eq!((answer.status, answer.body.to_vec()), (200, bytes));
    let keys = api.get(&format!("{kv}/keys")).await.result();
    assert_eq!(keys, json!([{"name": "file:/a bé"}]));
    assert_eq!(
        api.get(&format!("{kv}/metadata/file%3A%2Fa%20b%C3%A9"))
            .await
            .result(),
        Value::Null
    );
}

#[tokio::test]
async fn a_missing_key_is_not_found_and_deleting_it_succeeds() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    assert_eq!(
        api.get(&format!("{kv}/values/k")).await.failure(),
        (404, 10009)
    );
    assert_eq!(
        api.get(&format!("{kv}/metadata/k")).await.failure(),
        (404, 10009)
    );
    api.delete(&format!("{kv}/values/k")).await.result();
    write(&api, &format!("{kv}/values/k"), "v").await;
    api.delete(&format!("{kv}/values/k")).await.result();
    assert_eq!(
        api.get(&format!("{kv}/values/k")).await.failure(),
        (404, 10009)
    );
}

#[tokio::test]
async fn multipart_brings_value_and_metadata() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    let body = "--b\r\nContent-Disposition: form-data; name=\"value\"\r\n\r\nhello\r\n\
                --b\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n{\"k\":1}\r\n--b--\r\n";
    let content_type = "multipart/form-data; boundary=b";
    api.call(Method::PUT, &format!("{kv}/values/k"), content_type, body)
        .await
        .result();
    assert_eq!(api.get(&format!("{kv}/values/k")).await.body, "hello");
    assert_eq!(
        api.get(&format!("{kv}/metadata/k")).await.result(),
        json!({"k": 1})
    );
    let keys = api.get(&format!("{kv}/keys")).await.result();
    assert_eq!(keys, json!([{"name": "k", "metadata": {"k": 1}}]));
    let without = body.replace("\"value\"", "\"other\"");
    let answer = api
        .call(
            Method::PUT,
            &format!("{kv}/values/j"),
            content_type,
            without,
        )
        .await;
    assert_eq!(answer.failure(), (400, 10012));
}

#[tokio::test]
async fn keys_values_and_metadata_have_their_limits() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    let put = async |key: &str, bytes: usize| {
        let path = format!("{kv}/values/{key}");
        api.call(Method::PUT, &path, TEXT, vec![b'x'; bytes]).await
    };
    put(&"k".repeat(512), 25 * 1024 * 1024).await.result();
    assert_eq!(put(&"k".repeat(513), 1).await.failure(), (414, 10030));
    assert_eq!(put("v", 25 * 1024 * 1024 + 1).await.failure(), (413, 10024));
    let pair = |key: &str, bytes: usize| json!([{"key": key, "value": "v", "metadata": "m".repeat(bytes)}]);
    let bulk = format!("{kv}/bulk");
    api.put(&bulk, pair("a", 1_022)).await.result();
    assert_eq!(
        api.put(&bulk, pair("a", 1_023)).await.failure(),
        (413, 10047)
    );
    for key in ["", ".", ".."] {
        assert_eq!(api.put(&bulk, pair(key, 1)).await.failure(), (400, 10042));
    }
}

#[tokio::test(start_paused = true)]
async fn entries_expire_and_too_short_a_life_is_refused() {
    let api = simulated(at_once());
    let kv = api.namespace("n").await;
    let put = async |query: &str| {
        let path = format!("{kv}/values/k{query}");
        let answer = api.call(Method::PUT, &path, TEXT, "v").await;
        tokio::time::advance(Duration::from_secs(1)).await;
        answer
    };
    assert_eq!(put("?expiration_ttl=59").await.failure(), (400, 10034));
    assert_eq!(put("?expiration=1800000030").await.failure(), (400, 10033));
    assert_eq!(put("?expiration=x").await.failure(), (400, 10033));
    put("?expiration_ttl=60&expiration=1800009999")
        .await
        .result();
    let answer = api.get(&format!("{kv}/values/k")).await;
    assert_eq!(answer.headers["expiration"], "1800000063");
    let keys = api.get(&format!("{kv}/keys")).await.result();
    assert_eq!(keys[0]["expiration"], 1_800_000_063_u64);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(
        api.get(&format!("{kv}/values/k")).await.failure(),
        (404, 10009)
    );
    assert_eq!(api.get(&format!("{kv}/keys")).await.result(), json!([]));
}

#[tokio::test(start_paused = true)]
async fn strictly_a_key_takes_one_single_write_a_second() {
    let api = simulated(at_once());
    let kv = api.namespace("n").await;
    let path = format!("{kv}/values/k");
    write(&api, &path, "1").await;
    let answer = api.call(Method::PUT, &path, TEXT, "2").await;
    assert_eq!(answer.failure(), (429, 10022));
    assert_eq!(answer.headers["retry-after"], "1");
    api.put(&format!("{kv}/bulk"), json!([{"key": "k", "value": "3"}]))
        .await
        .result();
    tokio::time::advance(Duration::from_secs(1)).await;
    write(&api, &path, "4").await;
    let free = simulated(lenient());
    let kv = free.namespace("n").await;
    for value in ["1", "2"] {
        write(&free, &format!("{kv}/values/k"), value).await;
    }
}

#[tokio::test]
async fn bulk_put_get_and_delete_go_together() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    let pairs = json!([
        {"key": "text", "value": "t", "metadata": {"m": 1}, "expiration_ttl": 3600},
        {"key": "bytes", "value": STANDARD.encode([0, 255]), "base64": true},
        {"key": "json", "value": "[1,2]"},
    ]);
    let done = api.put(&format!("{kv}/bulk"), pairs).await.result();
    assert_eq!(
        done,
        json!({"successful_key_count": 3, "unsuccessful_keys": []})
    );
    assert_eq!(
        api.get(&format!("{kv}/values/bytes")).await.body.to_vec(),
        [0, 255]
    );
    let get = format!("{kv}/bulk/get");
    let found = api
        .post(&get, json!({"keys": ["text", "none"]}))
        .await
        .result();
    assert_eq!(found, json!({"values": {"text": "t", "none": null}}));
    let found = api
        .post(&get, json!({"keys": ["json"], "type": "json"}))
        .await
        .result();
    assert_eq!(found["values"]["json"], json!([1, 2]));
    let found = api
        .post(&get, json!({"keys": ["text"], "withMetadata": true}))
        .await
        .result();
    assert_eq!(found["values"]["text"]["metadata"], json!({"m": 1}));
    assert!(found["values"]["text"]["expiration"].is_number());
    let done = api
        .post(&format!("{kv}/bulk/delete"), json!(["text", "none"]))
        .await
        .result();
    assert_eq!(done["successful_key_count"], 2);
    let old = api
        .call(
            Method::DELETE,
            &format!("{kv}/bulk"),
            "application/json",
            r#"["json"]"#,
        )
        .await;
    old.result();
    let keys = api.get(&format!("{kv}/keys")).await.result();
    assert_eq!(keys, json!([{"name": "bytes"}]));
}

#[tokio::test]
async fn bulk_limits_are_enforced() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    let pairs = |count: usize| {
        let pairs = (0..count).map(|key| json!({"key": key.to_string(), "value": "v"}));
        Value::Array(pairs.collect())
    };
    let keys = |count: usize| json!((0..count).map(|key| key.to_string()).collect::<Vec<_>>());
    api.put(&format!("{kv}/bulk"), pairs(10_000)).await.result();
    assert_eq!(
        api.put(&format!("{kv}/bulk"), pairs(10_001)).await.status,
        400
    );
    assert_eq!(
        api.put(&format!("{kv}/bulk"), json!([])).await.result()["successful_key_count"],
        0
    );
    assert_eq!(
        api.put(&format!("{kv}/bulk"), json!({"key": "k"}))
            .await
            .failure(),
        (400, 10012)
    );
    let bad = json!([{"key": "k", "value": "!", "base64": true}]);
    assert_eq!(
        api.put(&format!("{kv}/bulk"), bad).await.failure(),
        (400, 10012)
    );
    assert_eq!(
        api.post(&format!("{kv}/bulk/delete"), keys(10_001))
            .await
            .status,
        400
    );
    api.post(&format!("{kv}/bulk/get"), json!({"keys": keys(100)}))
        .await
        .result();
    for count in [0, 101] {
        let answer = api
            .post(&format!("{kv}/bulk/get"), json!({"keys": keys(count)}))
            .await;
        assert_eq!(answer.failure(), (400, 10029));
    }
    let huge = format!("[{}]", " ".repeat(100_000_000));
    let answer = api
        .call(Method::PUT, &format!("{kv}/bulk"), "application/json", huge)
        .await;
    assert_eq!(answer.failure(), (413, 10024));
}

#[tokio::test]
async fn the_same_key_twice_in_a_bulk_put_is_refused() {
    let pair = |value: &str| json!({"key": "k", "value": value});
    for (options, same, different) in [(at_once(), 400, 400), (lenient(), 200, 400)] {
        let api = served(options).await;
        let bulk = format!("{}/bulk", api.namespace("n").await);
        assert_eq!(
            api.put(&bulk, json!([pair("a"), pair("a")])).await.status,
            same
        );
        assert_eq!(
            api.put(&bulk, json!([pair("a"), pair("b")])).await.status,
            different
        );
    }
}

#[tokio::test(start_paused = true)]
async fn lists_values_and_absences_may_be_stale_but_only_so_long() {
    let api = simulated(SandboxOptions {
        stale: Duration::from_secs(60),
        ..at_once()
    });
    let kv = api.namespace("n").await;
    let bulk = format!("{kv}/bulk");
    let value = async |key: &str| {
        let answer = api.get(&format!("{kv}/values/{key}")).await;
        (answer.status == 200).then(|| String::from_utf8(answer.body.to_vec()).unwrap())
    };
    let listed = async || {
        let keys = api.get(&format!("{kv}/keys")).await.result();
        keys.as_array().unwrap().len()
    };
    api.put(&bulk, json!([{"key": "a", "value": "1"}]))
        .await
        .result();
    assert_eq!(value("a").await.unwrap(), "1");
    assert_eq!((value("absent").await, listed().await), (None, 1));
    let later = json!([{"key": "a", "value": "2"}, {"key": "absent", "value": "x"}, {"key": "unread", "value": "y"}]);
    api.put(&bulk, later).await.result();
    tokio::time::advance(Duration::from_secs(59)).await;
    assert_eq!(value("a").await.unwrap(), "1");
    assert_eq!((value("absent").await, listed().await), (None, 1));
    assert_eq!(value("unread").await.unwrap(), "y");
    let prefixed = api.get(&format!("{kv}/keys?prefix=a")).await.result();
    assert_eq!(prefixed.as_array().unwrap().len(), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(value("a").await.unwrap(), "2");
    assert_eq!(value("absent").await.unwrap(), "x");
    assert_eq!(listed().await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_key_may_be_read_for_a_while() {
    let api = simulated(SandboxOptions {
        stale: Duration::from_secs(60),
        ..at_once()
    });
    let kv = api.namespace("n").await;
    write(&api, &format!("{kv}/values/a"), "1").await;
    assert_eq!(api.get(&format!("{kv}/values/a")).await.status, 200);
    tokio::time::advance(Duration::from_secs(30)).await;
    api.delete(&format!("{kv}/values/a")).await.result();
    assert_eq!(api.get(&format!("{kv}/values/a")).await.status, 200);
    tokio::time::advance(Duration::from_secs(30)).await;
    assert_eq!(api.get(&format!("{kv}/values/a")).await.status, 404);
}
