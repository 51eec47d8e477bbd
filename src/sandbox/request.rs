//! A call as the rooms see it: operation, decoded parameters, body in parts
//! where it was multipart, and what fate has in store for it.

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart};
use axum::http::{HeaderMap, Request, Uri, header, request};
use bytes::Bytes;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::fault::{Fate, FaultKind};
use super::reply::Failure;
use super::{Operation, Unsettled};

/// One call.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) operation: Operation,
    /// The path's parameters after the account, decoded.
    pub(super) params: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Payload,
    pub(super) body_bytes: usize,
    pub(super) now_ms: i64,
    pub(super) unsettled: Unsettled,
    pub(super) fate: Fate,
}

/// A request's body.
#[derive(Debug)]
pub(super) enum Payload {
    Raw(Bytes),
    Parts(Vec<(String, Bytes)>),
    /// Said to be multipart, but could not be taken apart.
    Broken(String),
}

impl Incoming {
    /// The path's parameter at `place`, the account not counted.
    pub(super) fn param(&self, place: usize) -> &str {
        self.params.get(place).map_or("", String::as_str)
    }

    /// The last value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(super) fn strict(&self) -> bool {
        self.unsettled == Unsettled::Strict
    }

    pub(super) fn meets(&self, fault: FaultKind) -> bool {
        self.fate.fault == Some(fault)
    }

    pub(super) fn now_secs(&self) -> i64 {
        self.now_ms / 1000
    }

    /// The content type without its parameters, in lower case.
    pub(super) fn content_type(&self) -> String {
        let value = self.headers.get(header::CONTENT_TYPE);
        let text = value.and_then(|value| value.to_str().ok()).unwrap_or("");
        let essence = text.split(';').next().unwrap_or("");
        essence.trim().to_ascii_lowercase()
    }

    /// The body as it came; empty when it was multipart.
    pub(super) fn raw(&self) -> &[u8] {
        match &self.body {
            Payload::Raw(bytes) => bytes,
            _ => &[],
        }
    }

    /// The body as JSON, or a failure with `code`.
    pub(super) fn json(&self, code: u32) -> Result<Value, Failure> {
        serde_json::from_slice(self.raw())
            .map_err(|error| Failure::bad(code, format!("could not parse JSON body: {error}")))
    }
}

/// Takes a body apart when its type is multipart.
pub(super) async fn read_body(head: &request::Parts, body: Bytes) -> Payload {
    let content_type = head.headers.get(header::CONTENT_TYPE);
    let multipart = content_type
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| text.to_ascii_lowercase().starts_with("multipart/form-data"));
    if !multipart {
        return Payload::Raw(body);
    }
    match read_parts(content_type.cloned(), body).await {
        Ok(parts) => Payload::Parts(parts),
        Err(error) => Payload::Broken(error),
    }
}

async fn read_parts(
    content_type: Option<header::HeaderValue>,
    body: Bytes,
) -> Result<Vec<(String, Bytes)>, String> {
    let mut request = Request::new(axum::body::Body::from(body));
    if let Some(value) = content_type {
        request.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    // The body is already in memory and was measured on its way in.
    DefaultBodyLimit::disable().apply(&mut request);
    let mut multipart = Multipart::from_request(request, &())
        .await
        .map_err(|error| error.body_text())?;
    let mut parts = Vec::new();
    while let Some(field) = multipart
        .next_field()
        .await
        .map_err(|error| error.body_text())?
    {
        let name = field.name().unwrap_or("").to_owned();
        let bytes = field.bytes().await.map_err(|error| error.body_text())?;
        parts.push((name, bytes));
    }
    Ok(parts)
}

/// Decodes `%xx`; none when the bytes are not UTF-8.
pub(super) fn decode(text: &str) -> Option<String> {
    let decoded = percent_decode_str(text).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// The query's parameters, decoded as forms are: `+` is a space.
pub(super) fn decode_query(uri: &Uri) -> Vec<(String, String)> {
    let text = uri.query().unwrap_or("");
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode_form(key), decode_form(value))
        })
        .collect()
}

fn decode_form(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}
