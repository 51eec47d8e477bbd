//! KV: namespaces, and listing keys.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::support::{NAMESPACES, at_once, served};

#[tokio::test]
async fn a_namespace_is_made_read_renamed_and_removed() {
    let api = served(at_once()).await;
    let made = api.post(NAMESPACES, json!({"title": "one"})).await.result();
    let id = made["id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    assert_eq!(
        made,
        json!({"id": id, "title": "one", "supports_url_encoding": true})
    );
    let path = format!("{NAMESPACES}/{id}");
    assert_eq!(api.get(&path).await.result(), made);
    api.namespace("two").await;
    assert_eq!(
        api.put(&path, json!({"title": "two"})).await.failure(),
        (400, 10014)
    );
    assert_eq!(
        api.put(&path, json!({"title": "three"})).await.result()["title"],
        "three"
    );
    api.delete(&path).await.result();
    assert_eq!(api.get(&path).await.failure(), (404, 10013));
    assert_eq!(
        api.get(&format!("{path}/keys")).await.failure(),
        (404, 10013)
    );
    assert_eq!(
        api.get(&format!("{NAMESPACES}/short")).await.failure(),
        (400, 10011)
    );
}

#[tokio::test]
async fn titles_are_unique_and_not_empty() {
    let api = served(at_once()).await;
    api.namespace("one").await;
    let answer = api.post(NAMESPACES, json!({"title": "one"})).await;
    assert_eq!(answer.failure(), (400, 10014));
    for body in [json!({"title": ""}), json!({})] {
        assert_eq!(api.post(NAMESPACES, body).await.failure(), (400, 10019));
    }
}

#[tokio::test]
async fn namespaces_are_listed_in_pages_and_order() {
    let api = served(at_once()).await;
    for title in ["b", "c", "a"] {
        api.namespace(title).await;
    }
    let answer = api
        .get(&format!(
            "{NAMESPACES}?per_page=2&page=2&order=title&direction=desc"
        ))
        .await;
    assert_eq!(answer.result()[0]["title"], "a");
    let info = json!({"page": 2, "per_page": 2, "count": 1, "total_count": 3, "total_pages": 2});
    assert_eq!(answer.json()["result_info"], info);
    for (query, code) in [
        ("page=0", 10007),
        ("per_page=1001", 10008),
        ("order=x", 10043),
        ("direction=x", 10044),
    ] {
        let answer = api.get(&format!("{NAMESPACES}?{query}")).await;
        assert_eq!(answer.failure(), (400, code));
    }
}

#[tokio::test]
async fn keys_are_listed_by_bytes_in_pages_under_a_prefix() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    let mut names: Vec<String> = (0..25).map(|number| format!("file:{number}")).collect();
    names.push("file:é".to_owned());
    let others = ["file", "filf", "z"].map(str::to_owned);
    let pairs: Vec<_> = names
        .iter()
        .chain(&others)
        .map(|key| json!({"key": key, "value": "v"}))
        .collect();
    api.put(&format!("{kv}/bulk"), Value::Array(pairs))
        .await
        .result();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let encoded = utf8_percent_encode(&cursor, NON_ALPHANUMERIC);
        let answer = api
            .get(&format!(
                "{kv}/keys?limit=10&prefix=file%3A&cursor={encoded}"
            ))
            .await;
        let page = answer.result();
        let info = &answer.json()["result_info"];
        assert_eq!(info["count"], page.as_array().unwrap().len());
        seen.extend(
            page.as_array()
                .unwrap()
                .iter()
                .map(|key| key["name"].as_str().unwrap().to_owned()),
        );
        cursor = info["cursor"].as_str().unwrap().to_owned();
        if cursor.is_empty() {
            break;
        }
    }
    names.sort();
    assert_eq!(seen, names);
    let all = api.get(&format!("{kv}/keys?prefix=")).await.result();
    assert_eq!(all.as_array().unwrap().len(), 29);
}

#[tokio::test]
async fn bad_limits_and_cursors_are_refused() {
    let api = served(at_once()).await;
    let kv = api.namespace("n").await;
    for limit in ["9", "1001", "x"] {
        let answer = api.get(&format!("{kv}/keys?limit={limit}")).await;
        assert_eq!(answer.failure(), (400, 10028));
    }
    let answer = api.get(&format!("{kv}/keys?cursor=nonsense")).await;
    assert_eq!(answer.failure(), (400, 10041));
}
