//! What an index answers → vectors that are compared with the records.

use std::sync::Arc;

use axum::http::{Request, Response};
use bytes::Bytes;
use cf_migrate::clock::Clock;
use cf_migrate::cloudflare::{Account, AccountId, IndexName, Vectorize};
use cf_migrate::http::{Budget, Client, Transport};
use cf_migrate::record::{Digest, Record, VectorId};
use futures::FutureExt as _;
use secrecy::SecretString;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::measure::{Part, cpu_of, memory_copy};
use crate::transform::records;

/// The vectors of one answer.
const VECTORS: usize = 20;
/// Answers of a round.
const ANSWERS: usize = 50;

/// Answers → records known to be the same.
pub(crate) fn read_back(name: &'static str) -> Part {
    let records = records(VECTORS);
    let texts: Vec<String> = records.iter().map(numbers).collect();
    let answer = Bytes::from(answer(&records, &texts));
    let (copied, index) = (memory_copy(answer.repeat(ANSWERS)), index(answer));
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime can be made");
    Part::new(name, (VECTORS * ANSWERS, "vector"), move || {
        cpu_of(|| (0..ANSWERS).for_each(|_| compare(&runtime, &index, &records)))
    })
    .beside("bare parsing", move || {
        cpu_of(|| (0..ANSWERS).for_each(|_| texts.iter().for_each(|text| parse_bare(text))))
    })
    .beside("memory copy", copied)
}

fn compare(runtime: &Runtime, index: &Vectorize, records: &[Record]) {
    let ids: Vec<VectorId> = records.iter().map(|record| record.id.clone()).collect();
    let found = runtime.block_on(index.get_by_ids(&ids));
    let found = found.expect("the answer is one");
    for (record, found) in records.iter().zip(&found) {
        let metadata = found.metadata.as_ref().expect("the answer has it");
        let digest = Digest::of(found.namespace.as_deref(), &found.values, metadata);
        assert_eq!(digest, record.digest());
    }
}

/// With the standard library, and no look for where the numbers stand.
fn parse_bare(numbers: &str) {
    let numbers: Result<Vec<f32>, _> = numbers.split(',').map(str::parse).collect();
    drop(std::hint::black_box(numbers));
}

fn numbers(record: &Record) -> String {
    let mut buffer = zmij::Buffer::new();
    let texts = record
        .values
        .iter()
        .map(|value| buffer.format(*value).to_owned());
    texts.collect::<Vec<_>>().join(",")
}

fn answer(records: &[Record], texts: &[String]) -> String {
    let vectors = records.iter().zip(texts).map(|(record, numbers)| {
        let (id, metadata) = (json!(record.id), record.metadata.json());
        format!(r#"{{"id":{id},"namespace":null,"values":[{numbers}],"metadata":{metadata}}}"#)
    });
    let vectors = vectors.collect::<Vec<_>>().join(",");
    format!(r#"{{"success":true,"errors":[],"messages":[],"result":[{vectors}]}}"#)
}

/// An index that gives the same answer to everything.
fn index(answer: Bytes) -> Vectorize {
    let call = Arc::new(move |_: Request<Bytes>| {
        let answer = Response::new(answer.clone());
        async move { Ok(answer) }.boxed()
    });
    let token = SecretString::from("token");
    let transport = Transport::in_process(token, call).expect("the token can be sent");
    let clock = Clock::real();
    let client = Client::new(transport, Budget::unlimited(clock), clock);
    let account = AccountId::new("0".repeat(32)).expect("it is an account's id");
    let index = IndexName::new("bench").expect("it is an index's name");
    Account::new(client, account).vectorize(&index)
}
