//! A stand-in for the account that needs no memory: it holds the records by their
//! formula, answers pages of ids and keys from it, and discards what is written.

use std::sync::Arc;

use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::cloudflare::{Account, AccountId};
use cf_migrate::http::{Budget, Client, Transport};
use cf_migrate::stages::prepare::Accounts;
use futures::FutureExt as _;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::rows::{self, Collection};

/// The KV namespace's id.
pub(crate) const NAMESPACE: &str = "0123456789abcdef0123456789abcdef";
/// The key of the number of vectors.
const COUNT_KEY: &str = "_vector_count";
/// Ids and keys of a page, the most that the service gives.
pub(crate) const PAGE: u64 = 1_000;

/// What the account holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Holdings {
    pub(crate) collection: Collection,
    pub(crate) vectors: Vectors,
    pub(crate) entries: Entries,
}

/// What the index holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vectors {
    /// Nothing.
    None,
    /// Our records.
    Ours,
    /// As many that are not ours.
    Foreign,
}

/// Which entries KV holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entries {
    None,
    Ours,
}

impl Holdings {
    /// The way to the account, without a budget that would have to be waited for.
    pub(crate) fn accounts(self, clock: Clock) -> Accounts {
        let call = move |request: http::Request<Bytes>| {
            let answer = self.answer(&request);
            std::future::ready(Ok(http::Response::new(Bytes::from(answer)))).boxed()
        };
        let token = SecretString::from("token");
        let transport = Transport::in_process(token, Arc::new(call)).expect("a plain token");
        let budget = Budget::in_memory(1_000, clock);
        let client = Client::new(transport, budget, clock);
        let id = AccountId::new("0".repeat(32)).expect("a usual id");
        let account = Account::new(client.clone(), id);
        Accounts {
            vectorize: account.clone(),
            kv: account,
            service: "stand-in".to_owned(),
            clients: vec![client],
        }
    }

    fn answer(self, request: &http::Request<Bytes>) -> String {
        let path = request.uri().path();
        let end = path.rsplit('/').next().unwrap_or_default();
        match end {
            "list" => self.list(request.uri()),
            "info" => result(&json!({
                "dimensions": rows::DIMENSIONS,
                "vectorCount": self.vector_count(),
            })),
            "get_by_ids" => self.get_by_ids(request.body()),
            "namespaces" => result(&json!([{ "id": NAMESPACE, "title": "files" }])),
            "keys" => self.keys(request.uri()),
            "get" => self.values(request.body()),
            "bulk" | "delete" => result(&json!({})),
            _ => panic!("the stand-in does not know {path}"),
        }
    }

    fn vector_count(self) -> u64 {
        match self.vectors {
            Vectors::None => 0,
            Vectors::Ours | Vectors::Foreign => self.collection.points,
        }
    }

    fn list(self, uri: &http::Uri) -> String {
        let first = parameter(uri, "cursor").map_or(0, |cursor| number(&cursor));
        self.page(first)
    }

    /// A page of ids from that place on.
    pub(crate) fn page(self, first: u64) -> String {
        let count = self.vector_count();
        let next = count.min(first + PAGE);
        let mark = if self.vectors == Vectors::Foreign {
            "x"
        } else {
            ""
        };
        let ids = (first..next).map(|position| {
            let id = rows::id(self.collection.listed_at(position));
            format!("{{\"id\":\"{mark}{id}\"}}")
        });
        let ids = ids.collect::<Vec<_>>().join(",");
        let cursor = match next < count {
            true => format!("\"{next}\""),
            false => "null".to_owned(),
        };
        format!(
            "{{\"success\":true,\"errors\":[],\"messages\":[],\"result\":{{\"count\":{},\"totalCount\":{count},\"isTruncated\":{},\"nextCursor\":{cursor},\"vectors\":[{ids}]}}}}",
            next - first,
            next < count,
        )
    }

    fn get_by_ids(self, body: &[u8]) -> String {
        if self.vectors != Vectors::Ours {
            return result(&json!([]));
        }
        let asked: Value = serde_json::from_slice(body).expect("our client writes JSON");
        let ids = asked["ids"].as_array().into_iter().flatten();
        let vectors = ids.map(|id| json!({ "id": id, "values": rows::vector() }));
        result(&vectors.collect())
    }

    /// The keys that begin with the prefix, in their order.
    fn keys(self, uri: &http::Uri) -> String {
        let prefix = parameter(uri, "prefix").unwrap_or_default();
        if self.entries == Entries::None {
            return result(&json!([]));
        }
        if COUNT_KEY.starts_with(&prefix) {
            return result(&json!([{ "name": COUNT_KEY }]));
        }
        let first = parameter(uri, "cursor").map_or(0, |cursor| number(&cursor));
        let files = self.collection.files();
        let next = files.min(first + PAGE);
        let keys: Vec<Value> = (first..next)
            .map(|file| json!({ "name": rows::key(file) }))
            .collect();
        let cursor = match next < files {
            true => next.to_string(),
            false => String::new(),
        };
        json!({ "success": true, "errors": [], "messages": [], "result": keys,
            "result_info": { "count": next - first, "cursor": cursor } })
        .to_string()
    }

    fn values(self, body: &[u8]) -> String {
        let asked: Value = serde_json::from_slice(body).expect("our client writes JSON");
        let keys = asked["keys"].as_array().into_iter().flatten();
        let values = keys.filter_map(Value::as_str).map(|key| {
            let value = match rows::file_of_key(key) {
                Some(file) => Value::from(self.collection.ids_of(file)).to_string(),
                None => self.vector_count().to_string(),
            };
            (key.to_owned(), json!({ "value": value }))
        });
        let values: serde_json::Map<String, Value> = values.collect();
        result(&json!({ "values": values }))
    }
}

fn result(result: &Value) -> String {
    json!({ "success": true, "errors": [], "messages": [], "result": result }).to_string()
}

fn number(text: &str) -> u64 {
    text.parse().expect("the stand-in's cursors are numbers")
}

/// One value of the query; what the stand-in is asked needs decoding of colons only.
fn parameter(uri: &http::Uri, name: &str) -> Option<String> {
    let pairs = uri
        .query()?
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(key, _)| *key == name)?;
    Some(value.replace("%3A", ":"))
}
