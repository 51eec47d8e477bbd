//! Bulk calls. A bulk write is checked as a whole, but not atomic: under the
//! fault `kv-partial` some keys are left out of a successful answer's effect.

use std::collections::HashMap;

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::fault::FaultKind;
use super::super::reply::{Answer, Failure, Reply};
use super::super::request::Incoming;
use super::super::store::{Done, Store};
use super::entry::{self, Entry, Writer};
use super::namespace::of_call;
use super::rules::{check_key, check_value, expiry, kept_metadata};

const MOST_WRITTEN: usize = 10_000;
const MOST_READ: usize = 100;
const LARGEST_BODY: usize = 100_000_000;
const LARGEST_BODY_LENIENT: usize = 104_857_600;

#[derive(Debug, Deserialize)]
struct Pair {
    key: String,
    value: String,
    #[serde(default)]
    base64: Option<bool>,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    expiration: Option<i64>,
    #[serde(default)]
    expiration_ttl: Option<i64>,
}

pub(super) fn put(store: &Store, call: &Incoming) -> Answer {
    let pairs: Vec<Pair> = read_array(call)?;
    let entries = pairs
        .into_iter()
        .map(|pair| read_pair(call, pair))
        .collect::<Done<Vec<_>>>()?;
    check_repeats(call, &entries)?;
    write(store, call, &entries, |writer, namespace, (key, entry)| {
        writer.put(namespace, key, entry)
    })
}

pub(super) fn delete(store: &Store, call: &Incoming) -> Answer {
    let keys: Vec<String> = read_array(call)?;
    keys.iter().try_for_each(|key| check_key(key))?;
    let keys: Vec<_> = keys.into_iter().map(|key| (key, ())).collect();
    write(store, call, &keys, |writer, namespace, (key, ())| {
        writer.remove(namespace, key)
    })
}

fn read_array<T: serde::de::DeserializeOwned>(call: &Incoming) -> Done<Vec<T>> {
    let limit = if call.strict() {
        LARGEST_BODY
    } else {
        LARGEST_BODY_LENIENT
    };
    if call.body_bytes > limit {
        let message = format!(
            "payload too large: max {limit} bytes, got {}",
            call.body_bytes
        );
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, 10024, message));
    }
    let items: Vec<T> = serde_json::from_slice(call.raw())
        .map_err(|error| Failure::bad(10012, format!("could not parse body: {error}")))?;
    if items.len() > MOST_WRITTEN {
        let message = format!("at most {MOST_WRITTEN} keys, got {}", items.len());
        return Err(Failure::bad(10029, message));
    }
    Ok(items)
}

fn read_pair(call: &Incoming, pair: Pair) -> Done<(String, Entry)> {
    check_key(&pair.key)?;
    let value = if pair.base64.unwrap_or(false) {
        STANDARD.decode(&pair.value).map_err(|error| {
            let message = format!("value of key {:?} is not base64: {error}", pair.key);
            Failure::bad(10012, message)
        })?
    } else {
        pair.value.into_bytes()
    };
    check_value(value.len())?;
    let entry = Entry {
        value,
        expiration: expiry(call, pair.expiration, pair.expiration_ttl)?,
        metadata: kept_metadata(&pair.metadata)?,
    };
    Ok((pair.key, entry))
}

/// The same key twice is refused; lenient, only with another value or expiry.
fn check_repeats(call: &Incoming, entries: &[(String, Entry)]) -> Done<()> {
    let mut known: HashMap<&str, &Entry> = HashMap::new();
    for (key, entry) in entries {
        let Some(before) = known.insert(key, entry) else {
            continue;
        };
        let same = before.value == entry.value && before.expiration == entry.expiration;
        if call.strict() || !same {
            let message = format!("duplicate key {key:?} in the request");
            return Err(Failure::bad(10021, message));
        }
    }
    Ok(())
}

fn write<T>(
    store: &Store,
    call: &Incoming,
    items: &[(String, T)],
    one: impl Fn(&Writer<'_>, &str, &(String, T)) -> rusqlite::Result<()>,
) -> Answer {
    store.transaction(|db| {
        let namespace = of_call(db, call)?;
        let writer = Writer::begin(db, store, call.now_ms)?;
        let mut left_out = Vec::new();
        for (place, item) in items.iter().enumerate() {
            if is_left_out(call, place, items.len()) {
                left_out.push(&item.0);
            } else {
                one(&writer, &namespace, item)?;
            }
        }
        Ok(Reply::result(json!({
            "successful_key_count": items.len() - left_out.len(),
            "unsuccessful_keys": left_out,
        })))
    })
}

/// Under `kv-partial`, every third key and one for certain.
fn is_left_out(call: &Incoming, place: usize, count: usize) -> bool {
    let first = usize::try_from(call.fate.roll % 3)
        .unwrap_or(0)
        .min(count - 1);
    call.meets(FaultKind::KvPartial) && place % 3 == first
}

#[derive(Debug, Deserialize)]
struct Wanted {
    keys: Vec<String>,
    #[serde(default, rename = "type")]
    form: Option<Form>,
    #[serde(default, rename = "withMetadata")]
    with_metadata: Option<bool>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Form {
    Text,
    Json,
}

pub(super) fn get(store: &Store, call: &Incoming) -> Answer {
    let wanted: Wanted = serde_json::from_slice(call.raw())
        .map_err(|error| Failure::bad(10012, format!("could not parse body: {error}")))?;
    if wanted.keys.is_empty() || wanted.keys.len() > MOST_READ {
        let message = "bulk get keys: 'You can request a maximum of 100 keys'";
        return Err(Failure::bad(10029, message));
    }
    wanted.keys.iter().try_for_each(|key| check_key(key))?;
    store.transaction(|db| {
        let namespace = of_call(db, call)?;
        let mut values = Map::new();
        for key in &wanted.keys {
            let found = entry::read(db, store, call, &namespace, key)?;
            let shown = found.map(|entry| show(key, &entry, &wanted)).transpose()?;
            values.insert(key.clone(), shown.unwrap_or(Value::Null));
        }
        Ok(Reply::result(json!({"values": values})))
    })
}

fn show(key: &str, entry: &Entry, wanted: &Wanted) -> Done<Value> {
    let value = match wanted.form.unwrap_or(Form::Text) {
        Form::Text => json!(String::from_utf8_lossy(&entry.value)),
        Form::Json => serde_json::from_slice(&entry.value).map_err(|_| {
            Failure::bad(
                10029,
                format!("bulk get keys: value of {key:?} is not JSON"),
            )
        })?,
    };
    if !wanted.with_metadata.unwrap_or(false) {
        return Ok(value);
    }
    let mut shown = json!({"value": value, "metadata": entry.metadata_json()});
    if let Some(expiration) = entry.expiration {
        shown["expiration"] = json!(expiration);
    }
    Ok(shown)
}
