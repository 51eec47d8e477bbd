//! Single values: read, write, delete, and their metadata.

use axum::http::StatusCode;
use bytes::Bytes;
use serde_json::Value;

use super::super::reply::{Answer, Failure, Reply};
use super::super::request::{Incoming, Payload};
use super::super::store::{Done, Store};
use super::entry::{self, Entry, Writer};
use super::namespace::of_call;
use super::rules::{check_key, check_value, expiry, kept_metadata, whole};

/// One write to a key in this time.
const WRITE_PAUSE_MS: i64 = 1_000;

fn key_not_found() -> Failure {
    Failure::new(StatusCode::NOT_FOUND, 10009, "get: 'key not found'")
}

fn find(store: &Store, call: &Incoming) -> Done<Entry> {
    let key = call.param(1);
    check_key(key)?;
    store.transaction(|db| {
        let namespace = of_call(db, call)?;
        entry::read(db, store, call, &namespace, key)?.ok_or_else(key_not_found)
    })
}

pub(super) fn read(store: &Store, call: &Incoming) -> Answer {
    let entry = find(store, call)?;
    Ok(Reply::Raw {
        bytes: entry.value.into(),
        expiration: entry.expiration,
    })
}

pub(super) fn read_metadata(store: &Store, call: &Incoming) -> Answer {
    Ok(Reply::result(find(store, call)?.metadata_json()))
}

pub(super) fn write(store: &Store, call: &Incoming) -> Answer {
    let key = call.param(1);
    check_key(key)?;
    let (value, metadata) = content(call)?;
    check_value(value.len())?;
    let at = whole(call, "expiration", 10033)?;
    let ttl = whole(call, "expiration_ttl", 10034)?;
    let entry = Entry {
        value: value.to_vec(),
        expiration: expiry(call, at, ttl)?,
        metadata: kept_metadata(&metadata)?,
    };
    store.transaction(|db| {
        let namespace = of_call(db, call)?;
        let written_ms = entry::last_written_ms(db, &namespace, key)?;
        let pause = written_ms.map(|written_ms| call.now_ms - written_ms);
        if call.strict() && pause.is_some_and(|pause| pause < WRITE_PAUSE_MS) {
            return Err(Failure::too_many(10022, Some(1)));
        }
        Writer::begin(db, store, call.now_ms)?.put(&namespace, key, &entry)?;
        Ok(Reply::result(Value::Null))
    })
}

/// Value and metadata: the raw body, or the parts of those names.
fn content(call: &Incoming) -> Done<(Bytes, Value)> {
    let parts = match &call.body {
        Payload::Raw(bytes) => return Ok((bytes.clone(), Value::Null)),
        Payload::Broken(error) => return Err(Failure::bad(10012, error.clone())),
        Payload::Parts(parts) => parts,
    };
    let part = |wanted: &str| {
        let found = parts.iter().find(|(name, _)| name == wanted);
        found.map(|(_, bytes)| bytes.clone())
    };
    let value = part("value")
        .ok_or_else(|| Failure::bad(10012, "multipart body without a part named value"))?;
    let metadata = match part("metadata").filter(|bytes| !bytes.is_empty()) {
        None => Value::Null,
        Some(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| Failure::bad(10047, format!("metadata is not JSON: {error}")))?,
    };
    Ok((value, metadata))
}

pub(super) fn delete(store: &Store, call: &Incoming) -> Answer {
    let key = call.param(1);
    check_key(key)?;
    store.transaction(|db| {
        let namespace = of_call(db, call)?;
        Writer::begin(db, store, call.now_ms)?.remove(&namespace, key)?;
        Ok(Reply::result(Value::Null))
    })
}
