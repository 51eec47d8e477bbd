//! Calls of the index's REST side, all by POST with a JSON body: one try with a
//! deadline, or tried until it gives a result. What a failure means is judged in
//! `retry`, what an answer holds in `reply`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::address::transport;
use super::reply::Reply;
use super::retry::{CallError, Decision, Failure, Patience, Room, judge};
use super::{Namespace, Surroundings, UpstashSettings};
use crate::error::Error;
use crate::http::request::Request;
use crate::http::transport::SendError;
use crate::http::{Answer, Transport};

/// The largest answer that is read: four pages of the wanted size.
const MOST_ANSWER_BYTES: usize = 32 << 20;
/// What need not be escaped in a segment of a path (RFC 3986, unreserved).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// An index's REST side.
pub(super) struct Server {
    transport: Transport,
    timeout: Duration,
    answered: AtomicBool,
    pub(super) url: String,
    pub(super) first_pause: Duration,
    pub(super) surroundings: Surroundings,
}

impl Server {
    pub(super) fn new(
        settings: UpstashSettings,
        surroundings: Surroundings,
    ) -> Result<Self, Error> {
        let url = settings.url.as_deref();
        let (url, transport) = transport(url, settings.token, settings.insecure_http)?;
        Ok(Self {
            transport,
            timeout: settings.timeout,
            answered: AtomicBool::new(false),
            url,
            first_pause: settings.first_pause,
            surroundings,
        })
    }

    /// Whether anything ever answered there.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// A call that is tried until it gives a result. `doing` completes "Upstash
    /// failed while …".
    pub(super) async fn call(&self, doing: &str, path: &str, body: &Value) -> Result<Reply, Error> {
        let mut patience = Patience::new(self);
        loop {
            match self.ask(path, body).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => patience.after(doing, failure, Room::None).await?,
            };
        }
    }

    /// One try.
    pub(super) async fn ask(&self, path: &str, body: &Value) -> Result<Reply, Failure> {
        let request = Request::new(Method::POST, path)
            .body("application/json", body.to_string())
            .answer_bytes(MOST_ANSWER_BYTES);
        let clock = self.surroundings.clock;
        let began = clock.now();
        let answer = tokio::select! {
            sent = self.transport.send(&request, None) => sent.map_err(not_answered),
            () = clock.sleep(self.timeout) => Err(too_slow(self.timeout)),
        };
        tracing::debug!(
            path,
            status = answer.as_ref().ok().map(|answer: &Answer| answer.status),
            bytes = answer.as_ref().ok().map(|answer| answer.body.len()),
            ms = (clock.now() - began).as_millis(),
            "called Upstash"
        );
        if !matches!(&answer, Err(failure) if failure.decision == Decision::Unreachable) {
            self.answered.store(true, Ordering::Relaxed);
        }
        let answer = answer?;
        let wait = answer.retry_after(clock.wall());
        Reply::of(answer).map_err(|refusal| judge(refusal, wait))
    }
}

fn too_slow(timeout: Duration) -> Failure {
    Failure {
        decision: Decision::RetrySmaller,
        error: CallError::new(format!("no whole answer within {} s", timeout.as_secs())),
    }
}

fn not_answered(error: SendError) -> Failure {
    let (decision, error) = match error {
        SendError::NotSent(error) => (Decision::Unreachable, CallError::chain(&*error)),
        SendError::Lost(error) => (Decision::Retry, CallError::chain(&*error)),
        SendError::TooLarge => {
            let limit = MOST_ANSWER_BYTES >> 20;
            let text = format!("the answer is larger than {limit} MiB");
            (Decision::Smaller, CallError::new(text))
        }
    };
    Failure { decision, error }
}

/// The path of an endpoint for a namespace: the name is one segment, whatever is
/// in it.
///
/// # Errors
/// Failed for the two names that no path can hold.
pub(super) fn path(endpoint: &str, namespace: &Namespace) -> Result<String, Error> {
    match namespace.as_deref() {
        None => Ok(format!("/{endpoint}")),
        // Escaped or not, they mean a step up.
        Some(name @ ("." | "..")) => Err(Error::failed(format!(
            "namespace {name:?} cannot be named in an address"
        ))
        .advise("rename it in Upstash, then run again")),
        Some(name) => Ok(format!(
            "/{endpoint}/{}",
            utf8_percent_encode(name, SEGMENT)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_segment_whatever_is_in_it() {
        let path = |name: &str| path("range", &Some(name.to_owned())).unwrap();
        assert_eq!(path("tenant-1_a.b~"), "/range/tenant-1_a.b~");
        assert_eq!(path("a/b c%?#"), "/range/a%2Fb%20c%25%3F%23");
        assert_eq!(path("日本"), "/range/%E6%97%A5%E6%9C%AC");
        assert_eq!(super::path("range", &None).unwrap(), "/range");
        assert!(super::path("range", &Some("..".to_owned())).is_err());
    }
}
