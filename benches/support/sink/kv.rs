//! The pairs of one KV namespace, kept in memory.

use std::collections::BTreeMap;
use std::ops::Bound;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

const LIST_PAGE: usize = 1_000;

/// Key and value.
#[derive(Debug, Default)]
pub(super) struct Pairs(BTreeMap<String, String>);

impl Pairs {
    /// Result and `result_info` for what follows the namespaces' path; none where there
    /// is no such route.
    pub(super) fn answer(
        &mut self,
        rest: &str,
        query: &str,
        body: &[u8],
    ) -> Option<(Value, Value)> {
        let (_, end) = rest.split_once('/')?;
        match end {
            "keys" => Some(self.page(query)),
            "bulk/get" => Some((self.values(body)?, Value::Null)),
            "bulk" => Some((self.put(body)?, Value::Null)),
            _ => None,
        }
    }

    fn page(&self, query: &str) -> (Value, Value) {
        let prefix = decoded(super::parameter(query, "prefix").unwrap_or_default());
        let after = decoded(super::parameter(query, "cursor").unwrap_or_default());
        let from = match after.as_str() {
            "" => Bound::Included(prefix.as_str()),
            after => Bound::Excluded(after),
        };
        let keys = self.0.range::<str, _>((from, Bound::Unbounded));
        let keys = keys.map(|(key, _)| key);
        let page: Vec<&String> = keys
            .take_while(|key| key.starts_with(&prefix))
            .take(LIST_PAGE)
            .collect();
        let cursor = match page.last() {
            Some(last) if page.len() == LIST_PAGE => last.as_str(),
            _ => "",
        };
        let info = json!({ "count": page.len(), "cursor": cursor });
        let names = page.iter().map(|key| json!({ "name": key }));
        (names.collect(), info)
    }

    fn values(&self, body: &[u8]) -> Option<Value> {
        let asked: Value = serde_json::from_slice(body).ok()?;
        let keys = asked["keys"].as_array()?.iter().filter_map(Value::as_str);
        let told: Map<String, Value> = keys
            .map(|key| {
                let value = self.0.get(key);
                let told = value.map(|value| json!({ "value": value, "metadata": null }));
                (key.to_owned(), told.unwrap_or(Value::Null))
            })
            .collect();
        Some(json!({ "values": told }))
    }

    fn put(&mut self, body: &[u8]) -> Option<Value> {
        let pairs: Vec<Map<String, Value>> = serde_json::from_slice(body).ok()?;
        let count = pairs.len();
        for pair in pairs {
            let text = |name: &str| pair.get(name)?.as_str().map(str::to_owned);
            self.0.insert(text("key")?, text("value")?);
        }
        Some(json!({ "successful_key_count": count, "unsuccessful_keys": [] }))
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
