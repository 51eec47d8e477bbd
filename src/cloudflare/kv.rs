//! One Workers KV namespace: listing, reading and writing keys in bulk, at most
//! as many as the service takes. That reads may be stale is the callers' matter.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloudflare::account::Account;
use crate::cloudflare::call::{self, Operation};
use crate::cloudflare::envelope::{self, Envelope, Form};
use crate::cloudflare::error::ApiError;
use crate::cloudflare::ids::{KeyCursor, KvNamespaceId, encoded};
use crate::cloudflare::wire::{self, BulkWire};
use crate::http::{Cause, Request};

/// The most keys of one bulk read (KV API; code 10029 above).
pub const MAX_GET_KEYS: usize = 100;
/// The most pairs or keys of one bulk write or delete (KV API).
pub const MAX_BULK_KEYS: usize = 10_000;
/// The largest value (KV limits page).
pub const MAX_VALUE_BYTES: usize = 25 * 1024 * 1024;

/// Keys on a page of the listing, the most there can be (KV API).
const LIST_PAGE_KEYS: usize = 1_000;
/// The largest bulk answer that is read: one value of the largest size in which
/// every byte is a six-character escape. Answers over it are asked for in parts.
const BULK_ANSWER_BYTES: usize = 6 * MAX_VALUE_BYTES + 64 * 1024;

/// The permission for reading.
pub(crate) const READ: &str = "Workers KV Storage Read";
/// The permission for writing, which includes reading.
pub(crate) const WRITE: &str = "Workers KV Storage Write";

/// One KV namespace of the account. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Kv {
    account: Account,
    namespace: KvNamespaceId,
}

/// A key as the listing gives it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct KeyEntry {
    /// The key.
    pub name: String,
    /// When it expires, in Unix seconds; none for never.
    pub expiration: Option<u64>,
    /// Its metadata.
    #[serde(default, deserialize_with = "wire::small_metadata")]
    pub metadata: Option<Value>,
}

/// A page of keys, in the order of their UTF-8 bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyPage {
    /// The keys; a page may be empty and not be the last.
    pub keys: Vec<KeyEntry>,
    /// Where the next page begins; none at the end.
    pub next: Option<KeyCursor>,
}

/// A stored value with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub struct KvValue {
    /// The value; bytes that are not UTF-8 do not survive a bulk read.
    pub value: String,
    /// Its metadata.
    pub metadata: Option<Value>,
    /// When it expires, in Unix seconds; none for never.
    pub expiration: Option<u64>,
}

/// A key and value to be written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KvPair {
    /// The key, 1 to 512 bytes.
    pub key: String,
    /// The value, at most [`MAX_VALUE_BYTES`].
    pub value: String,
    /// Seconds until it expires, at least 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration_ttl: Option<u64>,
    /// When it expires, in Unix seconds, at least 60 ahead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiration: Option<u64>,
    /// Metadata, at most 1,024 bytes of JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Value>,
}

/// The keys of a bulk call that did not reach every store: to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[must_use = "these keys were not written"]
pub struct Unsuccessful(pub Vec<String>);

impl Kv {
    pub(crate) fn new(account: Account, namespace: KvNamespaceId) -> Self {
        Self { account, namespace }
    }

    /// The namespace's id.
    pub fn namespace(&self) -> &KvNamespaceId {
        &self.namespace
    }

    /// A page of the keys that begin with `prefix`.
    pub async fn list(
        &self,
        prefix: &str,
        cursor: Option<&KeyCursor>,
    ) -> Result<KeyPage, ApiError> {
        let operation = self.operation(READ, "list the keys of");
        let mut path = format!("{}?limit={LIST_PAGE_KEYS}", self.path("keys"));
        if !prefix.is_empty() {
            path = format!("{path}&prefix={}", encoded(prefix));
        }
        if let Some(cursor) = cursor {
            path = format!("{path}&cursor={}", encoded(cursor.as_str()));
        }
        let http = self.account.http();
        let envelope: Envelope<Vec<KeyEntry>> =
            call::envelope(http, operation, "an array of keys", call::get(path)).await?;
        let cursor = envelope.result_info.and_then(|info| info.cursor);
        Ok(KeyPage {
            keys: envelope.result.unwrap_or_default(),
            next: cursor.and_then(KeyCursor::new),
        })
    }

    /// The value of one key as it is stored; none where there is no such key.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, ApiError> {
        // No key is named so, and as segments of a path these mean another one.
        if matches!(key, "" | "." | "..") {
            return Ok(None);
        }
        let operation = self.operation(READ, "read a value from");
        let path = self.path(&format!("values/{}", encoded(key)));
        let request = call::get(path).answer_bytes(MAX_VALUE_BYTES + 64 * 1024);
        let answer = call::answer(self.account.http(), &operation, request, Form::Raw).await?;
        if answer.is_success() {
            return Ok(Some(answer.body));
        }
        match ApiError::refused(operation, &answer) {
            // Another not-found is the namespace's.
            ApiError::NotFound(refusal) if refusal.has_code(10009) => Ok(None),
            error => Err(error),
        }
    }

    /// The values of these keys, at most [`MAX_GET_KEYS`]; none for a key that is
    /// not there. An answer too large to be read is asked for in parts.
    ///
    /// # Panics
    ///
    /// With more keys than that.
    pub async fn get_many(
        &self,
        keys: &[String],
    ) -> Result<BTreeMap<String, Option<KvValue>>, ApiError> {
        assert!(
            keys.len() <= MAX_GET_KEYS,
            "{} keys in one call",
            keys.len()
        );
        let mut values = BTreeMap::new();
        let mut parts = vec![keys];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.get_part(part).await {
                Ok(some) => values.extend(some),
                Err(error) if part.len() > 1 && is_too_large(&error) => {
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.extend([second, first]);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(values)
    }

    async fn get_part(
        &self,
        keys: &[String],
    ) -> Result<BTreeMap<String, Option<KvValue>>, ApiError> {
        const EXPECTED: &str = "an object with the values of the keys";
        let operation = self.operation(READ, "read values from");
        let body = json!({ "keys": keys, "type": "text", "withMetadata": true });
        let request =
            call::json(Method::POST, self.path("bulk/get"), &body).answer_bytes(BULK_ANSWER_BYTES);
        let http = self.account.http();
        let answer = call::success(http, operation.clone(), request).await?;
        let Some(told) = wire::kv_values(&answer.body, keys) else {
            return Err(operation.bad_answer(EXPECTED, &answer));
        };
        let mut values = BTreeMap::new();
        for key in keys {
            let value = told.get(key).map_or(Some(None), |raw| wire::kv_value(raw));
            let value = value.ok_or_else(|| ApiError::BadAnswer {
                operation: operation.clone(),
                expected: EXPECTED,
                excerpt: format!("something else for the key {key:?}"),
            })?;
            values.insert(key.clone(), value);
        }
        Ok(values)
    }

    /// Writes pairs, at most [`MAX_BULK_KEYS`] and 100 MB of JSON, each key once.
    /// Not atomic: what comes back has to be sent again.
    ///
    /// # Panics
    ///
    /// With more pairs than that.
    pub async fn put_many(&self, pairs: &[KvPair]) -> Result<Unsuccessful, ApiError> {
        assert!(
            pairs.len() <= MAX_BULK_KEYS,
            "{} pairs in one call",
            pairs.len()
        );
        let operation = self.operation(WRITE, "write to");
        let request = call::json(Method::PUT, self.path("bulk"), &pairs);
        self.bulk(operation, request).await
    }

    /// Deletes keys, at most [`MAX_BULK_KEYS`]; absent ones are ignored. What
    /// comes back has to be sent again.
    ///
    /// # Panics
    ///
    /// With more keys than that.
    pub async fn delete_many(&self, keys: &[String]) -> Result<Unsuccessful, ApiError> {
        assert!(
            keys.len() <= MAX_BULK_KEYS,
            "{} keys in one call",
            keys.len()
        );
        let operation = self.operation(WRITE, "delete from");
        let request = call::json(Method::POST, self.path("bulk/delete"), &keys);
        self.bulk(operation, request).await
    }

    async fn bulk(&self, operation: Operation, request: Request) -> Result<Unsuccessful, ApiError> {
        let http = self.account.http();
        let answer = call::answer(http, &operation, request, Form::Envelope).await?;
        if answer.is_success() && answer.body.is_empty() {
            return Ok(Unsuccessful::default());
        }
        let wire = serde_json::from_slice::<Envelope<BulkWire>>(&answer.body);
        if envelope::is_success(&answer, Form::Envelope) {
            let envelope =
                wire.map_err(|_| operation.bad_answer("the keys that failed", &answer))?;
            let bulk = envelope.result.unwrap_or_default();
            return Ok(Unsuccessful(bulk.unsuccessful_keys.unwrap_or_default()));
        }
        // A partial failure can come as a refusal that lists the keys; a refusal
        // with a known reason concerns all of them.
        let failed = wire.ok().and_then(|envelope| envelope.result);
        let failed = failed.and_then(|bulk| bulk.unsuccessful_keys);
        match (ApiError::refused(operation, &answer), failed) {
            (ApiError::Other(_), Some(keys)) if !keys.is_empty() => Ok(Unsuccessful(keys)),
            (error, _) => Err(error),
        }
    }

    fn operation(&self, permission: &'static str, verb: &str) -> Operation {
        let what = format!("{verb} the KV namespace {}", self.namespace);
        Operation::new(permission, what)
    }

    fn path(&self, end: &str) -> String {
        format!("{}/{end}", self.account.namespace_path(&self.namespace))
    }
}

fn is_too_large(error: &ApiError) -> bool {
    match error {
        ApiError::Http { source, .. } => matches!(source.cause, Cause::TooLarge { .. }),
        // The service's own ceiling for a bulk answer is not published.
        ApiError::TooLarge(_) => true,
        _ => false,
    }
}
