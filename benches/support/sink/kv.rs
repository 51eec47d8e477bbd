//! The pairs of one KV namespace, kept in memory in the order of their keys: they come
//! in that order, so that keeping one costs the same however many there are.

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value, json};

const LIST_PAGE: usize = 1_000;

/// By key.
#[derive(Debug, Default)]
pub(super) struct Pairs(Vec<Pair>);

/// As a bulk write has it.
#[derive(Debug, Deserialize)]
struct Pair {
    key: String,
    value: String,
}

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
        let first = match after.as_str() {
            "" => self.0.partition_point(|pair| pair.key < prefix),
            after => self.0.partition_point(|pair| pair.key.as_str() <= after),
        };
        let keys = self.0[first..].iter().map(|pair| &pair.key);
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
                let pair = self.place(key).ok().map(|place| &self.0[place]);
                let told = pair.map(|pair| json!({ "value": pair.value, "metadata": null }));
                (key.to_owned(), told.unwrap_or(Value::Null))
            })
            .collect();
        Some(json!({ "values": told }))
    }

    fn put(&mut self, body: &[u8]) -> Option<Value> {
        let pairs: Vec<Pair> = serde_json::from_slice(body).ok()?;
        let count = pairs.len();
        for pair in pairs {
            match self.place(&pair.key) {
                Ok(place) => self.0[place] = pair,
                Err(place) => self.0.insert(place, pair),
            }
        }
        Some(json!({ "successful_key_count": count, "unsuccessful_keys": [] }))
    }

    /// Where a key is, or where it belongs.
    fn place(&self, key: &str) -> Result<usize, usize> {
        match self.0.last() {
            Some(last) if last.key.as_str() >= key => {
                self.0.binary_search_by(|pair| pair.key.as_str().cmp(key))
            }
            _ => Err(self.0.len()),
        }
    }
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
