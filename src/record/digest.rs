//! Equality as one short number: what the ledger keeps of a record, so that a
//! later run knows without the source whether it changed.

use serde_json::{Number, Value};
use sha2::{Digest as _, Sha256};

use crate::point::Payload;

/// So many numbers of a vector are hashed in one piece.
const NUMBERS_AT_ONCE: usize = 256;

/// The first 16 bytes of a SHA-256 over everything that equality looks at: two
/// records have the same digest when verification would call them equal
/// (vectors bit for bit with −0 as 0, metadata as JSON values with numbers as
/// f64, the namespace), whatever their id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl Digest {
    /// The digest of these parts.
    pub fn of(namespace: Option<&str>, values: &[f32], metadata: &Payload) -> Self {
        let mut hash = Sha256::new();
        hash.update([u8::from(namespace.is_some())]);
        hash_text(&mut hash, namespace.unwrap_or_default());
        hash_vector(&mut hash, values);
        hash_object(&mut hash, metadata);
        let full = hash.finalize();
        let mut half = [0; 16];
        half.copy_from_slice(&full[..16]);
        Self(half)
    }
}

fn hash_vector(hash: &mut Sha256, values: &[f32]) {
    hash.update((values.len() as u64).to_le_bytes());
    // Many at once: handing over each number alone costs half as much again.
    let mut bytes = [[0; 4]; NUMBERS_AT_ONCE];
    for values in values.chunks(NUMBERS_AT_ONCE) {
        let bytes = &mut bytes[..values.len()];
        for (bytes, value) in bytes.iter_mut().zip(values) {
            // Adding zero turns -0 into 0 and changes nothing else.
            *bytes = (value + 0.0).to_le_bytes();
        }
        hash.update(bytes.as_flattened());
    }
}

fn hash_text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(text.as_bytes());
}

fn hash_object(hash: &mut Sha256, object: &Payload) {
    let mut entries: Vec<_> = object.iter().collect();
    entries.sort_unstable_by(|a, b| a.0.cmp(b.0));
    hash.update(b"{");
    hash.update((entries.len() as u64).to_le_bytes());
    for (key, value) in entries {
        hash_text(hash, key);
        hash_value(hash, value);
    }
}

fn hash_value(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Null => hash.update(b"n"),
        Value::Bool(false) => hash.update(b"f"),
        Value::Bool(true) => hash.update(b"t"),
        Value::Number(number) => {
            hash.update(b"#");
            hash.update((number_as_f64(number) + 0.0).to_le_bytes());
        }
        Value::String(text) => {
            hash.update(b"s");
            hash_text(hash, text);
        }
        Value::Array(items) => {
            hash.update(b"[");
            hash.update((items.len() as u64).to_le_bytes());
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
