use super::*;
use crate::cloudflare::{ApiError, KvPair, Unsuccessful};

fn keys(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn pair(key: &str) -> KvPair {
    KvPair {
        key: key.to_owned(),
        value: "[\"a\"]".to_owned(),
        expiration_ttl: None,
        expiration: None,
        metadata: None,
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_listed_page_by_page_even_over_an_empty_page() {
    let script = Script::new([
        json(
            200,
            r#"{"success":true,"result":[],"result_info":{"count":0,"cursor":"c+1"}}"#,
        ),
        json(
            200,
            r#"{"success":true,"result":[{"name":"file:a"},{"name":"file:b","expiration":1900000000,"metadata":{"x":1}}],
                "result_info":{"count":2,"cursor":""}}"#,
        ),
    ]);
    let kv = ns1(&script);
    let first = kv.list("file: ", None).await.unwrap();
    assert!(first.keys.is_empty());
    let last = kv.list("file: ", first.next.as_ref()).await.unwrap();
    assert_eq!(last.next, None);
    assert_eq!(
        (last.keys[0].name.as_str(), last.keys[0].expiration),
        ("file:a", None)
    );
    assert_eq!(last.keys[1].expiration, Some(1_900_000_000));
    assert_eq!(
        last.keys[1].metadata.as_ref().unwrap().to_string(),
        r#"{"x":1}"#
    );
    let asked = ["", "&cursor=c%2B1"]
        .map(|cursor| format!("GET {NAMESPACE}/keys?limit=1000&prefix=file%3A%20{cursor}"));
    assert_eq!(script.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn without_a_prefix_every_key_is_listed() {
    let script = Script::new([ok("[]")]);
    ns1(&script).list("", None).await.unwrap();
    assert_eq!(script.asked(), [format!("GET {NAMESPACE}/keys?limit=1000")]);
}

#[tokio::test(start_paused = true)]
async fn a_value_is_read_as_it_is_even_when_it_looks_like_a_failure() {
    let value = r#"{"success":false,"errors":[{"code":10009}]}"#;
    let script = Script::new([json(200, value), json(200, "")]);
    let kv = ns1(&script);
    assert_eq!(kv.get("file:a/b").await.unwrap().unwrap(), value);
    assert_eq!(kv.get("empty").await.unwrap().unwrap(), "");
    assert_eq!(
        script.asked()[0],
        format!("GET {NAMESPACE}/values/file%3Aa%2Fb")
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_key_is_none_but_a_missing_namespace_is_an_error() {
    let script = Script::new([
        refused(404, 10009, "get: 'key not found'"),
        refused(404, 10013, "namespace not found"),
        json(404, ""),
    ]);
    let kv = ns1(&script);
    assert_eq!(kv.get("k").await.unwrap(), None);
    assert!(matches!(kv.get("k").await, Err(ApiError::NotFound(_))));
    assert!(matches!(kv.get("k").await, Err(ApiError::Other(_))));
    for key in ["", ".", ".."] {
        assert_eq!(kv.get(key).await.unwrap(), None);
    }
    assert_eq!(script.asked().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn many_values_are_read_with_what_belongs_to_them() {
    let script = Script::new([ok(
        r#"{"values":{"a":{"value":"[1]","metadata":{"m":2},"expiration":1900000000},
            "b":{"value":"x","metadata":null},"c":null,"d":"bare"}}"#,
    )]);
    let values = ns1(&script)
        .get_many(&keys(&["a", "b", "c", "d", "e"]))
        .await;
    let values = values.unwrap();
    let a = values["a"].as_ref().unwrap();
    assert_eq!(
        (a.value.as_str(), a.expiration),
        ("[1]", Some(1_900_000_000))
    );
    assert_eq!(a.metadata.as_ref().unwrap().to_string(), r#"{"m":2}"#);
    assert_eq!(values["b"].as_ref().unwrap().metadata, None);
    assert_eq!((&values["c"], &values["e"]), (&None, &None));
    assert_eq!(values["d"].as_ref().unwrap().value, "bare");
    let body = r#"{"keys":["a","b","c","d","e"],"type":"text","withMetadata":true}"#;
    assert_eq!(
        script.asked(),
        [format!("POST {NAMESPACE}/bulk/get {body}")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_bulk_read_that_is_too_large_is_asked_for_in_parts() {
    let all = keys(&["a", "b", "c"]);
    let script = Script::new([
        refused(413, 10024, "payload too large"),
        ok(r#"{"values":{"a":"1"}}"#),
        ok(r#"{"values":{"b":"2","c":"3"}}"#),
    ]);
    let values = ns1(&script).get_many(&all).await.unwrap();
    assert_eq!(values.len(), 3);
    assert!(values.values().all(Option::is_some));
    script.asked();
    let script = Script::new([refused(413, 10024, "payload too large")]);
    let error = ns1(&script).get_many(&all[..1]).await.unwrap_err();
    assert!(matches!(error, ApiError::TooLarge(_)));
}

#[tokio::test(start_paused = true)]
async fn no_keys_need_no_call() {
    assert!(
        ns1(&Script::new([]))
            .get_many(&[])
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn pairs_are_written_without_what_they_do_not_have() {
    let script = Script::new([ok(r#"{"successful_key_count":2,"unsuccessful_keys":[]}"#)]);
    let full = KvPair {
        expiration_ttl: Some(60),
        expiration: Some(1_900_000_000),
        metadata: Some(serde_json::json!({ "m": 1 })),
        ..pair("b")
    };
    let left = ns1(&script).put_many(&[pair("a"), full]).await.unwrap();
    assert_eq!(left, Unsuccessful::default());
    let body = r#"[{"key":"a","value":"[\"a\"]"},{"key":"b","value":"[\"a\"]","expiration_ttl":60,"expiration":1900000000,"metadata":{"m":1}}]"#;
    assert_eq!(script.asked(), [format!("PUT {NAMESPACE}/bulk {body}")]);
}

#[tokio::test(start_paused = true)]
async fn keys_that_failed_are_handed_back_from_success_and_refusal_alike() {
    let partial = r#"{"successful_key_count":1,"unsuccessful_keys":["b"]}"#;
    let refusal = format!(r#"{{"success":false,"errors":[],"result":{partial}}}"#);
    let script = Script::new([ok(partial), json(400, refusal.clone()), json(200, refusal)]);
    let kv = ns1(&script);
    let both = keys(&["a", "b"]);
    for _ in 0..3 {
        let left = kv.delete_many(&both).await.unwrap();
        assert_eq!(left, Unsuccessful(keys(&["b"])));
    }
    let asked = format!(r#"POST {NAMESPACE}/bulk/delete ["a","b"]"#);
    assert_eq!(script.asked(), vec![asked; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_with_a_known_reason_is_not_a_partial_failure() {
    let body = r#"{"success":false,"errors":[{"code":10048,"message":"spent"}],
        "result":{"unsuccessful_keys":["a"]}}"#;
    let script = Script::new([json(429, body)]);
    let error = ns1(&script).put_many(&[pair("a")]).await.unwrap_err();
    assert!(matches!(error, ApiError::FreeAllowanceSpent(_)));
}

#[tokio::test(start_paused = true)]
async fn a_bulk_answer_may_have_no_result() {
    let script = Script::new([ok("null"), ok("{}"), json(204, "")]);
    let kv = ns1(&script);
    for _ in 0..3 {
        let left = kv.delete_many(&keys(&["a"])).await.unwrap();
        assert_eq!(left, Unsuccessful::default());
    }
    script.asked();
}
