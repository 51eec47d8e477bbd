//! Accepting vectors and deletions: all of a request or nothing of it. What was
//! accepted is applied later, by [`super::queue`].

use std::collections::HashMap;

use axum::http::StatusCode;
use bytes::Bytes;
use rusqlite::{Transaction, params};

use super::super::Operation;
use super::super::reply::{Answer, Failure};
use super::super::request::{Incoming, Payload};
use super::super::store::{Done, Store};
use super::index::Index;
use super::line::{self, Line};
use super::queue::{Kind, Mutation};
use super::rules::{check, kept, upstream};
use super::vector::to_bytes;

const MOST_VECTORS: usize = 5_000;
const MOST_DELETED: usize = 100;
/// 100 MB; whether that means powers of ten or of two is not published.
const LARGEST_BODY: usize = 100_000_000;
const LARGEST_BODY_LENIENT: usize = 104_857_600;

/// A checked vector in the form in which it is stored.
struct Accepted {
    id: String,
    namespace: Option<String>,
    metadata: Option<String>,
    values: Vec<u8>,
}

/// Insert and upsert.
pub(super) fn write(store: &Store, call: &Incoming) -> Answer {
    check_size(call)?;
    let bytes = ndjson(call)?;
    let index = store.transaction(|db| Index::of_call(db, store, call))?;
    // The bulk of the work is done outside the transaction, so that batches in
    // flight are read side by side; an index's dimensions cannot change.
    let vectors = read_vectors(call, &index, &bytes)?;
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        let kind = match call.operation {
            Operation::Insert => Kind::Insert,
            _ => Kind::Upsert,
        };
        let mutation = Mutation::accept(db, store, call, index.idx, kind, vectors.len())?;
        insert_rows(db, index.idx, mutation.seq, &vectors)?;
        Ok(mutation.reply())
    })
}

fn insert_rows(db: &Transaction<'_>, idx: i64, seq: i64, vectors: &[Accepted]) -> Done<()> {
    let mut statement = db.prepare_cached(
        "INSERT INTO vector (idx, seq, until, id, namespace, metadata, vals) VALUES (?, ?, NULL, ?, ?, ?, ?)",
    )?;
    for vector in vectors {
        statement.execute(params![
            idx,
            seq,
            vector.id,
            vector.namespace,
            vector.metadata,
            vector.values
        ])?;
    }
    Ok(())
}

fn check_size(call: &Incoming) -> Done<()> {
    let limit = if call.strict() {
        LARGEST_BODY
    } else {
        LARGEST_BODY_LENIENT
    };
    if call.body_bytes > limit {
        let message = format!(
            "payload too large; max {limit} bytes, got {} bytes",
            call.body_bytes
        );
        return Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, 10024, message));
    }
    Ok(())
}

/// The lines, from either encoding.
fn ndjson(call: &Incoming) -> Done<Bytes> {
    let unknown = |got: &str| {
        let message = format!("vectorize.unknown_content_type - {got:?}");
        Failure::bad(1005, message)
    };
    match &call.body {
        Payload::Raw(bytes) if call.content_type() == "application/x-ndjson" => Ok(bytes.clone()),
        Payload::Raw(_) => Err(unknown(&call.content_type())),
        Payload::Broken(error) => Err(upstream(40023, &format!("could not parse body: {error}"))),
        Payload::Parts(parts) => parts
            .iter()
            .find(|(name, _)| name == "vectors")
            .map(|(_, bytes)| bytes.clone())
            .ok_or_else(|| unknown("multipart/form-data without a part named vectors")),
    }
}

fn read_vectors(call: &Incoming, index: &Index, bytes: &[u8]) -> Done<Vec<Accepted>> {
    let discard = match call.query("unparsable-behavior") {
        None | Some("error") => false,
        Some("discard") => true,
        Some(other) => {
            let message = format!("unparsable-behavior must be error or discard, got {other:?}");
            return Err(upstream(40026, &message));
        }
    };
    let mut vectors = Vec::new();
    let mut places = HashMap::new();
    for (number, text) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if text.trim_ascii().is_empty() {
            continue;
        }
        match parse_line(text) {
            Ok(line) => {
                check(index, &line, call.unsettled)?;
                place(call, &mut vectors, &mut places, line, number + 1)?;
            }
            Err(_) if discard => {}
            Err(error) => return Err(unparsable(number + 1, &error)),
        }
        if vectors.len() > MOST_VECTORS {
            let message =
                format!("too many vectors in payload; max vector count is {MOST_VECTORS}");
            return Err(upstream(40023, &message));
        }
    }
    Ok(vectors)
}

fn parse_line(text: &[u8]) -> Result<Line, String> {
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    line::parse(text)
}

fn unparsable(number: usize, error: &str) -> Failure {
    upstream(40023, &format!("could not parse line {number}: {error}"))
}

/// Adds a vector; one with an id that came before in the same request is refused,
/// or (lenient) the first of an insert and the last of an upsert wins.
fn place(
    call: &Incoming,
    vectors: &mut Vec<Accepted>,
    places: &mut HashMap<String, usize>,
    line: Line,
    number: usize,
) -> Done<()> {
    let metadata = line.metadata.map(|metadata| {
        kept(metadata).ok_or_else(|| unparsable(number, "number out of range in `metadata`"))
    });
    let accepted = Accepted {
        metadata: metadata.transpose()?,
        values: to_bytes(&line.values),
        namespace: line.namespace.filter(|name| !name.is_empty()),
        id: line.id,
    };
    match places.get(&accepted.id) {
        None => {
            places.insert(accepted.id.clone(), vectors.len());
            vectors.push(accepted);
        }
        Some(_) if call.strict() => {
            let message = format!("id {:?} is in the request twice", accepted.id);
            return Err(upstream(40023, &message));
        }
        Some(_) if call.operation == Operation::Insert => {}
        Some(before) => vectors[*before] = accepted,
    }
    Ok(())
}

/// Delete by ids.
pub(super) fn delete_by_ids(store: &Store, call: &Incoming) -> Answer {
    let ids = read_ids(call, MOST_DELETED)?;
    store.transaction(|db| {
        let index = Index::of_call(db, store, call)?;
        let mutation = Mutation::accept(db, store, call, index.idx, Kind::Delete, ids.len())?;
        let mut statement =
            db.prepare_cached("INSERT INTO pending_delete (seq, id) VALUES (?, ?)")?;
        for id in &ids {
            statement.execute(params![mutation.seq, id])?;
        }
        Ok(mutation.reply())
    })
}

/// The body's `ids`, at most `limit`.
pub(super) fn read_ids(call: &Incoming, limit: usize) -> Done<Vec<String>> {
    let body = call.json(40026)?;
    let ids = body["ids"].as_array().map(|ids| {
        ids.iter()
            .map(|id| id.as_str().map(str::to_owned))
            .collect::<Option<Vec<_>>>()
    });
    let Some(Some(ids)) = ids else {
        return Err(upstream(40026, "ids must be an array of strings"));
    };
    if ids.len() > limit {
        let message = format!(
            "too many ids in payload; max id count is {limit}, got {}",
            ids.len()
        );
        return Err(upstream(40007, &message));
    }
    Ok(ids)
}
