//! Between payloads and jq's values. Numbers keep their text both ways; what jq
//! has and JSON has not is refused.

use jaq_core::ValT as _;
use jaq_json::{Map, Num, Val};
use serde_json::{Number, Value};

use super::limits::{self, MAX_DEPTH};
use crate::point::Payload;

pub(super) fn of_payload(payload: &Payload) -> Result<Val, String> {
    let entries = payload
        .iter()
        .map(|(key, value)| Ok((Val::utf8_str(key.clone()), of_value(value)?)));
    entries.collect::<Result<Map, String>>().map(Val::obj)
}

fn of_value(value: &Value) -> Result<Val, String> {
    Ok(match value {
        Value::Null => Val::Null,
        Value::Bool(truth) => Val::Bool(*truth),
        Value::Number(number) => {
            limits::number(number.as_str())?;
            Val::from_num(number.as_str()).expect("any text is taken for a number")
        }
        Value::String(text) => Val::utf8_str(text.clone()),
        Value::Array(items) => items.iter().map(of_value).collect::<Result<_, _>>()?,
        Value::Object(object) => of_payload(object)?,
    })
}

/// The object that a program gave.
pub(super) fn to_payload(value: Val) -> Result<Payload, String> {
    match to_value(&value, 0)? {
        Value::Object(object) => Ok(object),
        other => Err(format!("it gives {}, not an object", kind(&other))),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn to_value(value: &Val, depth: usize) -> Result<Value, String> {
    if depth > MAX_DEPTH {
        return Err(format!("its result nests deeper than {MAX_DEPTH} levels"));
    }
    match value {
        Val::Null => Ok(Value::Null),
        Val::Bool(truth) => Ok(Value::Bool(*truth)),
        Val::Num(number) => to_number(number).map(Value::Number),
        Val::TStr(bytes) => to_text(bytes).map(Value::String),
        Val::BStr(_) => Err("its result holds bytes, which JSON does not have".to_owned()),
        Val::Arr(items) => {
            let items = items.iter().map(|item| to_value(item, depth + 1));
            items.collect::<Result<_, _>>().map(Value::Array)
        }
        Val::Obj(object) => {
            let entries = object.iter().map(|(key, value)| {
                let Val::TStr(key) = key else {
                    return Err(format!("its result has the key {key}, which is not text"));
                };
                Ok((to_text(key)?, to_value(value, depth + 1)?))
            });
            entries.collect::<Result<_, _>>().map(Value::Object)
        }
    }
}

fn to_text(bytes: &[u8]) -> Result<String, String> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| "its result holds text that is not UTF-8".to_owned())
}

fn to_number(number: &Num) -> Result<Number, String> {
    let text = number.to_string();
    let exact = match number {
        Num::Float(_) => None,
        Num::Int(_) | Num::BigInt(_) | Num::Dec(_) => text.parse().ok(),
    };
    // A program may write numbers that JSON does not: `.5`.
    let as_float = || text.parse().ok().and_then(Number::from_f64);
    exact
        .or_else(as_float)
        .ok_or_else(|| format!("its result holds {text}, which JSON does not have"))
}
