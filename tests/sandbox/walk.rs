//! Walking over all ids on a snapshot.

use std::collections::BTreeSet;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use crate::support::{Answer, Api, INDEXES, at_once, served, simulated, vector};

async fn page(api: &Api, count: usize, cursor: Option<&str>) -> Answer {
    let cursor = cursor.map_or(String::new(), |cursor| {
        format!("&cursor={}", utf8_percent_encode(cursor, NON_ALPHANUMERIC))
    });
    api.get(&format!("{INDEXES}/i/list?count={count}{cursor}"))
        .await
}

fn ids(page: &Value) -> Vec<String> {
    let vectors = page["vectors"].as_array().unwrap();
    vectors
        .iter()
        .map(|one| one["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn filled(api: Api) -> Api {
    let api = api.with_index("cosine").await;
    for run in [["b", "d", "f"], ["a", "c", "e"]] {
        let lines: Vec<_> = run.iter().map(|id| vector(id, 1.0)).collect();
        api.upsert(&lines).await.result();
    }
    api
}

#[tokio::test]
async fn a_walk_sees_every_id_once_though_not_sorted_altogether() {
    let api = filled(served(at_once()).await).await;
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = page(&api, 2, cursor.as_deref()).await.result();
        assert_eq!(page["totalCount"], 6);
        assert_eq!(page["count"], ids(&page).len());
        seen.extend(ids(&page));
        if page["isTruncated"] == false {
            assert_eq!(page["nextCursor"], Value::Null);
            break;
        }
        assert!(page["cursorExpirationTimestamp"].is_string());
        cursor = Some(page["nextCursor"].as_str().unwrap().to_owned());
    }
    let distinct: BTreeSet<_> = seen.iter().cloned().collect();
    assert_eq!((seen.len(), distinct.len()), (6, 6));
    assert!(!seen.is_sorted());
}

#[tokio::test]
async fn a_walk_does_not_see_later_writes() {
    let api = filled(served(at_once()).await).await;
    let first = page(&api, 2, None).await.result();
    let path = format!("{INDEXES}/i/delete_by_ids");
    api.post(&path, json!({"ids": ["a", "f"]})).await.result();
    api.upsert(&[vector("c", 2.0), vector("z", 1.0)])
        .await
        .result();
    assert_eq!(api.info().await["vectorCount"], 5);
    let rest = page(&api, 1_000, first["nextCursor"].as_str())
        .await
        .result();
    let mut seen = [ids(&first), ids(&rest)].concat();
    seen.sort();
    assert_eq!(seen, ["a", "b", "c", "d", "e", "f"]);
    assert_eq!(rest["totalCount"], 6);
    let mut now = ids(&page(&api, 1_000, None).await.result());
    now.sort();
    assert_eq!(now, ["b", "c", "d", "e", "z"]);
}

#[tokio::test]
async fn a_cursor_must_be_encoded() {
    let api = filled(served(at_once()).await).await;
    let first = page(&api, 2, None).await.result();
    let cursor = first["nextCursor"].as_str().unwrap();
    let answer = api.get(&format!("{INDEXES}/i/list?cursor={cursor}")).await;
    assert_eq!(answer.failure(), (400, 40052));
    assert_eq!(
        page(&api, 2, Some("nonsense")).await.failure(),
        (400, 40052)
    );
    page(&api, 2, Some(cursor)).await.result();
}

#[tokio::test(start_paused = true)]
async fn a_cursor_lives_as_long_as_it_said() {
    let api = simulated(at_once());
    let api = filled(api).await;
    let first = page(&api, 2, None).await.result();
    let cursor = first["nextCursor"].as_str().unwrap();
    tokio::time::advance(Duration::from_secs(599)).await;
    page(&api, 2, Some(cursor)).await.result();
    tokio::time::advance(Duration::from_secs(601)).await;
    assert_eq!(page(&api, 2, Some(cursor)).await.failure(), (400, 40052));
}

#[tokio::test]
async fn a_page_has_1_to_1000_ids_and_100_by_default() {
    let api = served(at_once()).await.with_index("cosine").await;
    let lines: Vec<_> = (0..101).map(|id| vector(&id.to_string(), 1.0)).collect();
    api.upsert(&lines).await.result();
    let default = api.get(&format!("{INDEXES}/i/list")).await.result();
    assert_eq!(default["count"], 100);
    for count in [0, 1_001] {
        assert_eq!(page(&api, count, None).await.status, 400);
    }
}
