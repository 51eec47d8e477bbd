//! The second decoder: points asked again by id over Qdrant's REST side, so that
//! a mistake of the first one cannot hide. Numbers go from text straight to
//! `f32`. Shares no wire types with the gRPC side; see `fields` for the checks.

use std::collections::BTreeMap;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::connect::Pace;
use super::fields::{Fields, RawVector, VectorError};
use super::retry::{CallError, Decision};
use crate::error::Error;
use crate::point::{Payload, Point, PointId, SparseVector};
use crate::singles::singles;

/// Ids of one request.
const BATCH: usize = 64;
/// The largest answer that is read. Points that are larger together are asked for in
/// parts.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A collection as REST gives it.
pub(super) struct Rest {
    http: Client,
    url: String,
    key: Option<SecretString>,
    pace: Pace,
}

/// What came of a request that was tried until it was answered.
enum Answered {
    Whole(Vec<u8>),
    /// Nothing listens there.
    Nothing,
    TooLarge,
}

/// Why a request gave no points.
enum AskError {
    /// Nothing listens there.
    Unreachable,
    Failed(Decision, CallError),
    /// More than [`MAX_ANSWER_BYTES`].
    TooLarge,
}

/// Why an answer is not what it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum DecodeError {
    #[error("the answer is not JSON")]
    Json(#[from] serde_json::Error),
    #[error("the answer has no list of points")]
    NoPoints,
    #[error("a point of the answer cannot be read")]
    Points(#[source] serde_json::Error),
    #[error("a point has no usable id: {0}")]
    Id(Value),
    #[error("the payload of point {0} is not an object")]
    Payload(PointId),
    #[error("the vectors of point {0} are in no known form")]
    Form(PointId),
    #[error("point {id}")]
    Vector { id: PointId, source: VectorError },
}

impl Rest {
    /// For `collection` at `address` (scheme, host and port).
    pub(super) fn new(
        address: &str,
        collection: &str,
        key: Option<SecretString>,
        pace: Pace,
    ) -> Result<Self, Error> {
        // Fails only where a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Client::builder()
            .timeout(pace.timeout)
            .redirect(reqwest::redirect::Policy::none())
            // The gRPC client knows no proxy either, and both must reach one server.
            .no_proxy()
            .build()
            .map_err(|error| Error::failed("cannot set up an HTTP client").because(error))?;
        let name = utf8_percent_encode(collection, NON_ALPHANUMERIC);
        Ok(Self {
            http,
            url: format!("{address}/collections/{name}/points"),
            key,
            pace,
        })
    }

    /// The points with these ids; absent ones are left out. None when nothing
    /// answers on the REST side.
    pub(super) async fn fetch(
        &self,
        fields: &Fields,
        ids: &[PointId],
    ) -> Result<Option<Vec<Point>>, Error> {
        let mut found = Vec::with_capacity(ids.len());
        let mut batches: Vec<&[PointId]> = ids.chunks(BATCH).rev().collect();
        while let Some(batch) = batches.pop() {
            let answer = match self.answer(fields, batch).await? {
                Answered::Whole(answer) => answer,
                Answered::Nothing => return Ok(None),
                Answered::TooLarge if batch.len() > 1 => {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    batches.extend([second, first]);
                    continue;
                }
                Answered::TooLarge => return Err(self.too_large()),
            };
            let points = decode(fields, &answer).map_err(|error| {
                Error::failed(format!("cannot read the answer of {}", self.url))
                    .advise("See whether that is Qdrant's REST port; set QDRANT_REST_PORT where it is another")
                    .because(error)
            })?;
            found.extend(points);
        }
        Ok(Some(found))
    }

    fn too_large(&self) -> Error {
        let mebibytes = MAX_ANSWER_BYTES >> 20;
        Error::failed(format!(
            "the answer of {} is larger than {mebibytes} MiB",
            self.url
        ))
        .advise("See whether that is Qdrant's REST port; set QDRANT_REST_PORT where it is another")
    }

    async fn answer(&self, fields: &Fields, ids: &[PointId]) -> Result<Answered, Error> {
        let doing = format!("reading points by id from {}", self.url);
        let body = request(fields, ids).to_string();
        let mut patience = self.pace.patience();
        loop {
            match self.ask(body.clone()).await {
                Ok(answer) => return Ok(Answered::Whole(answer)),
                Err(AskError::Unreachable) => return Ok(Answered::Nothing),
                Err(AskError::TooLarge) => return Ok(Answered::TooLarge),
                Err(AskError::Failed(decision, error)) => {
                    patience.after(&doing, decision, error).await?;
                }
            }
        }
    }

    async fn ask(&self, body: String) -> Result<Vec<u8>, AskError> {
        let mut request = self.http.post(&self.url).body(body);
        request = request.header(header::CONTENT_TYPE, "application/json");
        if let Some(key) = &self.key {
            request = request.header("api-key", key.expose_secret());
        }
        let response = request.send().await.map_err(transport)?;
        let status = response.status();
        let wait = retry_after(response.headers());
        let answer = whole_body(response).await?;
        if status.is_success() {
            return Ok(answer);
        }
        let text = String::from_utf8_lossy(&answer[..answer.len().min(500)]);
        let error = CallError::text(format!("HTTP {status}: {text}"));
        Err(AskError::Failed(decide(status, wait), error))
    }
}

/// The whole body, up to [`MAX_ANSWER_BYTES`].
async fn whole_body(mut response: reqwest::Response) -> Result<Vec<u8>, AskError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transport)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(AskError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn transport(error: reqwest::Error) -> AskError {
    if error.is_connect() {
        AskError::Unreachable
    } else {
        AskError::Failed(Decision::Retry, CallError::chain(&error))
    }
}

fn retry_after(headers: &header::HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

/// The REST column of the contract's status table.
fn decide(status: StatusCode, wait: Option<Duration>) -> Decision {
    match status.as_u16() {
        401 => Decision::Unauthenticated,
        403 => Decision::Denied,
        404 => Decision::Missing,
        429 => wait.map_or(Decision::Retry, Decision::Wait),
        408 | 502..=504 => Decision::Retry,
        500 => Decision::RetryBriefly,
        507 => Decision::StorageFull,
        _ => Decision::Refused,
    }
}

fn request(fields: &Fields, ids: &[PointId]) -> Value {
    let ids = ids.iter().filter_map(|id| match id {
        PointId::Integer(number) => Some(json!(number)),
        PointId::Uuid(uuid) => Some(json!(uuid.hyphenated().to_string())),
        PointId::Text(_) => None,
    });
    let vectors = fields.names().map_or(json!(true), |names| json!(names));
    json!({ "ids": ids.collect::<Vec<_>>(), "with_payload": true, "with_vector": vectors })
}

#[derive(Deserialize)]
struct AnswerWire<'a> {
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// A point whose vectors are still text: a number of them as a value of its own would
/// take several times as long to read.
#[derive(Deserialize)]
struct PointWire<'a> {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    payload: Value,
    #[serde(borrow)]
    vector: Option<&'a RawValue>,
}

pub(super) fn decode(fields: &Fields, answer: &[u8]) -> Result<Vec<Point>, DecodeError> {
    let answer: AnswerWire<'_> = serde_json::from_slice(answer)?;
    let points = answer.result.map_or("null", RawValue::get);
    if !points.starts_with('[') {
        return Err(DecodeError::NoPoints);
    }
    let points: Vec<PointWire<'_>> = serde_json::from_str(points).map_err(DecodeError::Points)?;
    points.into_iter().map(|wire| point(fields, wire)).collect()
}

fn point(fields: &Fields, wire: PointWire<'_>) -> Result<Point, DecodeError> {
    let id = id(wire.id)?;
    let payload = match wire.payload {
        Value::Null => Payload::new(),
        Value::Object(payload) => payload,
        _ => return Err(DecodeError::Payload(id)),
    };
    let Some(vectors) = vectors(wire.vector.map_or("null", RawValue::get)) else {
        return Err(DecodeError::Form(id));
    };
    fields
        .assemble(id.clone(), payload, vectors)
        .map_err(|source| DecodeError::Vector { id, source })
}

fn id(value: Value) -> Result<PointId, DecodeError> {
    let id = match &value {
        Value::Number(number) => number.as_u64().map(PointId::Integer),
        Value::String(text) => Uuid::try_parse(text).ok().map(PointId::Uuid),
        _ => None,
    };
    id.ok_or(DecodeError::Id(value))
}

/// A bare array is the unnamed vector; an object has them by name.
fn vectors(text: &str) -> Option<Vec<(String, RawVector)>> {
    match text.as_bytes().first()? {
        b'n' => Some(Vec::new()),
        b'[' => Some(vec![(String::new(), array(text)?)]),
        _ => {
            let named: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            named
                .into_iter()
                .map(|(name, value)| Some((name, named_vector(value.get())?)))
                .collect()
        }
    }
}

fn named_vector(text: &str) -> Option<RawVector> {
    match text.starts_with('[') {
        true => array(text),
        false => sparse(text),
    }
}

fn array(text: &str) -> Option<RawVector> {
    match text[1..].trim_ascii_start().starts_with('[') {
        true => Some(RawVector::Multi),
        false => singles(text).map(RawVector::Dense),
    }
}

#[derive(Deserialize)]
struct SparseWire<'a> {
    indices: Vec<i64>,
    #[serde(borrow)]
    values: &'a RawValue,
}

fn sparse(text: &str) -> Option<RawVector> {
    let wire: SparseWire<'_> = serde_json::from_str(text).ok()?;
    Some(RawVector::Sparse(SparseVector {
        indices: wire.indices,
        values: singles(wire.values.get())?,
    }))
}

#[cfg(test)]
mod tests;
