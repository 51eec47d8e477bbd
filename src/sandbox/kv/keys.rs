//! Listing keys, in the order of their UTF-8 bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::{Transaction, params};
use serde_json::{Value, json};

use super::super::reply::{Answer, Failure, Reply};
use super::super::request::Incoming;
use super::super::store::{Done, Store};
use super::cache::ReadOf;
use super::entry::{SEEN, metadata_json, version_for};
use super::namespace::of_call;
use super::rules::whole;

const MOST_KEYS: i64 = 1_000;
const FEWEST_KEYS: i64 = 10;

struct Found {
    key: String,
    expiration: Option<i64>,
    metadata: Option<String>,
}

/// List keys.
pub(super) fn list(store: &Store, call: &Incoming) -> Answer {
    let limit = whole(call, "limit", 10028)?.unwrap_or(MOST_KEYS);
    if !(FEWEST_KEYS..=MOST_KEYS).contains(&limit) {
        let message = format!("limit must be {FEWEST_KEYS} to {MOST_KEYS}, got {limit}");
        return Err(Failure::bad(10028, message));
    }
    let limit = usize::try_from(limit).unwrap_or_default();
    let prefix = call.query("prefix").unwrap_or("");
    let after = match call.query("cursor").filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(decode_cursor(text, prefix)?),
    };
    store.transaction(|db| {
        let namespace = of_call(db, call)?;
        let what = ReadOf::List {
            namespace: namespace.clone(),
            prefix: prefix.to_owned(),
        };
        let version = version_for(db, store, call, what)?;
        let seen = (version, call.now_secs());
        let mut found = scan(db, &namespace, prefix, after.as_deref(), seen, limit + 1)?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| more);
        let cursor = last.map_or(String::new(), |last| encode_cursor(prefix, &last.key));
        let result: Value = found.iter().map(describe).collect();
        let info = json!({"count": found.len(), "cursor": cursor});
        Ok(Reply::paged(result, info))
    })
}

fn scan(
    db: &Transaction<'_>,
    namespace: &str,
    prefix: &str,
    after: Option<&str>,
    (version, now_secs): (i64, i64),
    limit: usize,
) -> Done<Vec<Found>> {
    let sql = format!(
        "SELECT key, expiration, metadata FROM entry WHERE namespace = ?1 AND key >= ?2 AND {SEEN} ORDER BY key"
    );
    let mut statement = db.prepare_cached(&sql)?;
    let from = after.unwrap_or(prefix);
    let mut rows = statement.query(params![namespace, from, version, now_secs])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let key: String = row.get(0)?;
        if !key.starts_with(prefix) || found.len() == limit {
            break;
        }
        if after != Some(key.as_str()) {
            found.push(Found {
                key,
                expiration: row.get(1)?,
                metadata: row.get(2)?,
            });
        }
    }
    Ok(found)
}

fn describe(found: &Found) -> Value {
    let mut shown = json!({"name": found.key});
    if let Some(expiration) = found.expiration {
        shown["expiration"] = json!(expiration);
    }
    if found.metadata.is_some() {
        shown["metadata"] = metadata_json(found.metadata.as_deref());
    }
    shown
}

/// Plus, slash and equals sign are always there: clients must encode them.
fn encode_cursor(prefix: &str, last: &str) -> String {
    let text = json!([prefix, last]).to_string();
    format!("+/{}=", STANDARD.encode(text))
}

fn decode_cursor(text: &str, prefix: &str) -> Done<String> {
    let inner = text
        .strip_prefix("+/")
        .and_then(|text| text.strip_suffix('='));
    inner
        .and_then(|inner| STANDARD.decode(inner).ok())
        .and_then(|bytes| serde_json::from_slice::<[String; 2]>(&bytes).ok())
        .filter(|[of, _]| of == prefix)
        .map(|[_, last]| last)
        .ok_or_else(|| Failure::bad(10041, "invalid list cursor"))
}
