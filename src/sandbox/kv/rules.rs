//! What a key, a value, metadata and an expiry must satisfy (KV limits page).

use axum::http::StatusCode;
use serde_json::Value;

use super::super::reply::Failure;
use super::super::request::Incoming;
use super::super::store::Done;

const LONGEST_KEY: usize = 512;
const LARGEST_VALUE: usize = 25 * 1024 * 1024;
const LARGEST_METADATA: usize = 1_024;
const SHORTEST_LIFE_SECS: i64 = 60;

pub(super) fn check_key(key: &str) -> Done<()> {
    if matches!(key, "" | "." | "..") {
        return Err(Failure::bad(10042, format!("illegal key name: {key:?}")));
    }
    if key.len() > LONGEST_KEY {
        let got = key.len();
        let message = format!("key too long: max {LONGEST_KEY} bytes, got {got}");
        return Err(Failure::new(StatusCode::URI_TOO_LONG, 10030, message));
    }
    Ok(())
}

pub(super) fn check_value(bytes: usize) -> Done<()> {
    if bytes > LARGEST_VALUE {
        let message = format!("value too large: max {LARGEST_VALUE} bytes, got {bytes}");
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, 10024, message));
    }
    Ok(())
}

/// Metadata as it is kept: compact JSON; none for null.
pub(super) fn kept_metadata(metadata: &Value) -> Done<Option<String>> {
    if metadata.is_null() {
        return Ok(None);
    }
    let text = metadata.to_string();
    if text.len() > LARGEST_METADATA {
        let got = text.len();
        let message = format!("metadata too large: max {LARGEST_METADATA} bytes, got {got}");
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, 10047, message));
    }
    Ok(Some(text))
}

/// When an entry ends, in seconds since the Unix epoch; a time to live wins over
/// a moment.
pub(super) fn expiry(call: &Incoming, at: Option<i64>, ttl: Option<i64>) -> Done<Option<i64>> {
    let now = call.now_secs();
    match (at, ttl) {
        (_, Some(ttl)) if ttl < SHORTEST_LIFE_SECS => Err(Failure::bad(
            10034,
            format!(
                "Invalid expiration_ttl of {ttl}. Expiration TTL must be at least {SHORTEST_LIFE_SECS}."
            ),
        )),
        (_, Some(ttl)) => Ok(Some(now.saturating_add(ttl))),
        (Some(at), None) if at < now.saturating_add(SHORTEST_LIFE_SECS) => Err(Failure::bad(
            10033,
            format!(
                "Invalid expiration of {at}. Expiration must be at least {SHORTEST_LIFE_SECS} seconds in the future."
            ),
        )),
        (at, None) => Ok(at),
    }
}

/// A whole number from the query.
pub(super) fn whole(call: &Incoming, name: &str, code: u32) -> Done<Option<i64>> {
    let Some(text) = call.query(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let number = text.parse().map(Some);
    number.map_err(|_| Failure::bad(code, format!("{name} must be a whole number, got {text:?}")))
}
