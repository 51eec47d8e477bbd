//! One record as one NDJSON line, with as few bytes as keep every f32 exact.

use super::numbers::encode_numbers;
use crate::record::{Namespace, Record};

/// Shortest f32 text and a comma are about 12.4 bytes on embeddings.
const BYTES_PER_NUMBER: usize = 13;

/// Appends the record's line, final LF included:
/// `{"id":…,"values":[…],"namespace":…,"metadata":{…}}`.
///
/// Where there is no namespace its key is left out, and so is an empty metadata
/// object: equality does not tell it from an absent one. Numbers are in the
/// fewest digits that give the same f32 bits, whole ones without a point. A
/// reader that goes by way of f64 gets the same bits too, ±7.038531e-26 excepted
/// (the only ones of all finite f32).
pub fn encode(record: &Record, out: &mut Vec<u8>) {
    out.reserve(record.values.len() * BYTES_PER_NUMBER + record.metadata.json().len() + 128);
    out.extend_from_slice(b"{\"id\":");
    encode_text(record.id.as_str(), out);
    out.extend_from_slice(b",\"values\":[");
    encode_numbers(&record.values, out);
    out.push(b']');
    if let Some(namespace) = record.namespace.as_ref().map(Namespace::as_str) {
        out.extend_from_slice(b",\"namespace\":");
        encode_text(namespace, out);
    }
    if !record.metadata.object().is_empty() {
        out.extend_from_slice(b",\"metadata\":");
        out.extend_from_slice(record.metadata.json().as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("text can be written to a Vec");
}

#[cfg(test)]
pub(super) mod tests;
