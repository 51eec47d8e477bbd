//! Metadata as docs/mapping.md tells its rules: sizes, keys, numbers, open forms.

use cf_migrate::point::Payload;
use serde_json::Value;

use crate::choices::BigInts;
use crate::model::Rejected;

pub fn bytes(payload: &Payload) -> usize {
    serde_json::to_string(payload).unwrap().len()
}

pub fn is_bad_key(key: &str) -> bool {
    key.is_empty() || key.starts_with('$') || key.contains('.') || key.contains('"')
}

pub fn fixed(key: &str) -> String {
    match key.strip_prefix('$') {
        _ if key.is_empty() => "_".to_owned(),
        Some(rest) => format!("_{rest}").replace(['.', '"'], "_"),
        None => key.replace(['.', '"'], "_"),
    }
}

/// Every object within, the outer ones first.
pub fn walk(value: &mut Value, change: &mut impl FnMut(&mut Payload)) {
    match value {
        Value::Object(object) => {
            change(object);
            object.values_mut().for_each(|value| walk(value, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| walk(value, change)),
        _ => {}
    }
}

/// As jq writes it: the integer −0 is 0, which is a byte shorter.
pub fn without_negative_zero(value: &mut Value) {
    match value {
        Value::Object(object) => object.values_mut().for_each(without_negative_zero),
        Value::Array(items) => items.iter_mut().for_each(without_negative_zero),
        Value::Number(number) if number.to_string() == "-0" => *value = Value::from(0),
        _ => {}
    }
}

pub fn settle_numbers(value: &mut Value, how: BigInts) -> Result<(), Rejected> {
    match value {
        Value::Object(object) => object
            .values_mut()
            .try_for_each(|value| settle_numbers(value, how)),
        Value::Array(items) => items
            .iter_mut()
            .try_for_each(|value| settle_numbers(value, how)),
        Value::Number(number) => {
            let text = number.to_string();
            let whole = !text.contains(['.', 'e', 'E']);
            let big = whole
                && text
                    .parse::<i128>()
                    .map_or(true, |value| value.abs() > 1 << 53);
            match how {
                BigInts::Reject if big => return Err("big_integer"),
                BigInts::Text if big => *value = Value::from(text),
                _ if text.parse::<f64>().is_ok_and(f64::is_infinite) => {
                    return Err("number_out_of_range");
                }
                _ => {}
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

pub fn has_null(metadata: &Payload) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Object(object) => object.values().any(within),
            Value::Array(items) => items.iter().any(within),
            _ => false,
        }
    }
    metadata.values().any(within)
}

/// More than one level of objects below the metadata itself.
pub fn is_deep(metadata: &Payload) -> bool {
    fn levels(value: &Value) -> usize {
        match value {
            Value::Object(object) => 1 + object.values().map(levels).max().unwrap_or(0),
            Value::Array(items) => items.iter().map(levels).max().unwrap_or(0),
            _ => 0,
        }
    }
    metadata.values().any(|value| levels(value) > 1)
}

pub fn has_mixed(metadata: &Payload) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Object(object) => object.values().any(within),
            Value::Array(items) => !items.iter().all(Value::is_string) || items.iter().any(within),
            _ => false,
        }
    }
    metadata.values().any(within)
}

/// Whether two JSON values are the same, numbers compared as f64.
pub fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            let of = |number: &serde_json::Number| number.to_string().parse::<f64>().unwrap();
            of(left) == of(right)
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
        }
        _ => left == right,
    }
}
