//! A scripted service for tests: answers in order, and what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use futures::FutureExt as _;
use secrecy::SecretString;

use crate::clock::Clock;
use crate::http::{Budget, Client, ConnectionLost, Policy, Transport};

/// One scripted reply.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    Lost,
    /// Never answers.
    Silent,
}

pub(crate) fn json(status: u16, body: impl Into<String>) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply::Answer(status, headers, Bytes::from(body.into()))
}

impl Reply {
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Answer(_, headers, _) = &mut self {
            headers.retain(|(other, _)| *other != name);
            headers.push((name, value.to_owned()));
        }
        self
    }
}

/// Answers as scripted; a script that was not used up fails the test.
#[derive(Clone)]
pub(crate) struct Script {
    replies: Arc<Mutex<VecDeque<Reply>>>,
    asked: Arc<Mutex<Vec<http::Request<Bytes>>>>,
}

impl Script {
    pub(crate) fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self {
            replies: Arc::new(Mutex::new(replies.into_iter().collect())),
            asked: Arc::default(),
        }
    }

    /// A client on simulated time with a repeatable jitter.
    pub(crate) fn client(&self) -> Client {
        self.client_with(Policy {
            jitter_seed: Some(7),
            ..Policy::default()
        })
    }

    pub(crate) fn client_with(&self, policy: Policy) -> Client {
        let clock = Clock::simulated(UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let script = self.clone();
        let call = Arc::new(move |request| script.reply(request));
        let transport = Transport::in_process(SecretString::from("t0ken"), call).unwrap();
        Client::with_policy(transport, Budget::in_memory(1_000, clock), clock, policy)
    }

    fn reply(
        &self,
        request: http::Request<Bytes>,
    ) -> futures::future::BoxFuture<'static, Result<http::Response<Bytes>, ConnectionLost>> {
        let shown = format!("{} {}", request.method(), request.uri());
        self.asked.lock().unwrap().push(request);
        let reply = self.replies.lock().unwrap().pop_front();
        match reply.unwrap_or_else(|| panic!("nothing is scripted for {shown}")) {
            Reply::Answer(status, headers, body) => {
                let mut response = http::Response::builder().status(status);
                for (name, value) in headers {
                    response = response.header(name, value);
                }
                futures::future::ready(Ok(response.body(body).unwrap())).boxed()
            }
            Reply::Lost => futures::future::ready(Err(ConnectionLost)).boxed(),
            Reply::Silent => futures::future::pending().boxed(),
        }
    }

    /// `METHOD path body` of every request; fails if replies are left.
    pub(crate) fn asked(&self) -> Vec<String> {
        let left = self.replies.lock().unwrap();
        assert!(left.is_empty(), "replies that nobody asked for: {left:?}");
        let asked = self.asked.lock().unwrap();
        asked.iter().map(shown).collect()
    }

    /// The headers of the first request.
    pub(crate) fn first_headers(&self) -> http::HeaderMap {
        self.asked.lock().unwrap()[0].headers().clone()
    }
}

fn shown(request: &http::Request<Bytes>) -> String {
    let body = String::from_utf8_lossy(request.body());
    format!("{} {} {body}", request.method(), request.uri())
        .trim_end()
        .to_owned()
}
