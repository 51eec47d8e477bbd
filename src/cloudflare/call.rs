//! One call to the account: the request goes through [`crate::http`], and comes
//! back as a result or as an [`ApiError`] that says what was attempted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

use bytes::Bytes;
use http::Method;

use crate::cloudflare::envelope::{self, Envelope, Form};
use crate::cloudflare::error::ApiError;
use crate::http::{Answer, Client, Request, Verdict};

/// What a call is for, in words that fit after "could not".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Such as `upsert into the Vectorize index "docs"`.
    pub what: String,
    /// The permission a token needs for it.
    pub permission: &'static str,
}

impl Operation {
    pub(crate) fn new(permission: &'static str, what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            permission,
        }
    }

    pub(crate) fn bad_answer(self, expected: &'static str, answer: &Answer) -> ApiError {
        ApiError::BadAnswer {
            operation: self,
            expected,
            excerpt: answer.excerpt(),
        }
    }
}

/// Calls for an answer of this form, whatever it says.
pub(crate) async fn answer(
    http: &Client,
    operation: &Operation,
    request: Request,
    form: Form,
) -> Result<Answer, ApiError> {
    http.call(request, |answer| envelope::verdict(answer, form))
        .await
        .map_err(|error| ApiError::from_http(operation.clone(), error))
}

/// The envelope of a successful answer.
pub(crate) async fn envelope<T: DeserializeOwned>(
    http: &Client,
    operation: Operation,
    expected: &'static str,
    request: Request,
) -> Result<Envelope<T>, ApiError> {
    let answer = success(http, operation.clone(), request).await?;
    serde_json::from_slice(&answer.body).map_err(|_| operation.bad_answer(expected, &answer))
}

/// A successful answer in an envelope, not read yet.
pub(crate) async fn success(
    http: &Client,
    operation: Operation,
    request: Request,
) -> Result<Answer, ApiError> {
    // What the last answer was judged to be, because looking through it takes time.
    let is_done = AtomicBool::new(false);
    let judge = |answer: &Answer| {
        let verdict = envelope::verdict(answer, Form::Envelope);
        is_done.store(verdict == Verdict::Done, Ordering::Relaxed);
        verdict
    };
    let answer = http.call(request, judge).await;
    let answer = answer.map_err(|error| ApiError::from_http(operation.clone(), error))?;
    match is_done.into_inner() {
        true => Ok(answer),
        false => Err(failure(operation, &answer)),
    }
}

/// What `read` makes of a successful answer. It gives none for what is no success in the
/// form that is expected; the envelope of such an answer is then looked at. Large
/// answers are gone through once in this way.
pub(crate) async fn read<T>(
    http: &Client,
    operation: Operation,
    expected: &'static str,
    request: Request,
    read: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, ApiError> {
    let found = Mutex::new(None);
    let judge = |answer: &Answer| {
        let read = read(&answer.body).filter(|_| answer.is_success());
        let verdict = match read {
            Some(_) => Verdict::Done,
            None => envelope::verdict(answer, Form::Envelope),
        };
        *found.lock().unwrap_or_else(PoisonError::into_inner) = read;
        verdict
    };
    let answer = http.call(request, judge).await;
    let answer = answer.map_err(|error| ApiError::from_http(operation.clone(), error))?;
    match found.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(found) => Ok(found),
        None if envelope::is_success(&answer, Form::Envelope) => {
            Err(operation.bad_answer(expected, &answer))
        }
        None => Err(failure(operation, &answer)),
    }
}

/// An answer that is no success: a refusal, or something that no API sends.
fn failure(operation: Operation, answer: &Answer) -> ApiError {
    if answer.is_success() && envelope::notes(answer).is_empty() {
        return operation.bad_answer("an envelope that says whether it is a success", answer);
    }
    ApiError::refused(operation, answer)
}

/// The result of a successful answer, which has to be there.
pub(crate) async fn result<T: DeserializeOwned>(
    http: &Client,
    operation: Operation,
    expected: &'static str,
    request: Request,
) -> Result<T, ApiError> {
    let envelope: Envelope<T> = envelope(http, operation.clone(), expected, request).await?;
    envelope.result.ok_or_else(|| ApiError::BadAnswer {
        operation,
        expected,
        excerpt: "an envelope without a result".to_owned(),
    })
}

/// A request with a JSON body.
pub(crate) fn json(method: Method, path: String, body: &impl Serialize) -> Request {
    let body = serde_json::to_vec(body).expect("these bodies are strings, numbers and JSON values");
    Request::new(method, path).body("application/json", Bytes::from(body))
}

/// A request without a body.
pub(crate) fn get(path: String) -> Request {
    Request::new(Method::GET, path)
}
