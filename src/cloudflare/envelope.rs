//! Cloudflare's envelope: what every JSON answer is wrapped in, the other forms
//! that failures take, and whether an answer is complete. Which code means what
//! is in `codes`.

use serde::Deserialize;
use serde_json::Value;
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::cloudflare::codes::{Meaning, meaning};
use crate::cloudflare::error::Note;
use crate::http::request::excerpt;
use crate::http::{Answer, Limiter, Verdict};

/// What the body of a successful answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// An envelope.
    Envelope,
    /// Bytes that are not to be understood: a stored value.
    Raw,
}

/// The parts of an envelope that a result is taken from.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope<T> {
    pub(crate) result: Option<T>,
    pub(crate) result_info: Option<ResultInfo>,
}

/// Where a list goes on: by page or by cursor.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ResultInfo {
    pub(crate) cursor: Option<String>,
    pub(crate) total_count: Option<usize>,
}

/// The parts of an envelope that say whether it is a success; every field is
/// taken in any form, because failures come in several, and as text, because an
/// answer may be large.
#[derive(Debug, Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    success: Option<&'a RawValue>,
    #[serde(borrow)]
    errors: Option<&'a RawValue>,
    /// With `error`: the two-field body that gateways send instead.
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl Head<'_> {
    fn is_success(&self) -> bool {
        self.success.is_some_and(|raw| raw.get() == "true")
    }
}

/// The largest part of an envelope that is understood; larger ones are only shown.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How much of a body could be understood.
enum Body<'a> {
    Envelope(Head<'a>),
    /// JSON of another shape.
    Foreign,
    /// Not JSON, or cut short.
    Broken,
}

fn read(body: &[u8]) -> Body<'_> {
    match serde_json::from_slice(body) {
        Ok(head) => Body::Envelope(head),
        Err(error) if error.classify() == Category::Data => Body::Foreign,
        Err(_) => Body::Broken,
    }
}

/// What the answer says went wrong; empty where it says nothing.
pub(crate) fn notes(answer: &Answer) -> Vec<Note> {
    let Body::Envelope(head) = read(&answer.body) else {
        return Vec::new();
    };
    let mut notes = match value(head.errors) {
        Value::Array(listed) => listed.iter().map(note).collect(),
        Value::String(text) => vec![note(&Value::String(text))],
        _ => Vec::new(),
    };
    let (code, error) = (value(head.code), value(head.error));
    if notes.is_empty() && !(code.is_null() && error.is_null()) {
        notes.push(Note {
            code: number(&code),
            message: text(&error),
        });
    }
    notes
}

/// A part of an envelope; of one that is too large the beginning, as text.
fn value(part: Option<&RawValue>) -> Value {
    let Some(text) = part.map(RawValue::get) else {
        return Value::Null;
    };
    match text.len() > MAX_HEAD_BYTES {
        true => Value::String(excerpt(text.as_bytes())),
        false => serde_json::from_str(text).unwrap_or_default(),
    }
}

fn note(item: &Value) -> Note {
    match item {
        Value::Object(fields) => Note {
            code: fields.get("code").and_then(number),
            message: fields.get("message").map(text).unwrap_or_default(),
        },
        other => Note {
            code: None,
            message: text(other),
        },
    }
}

fn number(value: &Value) -> Option<u32> {
    text(value).parse().ok()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Whether the answer is the success that was asked for.
pub(crate) fn is_success(answer: &Answer, form: Form) -> bool {
    verdict(answer, form) == Verdict::Done
}

/// What an answer means for the loop that repeats calls.
pub(crate) fn verdict(answer: &Answer, form: Form) -> Verdict {
    if answer.is_success() {
        return success_verdict(answer, form);
    }
    match meaning(answer, &notes(answer)) {
        Meaning::AccountLimit => Verdict::RateLimited(Limiter::Account),
        Meaning::EndpointLimit => Verdict::RateLimited(Limiter::Endpoint),
        Meaning::Unknown => unknown_failure_verdict(answer),
        _ => Verdict::Final,
    }
}

fn success_verdict(answer: &Answer, form: Form) -> Verdict {
    let empty = matches!(answer.status, 204 | 205) && answer.body.is_empty();
    if form == Form::Raw || empty {
        return Verdict::Done;
    }
    match read(&answer.body) {
        Body::Envelope(head) if head.is_success() => Verdict::Done,
        // A success status around a failure is a failure.
        Body::Envelope(_) => match meaning(answer, &notes(answer)) {
            Meaning::AccountLimit => Verdict::RateLimited(Limiter::Account),
            Meaning::EndpointLimit => Verdict::RateLimited(Limiter::Endpoint),
            _ => Verdict::Final,
        },
        Body::Foreign => Verdict::Final,
        // A page is no piece of an answer: something else sits at this address.
        Body::Broken if answer.body.trim_ascii_start().starts_with(b"<") => Verdict::Final,
        Body::Broken => Verdict::Retry,
    }
}

/// A 400 with a page or nothing in it comes from something that is not the
/// API (a wrong address, a proxy), and repeating would only hide that; a piece
/// of JSON was an answer once, and is worth asking for again.
fn unknown_failure_verdict(answer: &Answer) -> Verdict {
    let cut_short = || matches!(read(&answer.body), Body::Broken);
    let begun = answer.body.trim_ascii_start().starts_with(b"{");
    match answer.status {
        408 | 500..=599 => Verdict::Retry,
        _ if begun && cut_short() => Verdict::Retry,
        _ => Verdict::Final,
    }
}
