//! Answers of services, and what others may ask of the sandbox.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use secrecy::SecretString;

use super::files::check;
use super::scratch::{self, run};
use crate::cloudflare::{Account, AccountId, IndexName, KvNamespaceId};
use crate::http::{Budget, Client, Policy, Transport};
use crate::record::{Dimensions, Metric, VectorId};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::source::{qdrant, upstash};

/// An answer of Cloudflare's: a byte for the call, one for the status, a line with
/// what stands in `retry-after` and one with the content type, then the body.
pub fn cloudflare(data: &[u8]) {
    let Some((&[call, status], rest)) = data
        .split_at_checked(2)
        .and_then(|(head, rest)| Some((<&[u8; 2]>::try_from(head).ok()?, rest)))
    else {
        return;
    };
    let (pause, rest) = line(rest);
    let (kind, body) = line(rest);
    let answer = http::Response::builder()
        .status(STATUSES[usize::from(status) % STATUSES.len()])
        .header("retry-after", pause)
        .header("content-type", kind)
        .body(Bytes::copy_from_slice(body));
    if let Ok(answer) = answer {
        run(ask(call, answer));
    }
}

const STATUSES: [u16; 13] = [
    200, 204, 400, 401, 403, 404, 408, 409, 413, 429, 500, 503, 302,
];

fn line(data: &[u8]) -> (&[u8], &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n');
    let end = end.unwrap_or(data.len());
    (&data[..end], data.get(end + 1..).unwrap_or_default())
}

async fn ask(call: u8, answer: http::Response<Bytes>) {
    let account = account(answer);
    let index = IndexName::new("docs").expect("a name that is one");
    let index = account.vectorize(&index);
    let namespace = KvNamespaceId::new("0".repeat(32)).expect("an id that is one");
    let kv = account.kv(&namespace);
    let ids = [VectorId::new("a").expect("an id that is one")];
    let keys = ["a".to_owned(), "b".to_owned()];
    match call % 14 {
        0 => drop(index.describe().await),
        1 => drop(index.info().await),
        2 => drop(index.upsert(Bytes::from_static(b"{}\n")).await),
        3 => drop(index.get_by_ids(&ids).await),
        4 => drop(index.delete_by_ids(&ids).await),
        5 => drop(index.list(None).await),
        6 => drop(kv.list("file:", None).await),
        7 => drop(kv.get("a").await),
        8 => drop(kv.get_many(&keys).await),
        9 => drop(kv.put_many(&[]).await),
        10 => drop(kv.delete_many(&keys).await),
        11 => drop(account.kv_namespaces().await),
        12 => drop(account.create_kv_namespace("files").await),
        _ => {
            let dimensions = Dimensions::new(32).expect("the smallest there are");
            let name = IndexName::new("docs").expect("a name that is one");
            drop(
                account
                    .create_index(&name, dimensions, Metric::Cosine)
                    .await,
            );
        }
    }
}

/// An account that always gives this answer.
fn account(answer: http::Response<Bytes>) -> Account {
    let call = Arc::new(move |_: http::Request<Bytes>| {
        let answer = answer.clone();
        async move { Ok(answer) }.boxed()
    });
    let transport = Transport::in_process(SecretString::from("token"), call);
    let transport = transport.expect("a token that is one");
    let clock = scratch::clock();
    let policy = Policy {
        attempts: 2,
        elapsed: Duration::from_secs(3_600),
        ..Policy::default()
    };
    let budget = Budget::in_memory(1_000, clock);
    let client = Client::with_policy(transport, budget, clock, policy);
    Account::new(
        client,
        AccountId::new("0".repeat(32)).expect("an id that is one"),
    )
}

/// An answer of Upstash's: a byte for the call, one for the status, then the body.
pub fn upstash(data: &[u8]) {
    use upstash::fuzzing::{Call, answered};
    let [call, status, body @ ..] = data else {
        return;
    };
    let call = match call % 4 {
        0 => Call::Info,
        1 => Call::Range,
        2 => Call::Names,
        _ => Call::Fetch,
    };
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let Some((points, shape)) = answered(call, status, body) else {
        return;
    };
    points.iter().for_each(|point| check(point, &shape));
}

/// A message of Qdrant's gRPC side: a point, and a collection's description.
pub fn qdrant_grpc(data: &[u8]) {
    let shape = qdrant::fuzzing::shape();
    if let Some(point) = qdrant::fuzzing::retrieved(&shape, data) {
        check(&point, &shape);
    }
    qdrant::fuzzing::described(data);
}

/// A body of Qdrant's REST side.
pub fn qdrant_rest(data: &[u8]) {
    let shape = qdrant::fuzzing::shape();
    let points = qdrant::fuzzing::asked_again(&shape, data).unwrap_or_default();
    points.iter().for_each(|point| check(point, &shape));
}

/// A request to the sandbox: the method, the path and the content type, a line
/// each, then the body. An index and a namespace are there.
pub fn sandbox(data: &[u8]) {
    let (method, rest) = line(data);
    let (path, rest) = line(rest);
    let (kind, body) = line(rest);
    let request = http::Request::builder()
        .method(method)
        .uri([b"/client/v4/accounts/a", path].concat())
        .header("authorization", "Bearer token")
        .header("content-type", kind)
        .body(Bytes::copy_from_slice(body));
    let Ok(request) = request else {
        return;
    };
    run(async {
        let sandbox = Sandbox::open(None, SandboxOptions::default(), scratch::clock());
        let sandbox = sandbox.expect("one in memory can be opened");
        for (path, body) in MADE {
            let made = http::Request::post(format!("/client/v4/accounts/a/{path}"))
                .header("authorization", "Bearer token")
                .header("content-type", "application/json")
                .body(Bytes::from_static(body.as_bytes()))
                .expect("a request that is one");
            let made = sandbox.handle(made).await.expect("there are no faults");
            assert!(made.status().is_success(), "{made:?}");
        }
        let answer = sandbox.handle(request.clone()).await;
        let answer = answer.expect("there are no faults");
        assert_ne!(answer.status(), 500, "{answer:?}");
        sandbox.handle(request).await.ok();
    });
}

/// What the sandbox is asked for first: paths and bodies.
const MADE: [(&str, &str); 2] = [
    (
        "vectorize/v2/indexes",
        r#"{"name":"docs","config":{"dimensions":32,"metric":"cosine"}}"#,
    ),
    ("storage/kv/namespaces", r#"{"title":"files"}"#),
];
