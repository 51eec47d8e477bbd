//! The network side of the transport against a real listener on loopback:
//! connections that break, answers that are cut short, and the headers sent.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::cloudflare::{Account, AccountId, ApiError, IndexName};
use cf_migrate::error::{Error, Kind};
use cf_migrate::http::{
    Bandwidth, Budget, Client, NetworkOptions, OnGone, Pacer, Policy, Transport,
};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Writes each text to one connection, in order, and closes it. `finish` fails
/// when texts are left; it gives what was asked.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
    serving: tokio::task::JoinHandle<()>,
}

impl Server {
    async fn new(answers: Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let serving = tokio::spawn(async move {
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                heard.lock().unwrap().push(request);
                stream.write_all(answer.as_bytes()).await.unwrap();
                stream.shutdown().await.ok();
            }
        });
        Self {
            address,
            asked,
            serving,
        }
    }

    async fn finish(self) -> Vec<String> {
        assert!(self.serving.is_finished(), "answers are left");
        self.serving.await.unwrap();
        Arc::into_inner(self.asked).unwrap().into_inner().unwrap()
    }
}

/// Head and body of one request, by its content length.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.split("content-length: ").nth(1);
            let length = length.and_then(|rest| rest.lines().next()?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return String::from_utf8(read).unwrap();
            }
        }
        let mut some = [0; 4096];
        let bytes = stream.read(&mut some).await.unwrap();
        assert!(bytes > 0, "the client hung up");
        read.extend_from_slice(&some[..bytes]);
    }
}

fn answer(status: &str, length: usize, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    )
}

fn whole(status: &str, body: &str) -> String {
    answer(status, body.len(), body)
}

fn account(base_url: &str) -> Account {
    Account::new(client(base_url), AccountId::new("acc").unwrap())
}

fn client(base_url: &str) -> Client {
    let token = SecretString::from("t0ken");
    let transport = Transport::network(base_url, token, NetworkOptions::default()).unwrap();
    let clock = Clock::real();
    let policy = Policy {
        first_pause: std::time::Duration::from_millis(1),
        ..Policy::default()
    };
    let budget = Budget::in_memory(100, clock);
    Client::with_policy(transport, budget, clock, policy)
}

const DONE: &str = r#"{"success":true,"errors":[],"result":{"mutationId":"m"}}"#;

#[tokio::test]
async fn a_call_reaches_the_service_with_token_type_and_body() {
    let server = Server::new(vec![whole("200 OK", DONE)]).await;
    let account = account(&format!("{}/client/v4/", server.address));
    let index = account.vectorize(&IndexName::new("docs").unwrap());
    // Spawned, because batches go out from several tasks.
    let upsert = tokio::spawn(async move { index.upsert(Bytes::from("{}\n")).await });
    assert_eq!(upsert.await.unwrap().unwrap().as_str(), "m");
    let asked = server.finish().await.remove(0);
    let path = "POST /client/v4/accounts/acc/vectorize/v2/indexes/docs/upsert HTTP/1.1\r\n";
    assert!(asked.starts_with(path), "{asked}");
    assert!(asked.contains("authorization: Bearer t0ken\r\n"), "{asked}");
    assert!(asked.contains("content-type: application/x-ndjson\r\n"));
    assert!(asked.ends_with("\r\n\r\n{}\n"));
}

#[tokio::test]
async fn a_body_that_is_held_to_a_rate_arrives_as_any_other_and_again_when_repeated() {
    let server = Server::new(vec![String::new(), whole("200 OK", DONE)]).await;
    let bandwidth = Bandwidth::new(1_000_000).unwrap();
    let pacer = Pacer::new(bandwidth, 4, Clock::real());
    let client = client(&server.address).paced(Some(pacer));
    let account = Account::new(client, AccountId::new("acc").unwrap());
    let index = account.vectorize(&IndexName::new("docs").unwrap());
    // Several pieces.
    let body = "0123456789".repeat(4_321);
    let gone = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&gone);
    let on_gone = OnGone::new(move || *counted.lock().unwrap() += 1);
    let sent = index.upsert_telling(Bytes::from(body.clone()), on_gone);
    sent.await.unwrap();
    assert_eq!(*gone.lock().unwrap(), 2);
    for asked in server.finish().await {
        let (head, arrived) = asked.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with("\r\ncontent-length: 43210"), "{head}");
        assert!(!head.contains("transfer-encoding"), "{head}");
        assert!(arrived == body, "{} bytes arrived", arrived.len());
    }
}

#[tokio::test]
async fn dropped_connections_and_cut_answers_are_repeated() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"suc".to_owned();
    let server = Server::new(vec![
        String::new(),
        "HTTP/1.1 200 OK\r\ncontent-".to_owned(),
        answer("200 OK", DONE.len(), &DONE[..9]),
        chunked,
        whole("200 OK", &DONE[..9]),
        whole("200 OK", DONE),
    ])
    .await;
    let account = account(&server.address);
    let index = account.vectorize(&IndexName::new("docs").unwrap());
    index.upsert(Bytes::from("{}\n")).await.unwrap();
    assert_eq!(account.counters().total, 6);
    assert_eq!(account.counters().retried, 5);
    assert_eq!(server.finish().await.len(), 6);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let moved = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\
                 connection: close\r\n\r\n";
    let server = Server::new(vec![moved.to_owned()]).await;
    let account = account(&server.address);
    let index = account.vectorize(&IndexName::new("docs").unwrap());
    let error = index.info().await.unwrap_err();
    assert!(matches!(error, ApiError::Other(_)), "{error:?}");
    assert_eq!(server.finish().await.len(), 1);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_told_soon() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let account = account(&address);
    let index = account.vectorize(&IndexName::new("docs").unwrap());
    let error = index.info().await.unwrap_err();
    assert!(!error.may_have_applied());
    assert_eq!(account.counters().total, 4);
    let shown = format!("{error:?}");
    assert!(!shown.contains("t0ken"), "{shown}");
    let error = Error::from(error);
    assert_eq!(error.kind(), Kind::Stopped);
    assert_eq!(
        error.to_string(),
        "could not read the state of the Vectorize index \"docs\": Cloudflare cannot be reached"
    );
}
