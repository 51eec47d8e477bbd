use bytes::Bytes;

use super::*;
use crate::cloudflare::ApiError;
use crate::error::Kind;

/// The error of an upsert that is answered so, once.
async fn upsert_error(reply: Reply) -> ApiError {
    let script = Script::new([reply]);
    let error = docs(&script).upsert(Bytes::new()).await.unwrap_err();
    script.asked();
    error
}

fn case(error: &ApiError) -> &'static str {
    match error {
        ApiError::NotFound(_) => "not found",
        ApiError::DuplicateName(_) => "duplicate",
        ApiError::InvalidConfig(_) => "config",
        ApiError::BadRecord(_) => "record",
        ApiError::TooLarge(_) => "large",
        ApiError::CursorBroken(_) => "cursor",
        ApiError::Forbidden(_) => "forbidden",
        ApiError::Challenged(_) => "challenged",
        ApiError::BadAccount(_) => "account",
        ApiError::FreeAllowanceSpent(_) => "allowance",
        ApiError::NotEntitled(_) => "entitled",
        ApiError::Other(_) => "other",
        ApiError::RateLimited { .. } => "limited",
        ApiError::Http { .. } => "http",
        ApiError::BadAnswer { .. } => "answer",
    }
}

#[tokio::test(start_paused = true)]
async fn each_code_is_its_case_and_exit_code_at_once() {
    let rows = [
        (404, 3000, "", "not found", 1),
        (404, 10013, "", "not found", 1),
        (400, 3002, "", "duplicate", 1),
        (400, 10014, "", "duplicate", 1),
        (400, 3003, "", "config", 1),
        (400, 40008, "", "record", 1),
        (400, 40009, "", "record", 1),
        (400, 40010, "", "record", 1),
        (400, 40012, "", "record", 1),
        (400, 40016, "", "record", 1),
        (400, 40018, "", "record", 1),
        (400, 40023, "", "record", 1),
        (400, 10047, "", "record", 1),
        (413, 1, "", "large", 1),
        (400, 10024, "", "large", 1),
        (400, 40052, "", "cursor", 5),
        (401, 1, "", "forbidden", 6),
        (403, 1, "", "forbidden", 6),
        (400, 10000, "Authentication error", "forbidden", 6),
        (403, 10000, "Authentication error", "forbidden", 6),
        (400, 9109, "", "forbidden", 6),
        (400, 9106, "", "forbidden", 6),
        (403, 7403, "", "forbidden", 6),
        (404, 7003, "", "account", 2),
        (400, 7000, "", "account", 2),
        (429, 10048, "", "allowance", 5),
        (400, 10048, "", "allowance", 5),
        (400, 1005, "vectorize.not_entitled", "entitled", 6),
        (400, 1005, "vectorize.unknown_content_type", "other", 1),
        (405, 10000, "POST not allowed", "other", 1),
        (400, 40007, "too many ids in payload", "other", 1),
        (418, 1, "", "other", 1),
    ];
    for (status, code, message, expected, exit_code) in rows {
        let error = upsert_error(refused(status, code, message)).await;
        assert_eq!(case(&error), expected, "{status} {code} {message}");
        assert_eq!(Error::from(error).kind().exit_code(), exit_code, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn any_refusal_of_vectorizes_own_may_be_a_records_fault_but_for_a_few() {
    let rows = [
        (400, 40018, true),
        (400, 40001, true),
        (400, 40017, true),
        (422, 40099, true),
        (413, 1, true),
        (400, 40026, false),
        (400, 40100, false),
        (401, 40001, false),
        (403, 40001, false),
        (404, 3000, false),
        (400, 1005, false),
    ];
    for (status, code, expected) in rows {
        let error = upsert_error(refused(status, code, "")).await;
        assert_eq!(error.blames_a_record(), expected, "{status} {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_status_around_a_failure_is_the_failure() {
    let error = upsert_error(refused(200, 40012, "invalid vector")).await;
    assert_eq!(case(&error), "record");
}

#[tokio::test(start_paused = true)]
async fn complete_answers_of_another_form_are_bad_answers() {
    for body in [
        "[]",
        "{}",
        "7",
        r#"{"success":true}"#,
        r#"{"success":false}"#,
    ] {
        let error = upsert_error(json(200, body)).await;
        assert_eq!(case(&error), "answer", "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn failures_without_an_envelope_are_understood() {
    let two_fields = json(403, r#"{"code":10000,"error":"Authentication error"}"#);
    let error = upsert_error(two_fields).await;
    assert_eq!(case(&error), "forbidden");
    assert!(
        error
            .to_string()
            .contains("Authentication error (code 10000)")
    );

    let plain = json(400, r#"{"success":false,"errors":["just text"]}"#);
    let error = upsert_error(plain).await;
    assert_eq!(
        error.to_string(),
        "Cloudflare answered: just text, status 400"
    );

    let page = "<html><title>Just a moment...</title>";
    let challenge = json(403, page).header("cf-mitigated", "challenge");
    assert_eq!(case(&upsert_error(challenge).await), "challenged");

    let page = json(404, "<html>nothing here</html>");
    assert_eq!(case(&upsert_error(page).await), "other");
}

#[tokio::test(start_paused = true)]
async fn throttling_under_the_number_of_an_authentication_error_is_throttling() {
    for code in [10000, 971, 6100, 1] {
        let limited = refused(429, code, "slow down").header("retry-after", "1");
        let script = Script::new([limited, ok(r#"{"mutationId":"m"}"#)]);
        docs(&script).upsert(Bytes::new()).await.unwrap();
        assert_eq!(script.asked().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_cut_short_is_asked_for_again() {
    let cut = json(400, r#"{"success":false,"errors":[{"code":40"#);
    let script = Script::new([cut, refused(400, 40012, "")]);
    let error = docs(&script).upsert(Bytes::new()).await.unwrap_err();
    assert_eq!(case(&error), "record");
    script.asked();
}

#[tokio::test(start_paused = true)]
async fn the_operator_reads_what_failed_why_and_what_to_do() {
    let bad = refused(
        400,
        40012,
        "invalid vector for id=\"a\", expected 4 dimensions, got 3",
    );
    assert_eq!(
        rendered(upsert_error(bad).await),
        "could not upsert into the Vectorize index \"docs\": one item of the batch is refused, \
         and with it the whole batch\n  \
         because Cloudflare answered: invalid vector for id=\"a\", expected 4 dimensions, got 3 \
         (code 40012), status 400\n  \
         -> the answer names the first offender: choose other mapping options, or mend it in \
         the source; once something was written, both need a new folder (--dir) and --overwrite"
    );
    let forbidden = refused(403, 10000, "Authentication error");
    assert_eq!(
        rendered(upsert_error(forbidden).await),
        "could not upsert into the Vectorize index \"docs\": the API token is not valid or may \
         not do this\n  \
         because Cloudflare answered: Authentication error (code 10000), status 403\n  \
         -> use an API token with the permission \"Vectorize Write\" for this account \
         (the dashboard says \"Edit\" for \"Write\")"
    );
    let script = Script::new([refused(
        429,
        10048,
        "your account has reached the free limit",
    )]);
    let spent = ns1(&script).get_many(&["k".to_owned()]).await.unwrap_err();
    assert_eq!(
        rendered(spent),
        "could not read values from the KV namespace ns1: the account's free allowance for \
         today is spent\n  \
         because Cloudflare answered: your account has reached the free limit (code 10048), \
         status 429\n  \
         -> it resets at 00:00 UTC: run the same command again then, or move to a paid plan"
    );
}

#[tokio::test(start_paused = true)]
async fn exhausted_patience_stops_for_a_passing_reason() {
    let down = json(503, "<html>overloaded</html>");
    let script = Script::new(vec![down; 10]);
    let error = Error::from(docs(&script).info().await.unwrap_err());
    assert_eq!(error.kind(), Kind::Stopped);
    let text = rendered(error);
    assert!(
        text.contains("GET /accounts/acc/vectorize/v2/indexes/docs/info failed after 10 attempts")
    );
    assert!(text.contains("status 503, beginning: <html>overloaded</html>"));

    let limited = refused(429, 971, "slow down").header("retry-after", "2");
    let script = Script::new(vec![limited; 10]);
    let error = docs(&script).info().await.unwrap_err();
    assert_eq!(case(&error), "limited");
    let error = Error::from(error);
    assert_eq!(error.kind(), Kind::Stopped);
    assert!(rendered(error).contains("too many requests (status 429, retry after 2 s)"));
}

#[tokio::test(start_paused = true)]
async fn a_pause_longer_than_anyone_waits_stops_at_once() {
    let error = upsert_error(refused(429, 971, "").header("retry-after", "86400")).await;
    assert_eq!(case(&error), "limited");
}

#[tokio::test(start_paused = true)]
async fn of_errors_without_number_the_beginning_is_told() {
    let errors = "0,".repeat(100_000);
    let body = format!("{{\"success\":false,\"errors\":[{errors}0],\"result\":null}}");
    let error = upsert_error(json(400, body)).await;
    assert_eq!(case(&error), "other");
    let text = rendered(Error::from(error));
    assert!(text.contains("[0,0,0,0"), "{text}");
    assert!(text.len() < 1_000, "{} bytes", text.len());
}
