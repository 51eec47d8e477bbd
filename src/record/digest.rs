//! Equality as one short number: what the ledger keeps of a record, so that a
//! later run knows without the source whether it changed.

use serde_json::{Number, Value};
use twox_hash::xxhash3_128::Hasher;

use crate::point::Payload;

/// So many numbers of a vector are hashed in one piece.
const NUMBERS_AT_ONCE: usize = 256;

/// The 128-bit XXH3 of everything that equality looks at: two
/// records have the same digest when verification would call them equal
/// (vectors bit for bit with −0 as 0, metadata as JSON values with numbers as
/// f64, the namespace), whatever their id. It tells what changed, not what was forged:
/// docs/decisions/2026-11-21-digests.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// The digest of these parts.
    pub fn of(namespace: Option<&str>, values: &[f32], metadata: &Payload) -> Self {
        let mut hash = Hasher::new();
        hash.write(&[u8::from(namespace.is_some())]);
        hash_text(&mut hash, namespace.unwrap_or_default());
        hash_vector(&mut hash, values);
        hash_object(&mut hash, metadata);
        Self(hash.finish_128().to_be_bytes())
    }
}

fn hash_vector(hash: &mut Hasher, values: &[f32]) {
    hash.write(&(values.len() as u64).to_le_bytes());
    // Many at once: handing over each number alone costs half as much again.
    let mut bytes = [[0; 4]; NUMBERS_AT_ONCE];
    for values in values.chunks(NUMBERS_AT_ONCE) {
        let bytes = &mut bytes[..values.len()];
        for (bytes, value) in bytes.iter_mut().zip(values) {
            // Adding zero turns -0 into 0 and changes nothing else.
            *bytes = (value + 0.0).to_le_bytes();
        }
        hash.write(bytes.as_flattened());
    }
}

fn hash_text(hash: &mut Hasher, text: &str) {
    hash.write(&(text.len() as u64).to_le_bytes());
    hash.write(text.as_bytes());
}

fn hash_object(hash: &mut Hasher, object: &Payload) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
    hash.write(b"{");
    hash.write(&(entries.len() as u64).to_le_bytes());
    for (key, value) in entries {
        hash_text(hash, key);
        hash_value(hash, value);
    }
}

fn hash_value(hash: &mut Hasher, value: &Value) {
    match value {
        Value::Null => hash.write(b"n"),
        Value::Bool(false) => hash.write(b"f"),
        Value::Bool(true) => hash.write(b"t"),
        Value::Number(number) => {
            hash.write(b"#");
            hash.write(&(number_as_f64(number) + 0.0).to_le_bytes());
        }
        Value::String(text) => {
            hash.write(b"s");
            hash_text(hash, text);
        }
        Value::Array(items) => {
            hash.write(b"[");
            hash.write(&(items.len() as u64).to_le_bytes());
            items.iter().for_each(|item| hash_value(hash, item));
        }
        Value::Object(object) => hash_object(hash, object),
    }
}

/// A JSON number as Vectorize holds it. Digits beyond f64's range become an
/// infinity, which only equals another such number.
pub fn number_as_f64(number: &Number) -> f64 {
    number
        .as_f64()
        .or_else(|| number.as_str().parse().ok())
        .unwrap_or(f64::INFINITY)
}

/// Whether two JSON values are equal as Vectorize sees them: numbers as f64, key
/// order without meaning.
pub fn same_json(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => number_as_f64(left) == number_as_f64(right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(l, r)| same_json(l, r))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(key, l)| right.get(key).is_some_and(|r| same_json(l, r)))
        }
        (left, right) => left == right,
    }
}
