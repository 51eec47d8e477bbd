//! Envelope, routes, credentials, and what tools ask before they begin.

use axum::http::Method;
use cf_migrate::sandbox::SandboxOptions;
use serde_json::{Value, json};

use crate::support::{Api, INDEXES, NAMESPACES, at_once, served};

async fn guarded() -> Api {
    served(SandboxOptions {
        account_id: Some("acc".to_owned()),
        token: Some("t".to_owned()),
        ..at_once()
    })
    .await
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods_fail_with_an_envelope() {
    let api = served(at_once()).await;
    assert_eq!(api.get("/zones").await.failure(), (404, 7000));
    assert_eq!(
        api.get("/accounts/acc/vectorize/indexes").await.failure(),
        (404, 7003)
    );
    assert_eq!(api.delete(INDEXES).await.failure(), (405, 10405));
}

#[tokio::test]
async fn a_path_outside_the_api_gets_no_envelope() {
    let api = served(at_once()).await;
    let headers = [("authorization", "Bearer t")];
    let answer = api
        .try_call(Method::GET, "x/accounts", &headers, "")
        .await
        .unwrap();
    assert_eq!(answer.status, 404);
    assert!(serde_json::from_slice::<Value>(&answer.body).is_err());
}

#[tokio::test]
async fn credentials_are_checked_before_anything_else() {
    let api = guarded().await;
    let ask = async |path: &str, headers: &[(&str, &str)]| {
        let answer = api.try_call(Method::GET, path, headers, "").await.unwrap();
        answer.failure()
    };
    let bearer = |token| [("authorization", token)];
    assert_eq!(ask(INDEXES, &[]).await, (401, 10000));
    assert_eq!(ask(INDEXES, &bearer("Bearer wrong")).await, (401, 9109));
    let pair = [("x-auth-email", "a@b"), ("x-auth-key", "k")];
    assert_eq!(ask(INDEXES, &pair).await, (403, 9103));
    assert_eq!(
        ask("/user/tokens/verify", &bearer("Bearer wrong")).await,
        (401, 1000)
    );
    let elsewhere = INDEXES.replace("acc/", "other/");
    assert_eq!(ask(&elsewhere, &bearer("Bearer t")).await, (403, 9109));
    assert_eq!(api.get(INDEXES).await.result(), json!([]));
}

#[tokio::test]
async fn without_a_token_both_kinds_of_credentials_pass_for_any_account() {
    let api = served(at_once()).await;
    let path = NAMESPACES.replace("acc/", "anything/");
    for headers in [
        vec![("authorization", "Bearer whatever")],
        vec![("x-auth-email", "a@b"), ("x-auth-key", "k")],
    ] {
        let answer = api
            .try_call(Method::GET, &path, &headers, "")
            .await
            .unwrap();
        assert_eq!(answer.result(), json!([]));
    }
    let answer = api.try_call(Method::GET, &path, &[], "").await.unwrap();
    assert_eq!(answer.failure(), (401, 10000));
}

#[tokio::test]
async fn the_look_ups_of_other_tools_are_answered() {
    let api = guarded().await;
    let accounts = api.get("/accounts?page=1").await;
    assert_eq!(accounts.result()[0]["id"], "acc");
    assert_eq!(accounts.json()["result_info"]["total_count"], 1);
    assert_eq!(
        api.get("/memberships?page=1").await.result()[0]["account"]["id"],
        "acc"
    );
    assert_eq!(api.get("/accounts/acc").await.result()["id"], "acc");
    assert_eq!(
        api.get("/user/tokens/verify").await.result()["status"],
        "active"
    );
    assert_eq!(
        api.get("/accounts/acc/tokens/verify").await.result()["status"],
        "active"
    );
    assert!(api.get("/user").await.result()["email"].is_string());
}

#[tokio::test]
async fn vectorize_tells_the_limit_policy_and_kv_does_not() {
    let api = served(at_once()).await;
    let vectorize = api.get(INDEXES).await;
    assert_eq!(
        vectorize.headers["ratelimit-policy"],
        "\"default\";q=1200;w=300"
    );
    assert_eq!(vectorize.headers["ratelimit"], "\"default\";r=1199;t=1");
    assert!(!api.get(NAMESPACES).await.headers.contains_key("ratelimit"));
}
