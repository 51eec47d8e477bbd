use super::*;
use crate::cloudflare::ApiError;
use crate::record::{Dimensions, Metric};

const ROOT: &str = "/client/v4/accounts/acc";
const DESCRIPTION: &str = r#"{"name":"docs","config":{"dimensions":768,"metric":"cosine"}}"#;
const TAKEN: &str = "vectorize.index.duplicate_name - Index name \"docs\"";

async fn create(script: &Script) -> Result<crate::cloudflare::IndexDescription, ApiError> {
    let name = IndexName::new("docs").unwrap();
    let dimensions = Dimensions::new(768).unwrap();
    account(script)
        .create_index(&name, dimensions, Metric::Cosine)
        .await
}

#[tokio::test(start_paused = true)]
async fn an_index_is_created_with_a_nested_config() {
    let script = Script::new([ok(DESCRIPTION)]);
    assert_eq!(create(&script).await.unwrap().dimensions, 768);
    let body = r#"{"config":{"dimensions":768,"metric":"cosine"},"name":"docs"}"#;
    assert_eq!(
        script.asked(),
        [format!("POST {ROOT}/vectorize/v2/indexes {body}")]
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_taken_before_is_a_duplicate() {
    let script = Script::new([refused(400, 3002, TAKEN)]);
    let error = create(&script).await.unwrap_err();
    assert!(matches!(error, ApiError::DuplicateName(_)));
    script.asked();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_for_too_many_calls_does_not_make_a_taken_name_ours() {
    let limited = json(429, "").header("retry-after", "1");
    let script = Script::new([limited, refused(400, 3002, TAKEN)]);
    let error = create(&script).await.unwrap_err();
    assert!(matches!(error, ApiError::DuplicateName(_)));
    script.asked();
}

#[tokio::test(start_paused = true)]
async fn an_index_made_by_an_attempt_whose_answer_was_lost_is_ours() {
    for lost in [Reply::Lost, json(504, ""), Reply::Silent] {
        let taken = refused(400, 3002, TAKEN);
        let script = Script::new([lost, json(502, ""), taken, ok(DESCRIPTION)]);
        assert_eq!(create(&script).await.unwrap().name, "docs");
        assert!(script.asked()[3].starts_with("GET "));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_creation_that_was_not_applied_is_repeated() {
    let script = Script::new([Reply::Lost, ok(DESCRIPTION)]);
    create(&script).await.unwrap();
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_with_another_form_is_never_ours() {
    let other = DESCRIPTION.replace("768", "512");
    let script = Script::new([Reply::Lost, refused(400, 3002, TAKEN), ok(&other)]);
    let error = create(&script).await.unwrap_err();
    assert!(matches!(error, ApiError::DuplicateName(_)));
    script.asked();
}

fn page(ids: std::ops::Range<usize>, total: usize) -> Reply {
    let items: Vec<_> = ids
        .map(|id| serde_json::json!({ "id": format!("{id:032x}"), "title": format!("t{id}") }))
        .collect();
    let items = serde_json::Value::from(items);
    json(
        200,
        format!(r#"{{"success":true,"result":{items},"result_info":{{"total_count":{total}}}}}"#),
    )
}

#[tokio::test(start_paused = true)]
async fn namespaces_are_listed_to_the_last_page() {
    let script = Script::new([page(0..1000, 1003), page(1000..1003, 1003)]);
    let namespaces = account(&script).kv_namespaces().await.unwrap();
    assert_eq!(namespaces.len(), 1003);
    assert_eq!(namespaces[1002].title, "t1002");
    let asked =
        [1, 2].map(|page| format!("GET {ROOT}/storage/kv/namespaces?page={page}&per_page=1000"));
    assert_eq!(script.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn namespaces_without_a_total_end_with_the_first_short_page() {
    let script = Script::new([ok(r#"[{"id":"abc","title":"t"}]"#)]);
    let namespaces = account(&script).kv_namespaces().await.unwrap();
    assert_eq!(namespaces[0].id.as_str(), "abc");
    let script = Script::new([ok("[]")]);
    assert!(account(&script).kv_namespaces().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_is_created_once_though_the_answer_was_lost() {
    let taken = refused(
        400,
        10014,
        "a namespace with this account ID and title already exists",
    );
    let script = Script::new([Reply::Lost, taken.clone(), page(0..3, 3)]);
    let made = account(&script).create_kv_namespace("t2").await.unwrap();
    assert_eq!(made.id.as_str(), format!("{:032x}", 2));
    let asked = script.asked();
    let create = format!(r#"POST {ROOT}/storage/kv/namespaces {{"title":"t2"}}"#);
    assert_eq!(asked[..2], [create.clone(), create]);

    let script = Script::new([taken]);
    let error = account(&script)
        .create_kv_namespace("t2")
        .await
        .unwrap_err();
    assert!(matches!(error, ApiError::DuplicateName(_)));
}
