use std::time::Duration;

use bytes::Bytes;

use super::*;
use crate::clock::Clock;
use crate::cloudflare::{ApiError, ListCursor};
use crate::record::{Metric, VectorId};

fn ids(texts: &[&str]) -> Vec<VectorId> {
    let ids = texts.iter().map(|text| VectorId::new(*text).unwrap());
    ids.collect()
}

#[tokio::test(start_paused = true)]
async fn a_description_is_read() {
    let script = Script::new([ok(
        r#"{"name":"docs","description":"","config":{"dimensions":1536,"metric":"dot-product"},
            "created_on":"2026-01-02T03:04:05Z","modified_on":"x"}"#,
    )]);
    let found = docs(&script).describe().await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.dimensions), ("docs", 1536));
    assert_eq!(found.metric, Metric::DotProduct);
    assert_eq!(found.created_on.as_deref(), Some("2026-01-02T03:04:05Z"));
    assert_eq!(script.asked(), [format!("GET {INDEX}")]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_index_is_none_by_code_or_name_whatever_the_status() {
    for status in [400, 404, 410, 500, 200] {
        for reply in [
            refused(
                status,
                3000,
                "vectorize.index.not_found - Index name \"docs\"",
            ),
            refused(
                status,
                3005,
                "vectorize.index.deleted - Index name \"docs\"",
            ),
            refused(
                status,
                99_999,
                "vectorize.index.not_found - Index name \"docs\"",
            ),
        ] {
            let script = Script::new([reply]);
            assert_eq!(docs(&script).describe().await.unwrap(), None, "{status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_404_without_a_reason_is_not_taken_for_a_missing_index() {
    let script = Script::new([json(404, "")]);
    let error = docs(&script).describe().await.unwrap_err();
    assert!(matches!(error, ApiError::Other(_)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn the_state_of_a_fresh_index_has_no_mutation() {
    let script = Script::new([
        ok(r#"{"dimensions":32,"vectorCount":0,"processedUpToMutation":null}"#),
        ok("{}"),
        ok(r#"{"vectorCount":7,"processedUpToMutation":"6a1c-77","processedUpToDatetime":"z"}"#),
    ]);
    let index = docs(&script);
    let fresh = index.info().await.unwrap();
    assert_eq!((fresh.dimensions, fresh.vector_count), (Some(32), Some(0)));
    assert_eq!(fresh.processed_up_to, None);
    // What is not said is not zero.
    assert_eq!(index.info().await.unwrap().vector_count, None);
    let later = index.info().await.unwrap();
    assert_eq!(later.vector_count, Some(7));
    assert_eq!(later.processed_up_to.unwrap().as_str(), "6a1c-77");
    assert_eq!(script.asked(), vec![format!("GET {INDEX}/info"); 3]);
}

#[tokio::test(start_paused = true)]
async fn an_upsert_sends_the_lines_as_they_are() {
    let script = Script::new([ok(r#"{"mutationId":"m-1"}"#)]);
    let lines = Bytes::from("{\"id\":\"a\",\"values\":[1]}\n");
    let mutation = docs(&script).upsert(lines).await.unwrap();
    assert_eq!(mutation.as_str(), "m-1");
    assert_eq!(
        script.first_headers()["content-type"],
        "application/x-ndjson"
    );
    let asked = format!("POST {INDEX}/upsert {{\"id\":\"a\",\"values\":[1]}}");
    assert_eq!(script.asked(), [asked]);
}

#[tokio::test(start_paused = true)]
async fn an_upsert_whose_answer_was_lost_or_broken_is_sent_again() {
    let script = Script::new([
        Reply::Lost,
        json(502, "<html>bad gateway</html>").header("content-type", "text/html"),
        json(200, r#"{"success":true,"result":{"mutation"#),
        json(200, ""),
        refused(500, 40023, "vectorize.upstream_error - try again"),
        ok(r#"{"mutationId":"m-2"}"#),
    ]);
    let mutation = docs(&script).upsert(Bytes::new()).await.unwrap();
    assert_eq!(mutation.as_str(), "m-2");
    assert_eq!(script.asked().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn an_accepted_write_without_a_mutation_id_is_a_bad_answer() {
    for result in [r#"{"mutationId":""}"#, "{}", "null"] {
        let script = Script::new([ok(result)]);
        let error = docs(&script).upsert(Bytes::new()).await.unwrap_err();
        assert!(matches!(error, ApiError::BadAnswer { .. }), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn vectors_come_back_with_exact_floats_and_absent_parts_as_none() {
    let script = Script::new([ok(r#"[
        {"id":"a","values":[58.79999923706055,-0,1e-45],"namespace":"t","metadata":{"n":12345678901234567890.5}},
        {"id":"b","values":[],"namespace":null,"metadata":null},
        {"id":"c","values":[],"namespace":""}]"#)]);
    let stored = docs(&script)
        .get_by_ids(&ids(&["a", "b", "ü"]))
        .await
        .unwrap();
    let bits: Vec<_> = stored[0]
        .values
        .iter()
        .map(|value| value.to_bits())
        .collect();
    assert_eq!(bits, [58.8_f32.to_bits(), (-0.0_f32).to_bits(), 1]);
    assert_eq!(stored[0].namespace.as_deref(), Some("t"));
    let metadata = stored[0].metadata.as_ref().unwrap();
    assert_eq!(metadata["n"].to_string(), "12345678901234567890.5");
    for bare in &stored[1..] {
        assert_eq!((&bare.namespace, &bare.metadata), (&None, &None));
    }
    let asked = format!(r#"POST {INDEX}/get_by_ids {{"ids":["a","b","ü"]}}"#);
    assert_eq!(script.asked(), [asked]);
}

#[tokio::test(start_paused = true)]
async fn vectors_with_something_else_for_a_number_are_a_bad_answer() {
    let script = Script::new([ok(r#"[{"id":"a","values":[null]}]"#)]);
    let error = docs(&script).get_by_ids(&ids(&["a"])).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the answer should be an array of vectors")
    );
}

#[tokio::test(start_paused = true)]
async fn deleting_names_the_ids() {
    let script = Script::new([ok(r#"{"mutationId":"m-3"}"#)]);
    let mutation = docs(&script)
        .delete_by_ids(&ids(&["a", "b"]))
        .await
        .unwrap();
    assert_eq!(mutation.as_str(), "m-3");
    let asked = format!(r#"POST {INDEX}/delete_by_ids {{"ids":["a","b"]}}"#);
    assert_eq!(script.asked(), [asked]);
}

#[tokio::test(start_paused = true)]
async fn a_walk_goes_on_with_the_encoded_cursor_and_ends_when_told() {
    let script = Script::new([
        ok(
            r#"{"count":2,"totalCount":3,"isTruncated":true,"nextCursor":"a+b/c=","vectors":[{"id":"x"},{"id":"y"}]}"#,
        ),
        ok(
            r#"{"count":1,"totalCount":3,"isTruncated":false,"nextCursor":null,"vectors":[{"id":"z"}]}"#,
        ),
    ]);
    let index = docs(&script);
    let first = index.list(None).await.unwrap();
    assert_eq!(
        (first.ids.as_slice(), first.total),
        (&["x".into(), "y".into()][..], Some(3))
    );
    let last = index.list(first.next.as_ref()).await.unwrap();
    assert_eq!((last.ids.as_slice(), last.next), (&["z".into()][..], None));
    let pages = ["", "&cursor=a%2Bb%2Fc%3D"];
    let asked = pages.map(|cursor| format!("GET {INDEX}/list?count=1000{cursor}"));
    assert_eq!(script.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn a_truncated_page_without_a_cursor_is_not_the_end() {
    let script = Script::new([ok(r#"{"isTruncated":true,"vectors":[]}"#)]);
    let error = docs(&script).list(None).await.unwrap_err();
    assert!(matches!(error, ApiError::BadAnswer { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_broken_cursor_is_told_apart() {
    let broken = "List vectors cursor appears to be corrupted";
    let script = Script::new([refused(400, 40052, broken)]);
    let cursor = ListCursor::new("c");
    let error = docs(&script).list(cursor.as_ref()).await.unwrap_err();
    assert!(matches!(error, ApiError::CursorBroken(_)));
    assert!(script.asked()[0].ends_with("cursor=c"));
}

#[tokio::test(start_paused = true)]
async fn vectorizes_own_limiter_is_waited_out_without_a_long_pause() {
    for status in [400, 429] {
        let script = Script::new([
            refused(status, 40041, "too many requests"),
            refused(status, 40014, "too many requests"),
            ok(r#"{"mutationId":"m"}"#),
        ]);
        let account = account(&script);
        let index = account.vectorize(&IndexName::new("docs").unwrap());
        let clock = Clock::real();
        let began = clock.now();
        index.upsert(Bytes::new()).await.unwrap();
        assert!(clock.now() - began < Duration::from_secs(5));
        assert_eq!(account.counters().rate_limited, 2);
        assert_eq!(script.asked().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn an_index_name_is_encoded() {
    let script = Script::new([refused(404, 3000, "")]);
    let name = IndexName::new("a b/ü").unwrap();
    account(&script).vectorize(&name).describe().await.unwrap();
    let asked = "GET /client/v4/accounts/acc/vectorize/v2/indexes/a%20b%2F%C3%BC";
    assert_eq!(script.asked(), [asked]);
}
