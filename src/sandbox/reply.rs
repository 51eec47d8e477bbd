//! What goes back: the envelope of every JSON answer, raw values, failures with
//! their code and status.

use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use serde_json::{Value, json};

/// A successful answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// An envelope around a result.
    Json {
        result: Value,
        result_info: Option<Value>,
    },
    /// A KV value, without envelope.
    Raw {
        bytes: Bytes,
        expiration: Option<i64>,
    },
}

impl Reply {
    pub(super) fn result(result: Value) -> Self {
        Self::Json {
            result,
            result_info: None,
        }
    }

    pub(super) fn paged(result: Value, info: Value) -> Self {
        Self::Json {
            result,
            result_info: Some(info),
        }
    }
}

/// A failed answer.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: StatusCode,
    pub(super) code: u32,
    pub(super) message: String,
    pub(super) retry_after_secs: Option<u64>,
}

pub(super) type Answer = Result<Reply, Failure>;

impl Failure {
    pub(super) fn new(status: StatusCode, code: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            retry_after_secs: None,
        }
    }

    /// A failure with status 400.
    pub(super) fn bad(code: u32, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// A failure with status 429.
    pub(super) fn too_many(code: u32, retry_after_secs: Option<u64>) -> Self {
        let mut failure = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            code,
            "Rate limited. Please wait and consider throttling your request speed",
        );
        failure.retry_after_secs = retry_after_secs;
        failure
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        let message = format!("the sandbox's store failed: {error}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 10001, message)
    }
}

/// Puts an answer into the form that is sent.
pub(super) fn render(answer: Answer) -> Response<Bytes> {
    match answer {
        Ok(Reply::Json {
            result,
            result_info,
        }) => {
            let mut envelope =
                json!({"success": true, "errors": [], "messages": [], "result": result});
            if let Some(info) = result_info {
                envelope["result_info"] = info;
            }
            json_response(StatusCode::OK, &envelope)
        }
        Ok(Reply::Raw { bytes, expiration }) => raw_response(bytes, expiration),
        Err(failure) => failed_response(&failure),
    }
}

fn failed_response(failure: &Failure) -> Response<Bytes> {
    let envelope = json!({
        "success": false,
        "errors": [{"code": failure.code, "message": failure.message}],
        "messages": [],
        "result": null,
    });
    let mut response = json_response(failure.status, &envelope);
    if let Some(seconds) = failure.retry_after_secs {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    typed(status, "application/json", body.to_string().into())
}

/// A page as a gateway or the firewall sends it.
pub(super) fn html_response(status: StatusCode) -> Response<Bytes> {
    let reason = status.canonical_reason().unwrap_or("error");
    let code = status.as_u16();
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>{code} {reason}</title></head>\
         <body><center><h1>{code} {reason}</h1></center><hr><center>cloudflare</center></body></html>\n"
    );
    typed(status, "text/html; charset=UTF-8", page.into())
}

fn raw_response(bytes: Bytes, expiration: Option<i64>) -> Response<Bytes> {
    let mut response = typed(StatusCode::OK, "application/octet-stream", bytes);
    if let Some(expiration) = expiration {
        response.headers_mut().insert(
            HeaderName::from_static("expiration"),
            HeaderValue::from(expiration),
        );
    }
    response
}

fn typed(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
