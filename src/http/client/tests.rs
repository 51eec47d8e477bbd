//! The loop, on simulated time, against a scripted service in this process.

use std::error::Error as _;

use http::Method;

use super::*;
use crate::http::request::Repeat;
use crate::http::retry::judge_status;
use crate::http::testing::{Reply, Script, json};

fn get() -> Request {
    Request::new(Method::GET, "/things?cursor=opaque")
}

fn post() -> Request {
    Request::new(Method::POST, "/things").body("application/json", "{}")
}

#[tokio::test(start_paused = true)]
async fn a_request_goes_out_with_prefix_token_type_and_body() {
    let script = Script::new([json(200, "{}")]);
    let answer = script.client().call(post(), judge_status).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"{}"[..]));
    let headers = script.first_headers();
    assert_eq!(headers["authorization"], "Bearer t0ken");
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(script.asked(), ["POST /client/v4/things {}"]);
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_repeated_and_counted() {
    let script = Script::new([json(500, ""), Reply::Lost, json(408, ""), json(200, "{}")]);
    let client = script.client();
    client.call(post(), judge_status).await.unwrap();
    assert_eq!(script.asked(), ["POST /client/v4/things {}"; 4]);
    let counted = Counters {
        waited: 0,
        total: 4,
        retried: 3,
        rate_limited: 0,
    };
    assert_eq!(client.counters(), counted);
}

#[tokio::test(start_paused = true)]
async fn what_is_final_is_returned_at_once() {
    let script = Script::new([json(404, "gone")]);
    let answer = script.client().call(get(), judge_status).await.unwrap();
    assert_eq!(answer.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_an_unsafe_request_comes_back_to_the_caller() {
    for reply in [Reply::Lost, json(502, ""), Reply::Silent] {
        let script = Script::new([reply]);
        let request = post().repeat(Repeat::Unsafe);
        let error = script
            .client()
            .call(request, judge_status)
            .await
            .unwrap_err();
        assert!(error.may_have_applied());
        assert_eq!(script.asked().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_unsafe_request_is_repeated_because_it_was_not_applied() {
    let refused = json(429, "").header("retry-after", "1");
    let script = Script::new([refused, json(200, "{}")]);
    let request = post().repeat(Repeat::Unsafe);
    script.client().call(request, judge_status).await.unwrap();
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_error_says_what_how_often_how_long_and_the_last_answer() {
    let script = Script::new(vec![json(503, "no\n capacity"); 10]);
    let error = script.client().call(get(), judge_status).await.unwrap_err();
    let text = error.to_string();
    let (head, tail) = text.split_once(" over ").unwrap();
    assert_eq!(head, "GET /things failed after 10 attempts");
    assert!(tail.starts_with(|c: char| c.is_ascii_digit()), "{text}");
    assert!(
        text.ends_with(": the answer was status 503, beginning: no capacity"),
        "{text}"
    );
    assert!(!text.contains("opaque") && !text.contains("t0ken"));
    assert!(!error.may_have_applied(), "reading applies nothing");
    script.asked();
}

#[tokio::test(start_paused = true)]
async fn the_time_is_bounded_as_well_as_the_attempts() {
    let script = Script::new([Reply::Silent, Reply::Silent]);
    let policy = Policy {
        elapsed: Duration::from_secs(100),
        ..Policy::default()
    };
    let client = script.client_with(policy);
    let began = client.shared.clock.now();
    let error = client.call(get(), judge_status).await.unwrap_err();
    // Two attempts of 76 s: the second began before the limit, no third did.
    assert_eq!(script.asked().len(), 2);
    let source = error.source().unwrap().to_string();
    assert_eq!(source, "no answer within 76 s");
    assert!(client.shared.clock.now() - began < Duration::from_secs(160));
}

#[tokio::test(start_paused = true)]
async fn our_own_pauses_count_as_time_spent() {
    let script = Script::new(vec![json(500, ""); 50]);
    let client = script.client_with(Policy {
        attempts: 50,
        elapsed: Duration::from_secs(10),
        longest_pause: Duration::from_secs(2),
        ..Policy::default()
    });
    let error = client.call(get(), judge_status).await.unwrap_err();
    // Pauses of at least 0.5, 1, 2, 2, ... seconds, and at most twice that.
    assert!((3..=7).contains(&error.attempts), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_429_pauses_every_call_until_its_time_is_over() {
    let refused = json(429, "").header("retry-after", "120");
    let script = Script::new([refused, json(200, ""), json(200, "")]);
    let client = script.client();
    let began = client.shared.clock.now();
    let other = async {
        client.shared.clock.sleep(Duration::from_secs(5)).await;
        client.call(get(), judge_status).await.unwrap();
        client.shared.clock.now() - began
    };
    let (first, other) = tokio::join!(client.call(get(), judge_status), other);
    first.unwrap();
    assert!(other >= Duration::from_secs(120), "{other:?}");
    assert_eq!(client.counters().rate_limited, 1);
    script.asked();
}

#[tokio::test(start_paused = true)]
async fn a_429_that_says_nothing_pauses_longer_each_time() {
    let script = Script::new([json(429, ""), json(429, ""), json(200, "")]);
    let client = script.client();
    let began = client.shared.clock.now();
    client.call(get(), judge_status).await.unwrap();
    let took = client.shared.clock.now() - began;
    assert!((90..300).contains(&took.as_secs()), "{took:?}");
    script.asked();
}

#[tokio::test(start_paused = true)]
async fn an_endpoints_own_limiter_holds_nobody_else() {
    let refused = json(429, "").header("retry-after", "120");
    let script = Script::new([refused, json(200, ""), json(200, "")]);
    let client = script.client();
    let began = client.shared.clock.now();
    let endpoint = |answer: &Answer| match answer.status {
        429 => Verdict::RateLimited(crate::http::Limiter::Endpoint),
        _ => Verdict::Done,
    };
    let other = async {
        client.shared.clock.sleep(Duration::from_secs(5)).await;
        client.call(get(), judge_status).await.unwrap();
        client.shared.clock.now() - began
    };
    let (first, other) = tokio::join!(client.call(get(), endpoint), other);
    first.unwrap();
    assert!(other < Duration::from_secs(10), "{other:?}");
    assert!(client.shared.clock.now() - began >= Duration::from_secs(120));
    script.asked();
}

#[tokio::test(start_paused = true)]
async fn every_attempt_takes_a_turn() {
    let script = Script::new(vec![json(500, ""); 10]);
    let mut client = script.client();
    let shared = Arc::get_mut(&mut client.shared).unwrap();
    shared.budget = Budget::in_memory(5, shared.clock);
    let began = client.shared.clock.now();
    client.call(get(), judge_status).await.unwrap_err();
    // Ten attempts at five a window: the sixth waits for the first to leave.
    assert!(client.shared.clock.now() - began >= Duration::from_secs(301));
    assert_eq!(client.counters().total, 10);
    script.asked();
}

#[tokio::test(start_paused = true)]
async fn an_answer_over_the_limit_is_refused() {
    let script = Script::new([json(200, "0123456789")]);
    let request = get().answer_bytes(9);
    let error = script
        .client()
        .call(request, judge_status)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "GET /things failed: the answer was larger than 9 bytes"
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_shorter_than_it_declares_counts_as_lost() {
    let short = json(200, "0123").header("content-length", "9");
    let script = Script::new([short, json(200, "0123")]);
    script.client().call(get(), judge_status).await.unwrap();
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_cannot_be_kept_ends_the_call_before_anything_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let token = secrecy::SecretString::from("t");
    let script = Script::new([]);
    let mut client = script.client();
    let shared = Arc::get_mut(&mut client.shared).unwrap();
    shared.budget = Budget::shared(folder.path(), "a", &token, 5, shared.clock).unwrap();
    folder.close().unwrap();
    let error = client.call(get(), judge_status).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Budget(_)));
    assert!(
        error
            .source()
            .unwrap()
            .to_string()
            .ends_with("cannot be used")
    );
    assert!(script.asked().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_when_the_operator_stops_it() {
    let refused = json(429, "").header("retry-after", "300");
    let script = Script::new([refused]);
    let (raise, stop) = crate::stop::Stop::new();
    let client = script.client().until(stop);
    let began = client.shared.clock.now();
    let clock = client.shared.clock;
    let stopping = async {
        clock.sleep(Duration::from_secs(7)).await;
        raise.send(true).unwrap();
    };
    let (ended, ()) = tokio::join!(client.call(get(), judge_status), stopping);
    assert!(matches!(ended.unwrap_err().cause, Cause::Interrupted));
    assert_eq!((clock.now() - began).as_secs(), 7);
    script.asked();
}
