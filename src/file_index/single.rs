//! One key that is no file's, read the way a stale store wants it: only when it
//! is listed.

use crate::cloudflare::{ApiError, Kv, KvValue};

/// What is known of one key.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// It is not listed.
    Absent,
    /// It is listed, and reading it gave nothing: its absence is cached.
    Unread,
    /// It holds this.
    Held(KvValue),
}

/// Looks for one key and reads it.
pub async fn read_key(kv: &Kv, key: &str) -> Result<Reading, ApiError> {
    let mut cursor = None;
    let listed = loop {
        let page = kv.list(key, cursor.as_ref()).await?;
        // Keys come in the order of their bytes, so this one is the first of
        // those that begin with it; but a page may be empty and not the last.
        let first = page.keys.into_iter().next();
        match (first, page.next) {
            (Some(first), _) if first.name == key => break first,
            (None, Some(next)) => cursor = Some(next),
            _ => return Ok(Reading::Absent),
        }
    };
    let mut values = kv.get_many(&[key.to_owned()]).await?;
    Ok(match values.remove(key).flatten() {
        None => Reading::Unread,
        Some(value) => Reading::Held(with_expiry(value, listed.expiration)),
    })
}

/// The listing knows the expiry even where the value's answer leaves it out.
pub(super) fn with_expiry(value: KvValue, listed: Option<u64>) -> KvValue {
    KvValue {
        expiration: value.expiration.or(listed),
        ..value
    }
}
