//! A vector as it is stored: float32 values in bytes, metadata as compact JSON.

use rusqlite::Row;
use serde_json::{Number, Value, json};

/// One stored version of a vector.
#[derive(Debug, Clone)]
pub(in super::super) struct StoredRow {
    pub(in super::super) id: String,
    pub(in super::super) seq: i64,
    pub(in super::super) namespace: Option<String>,
    pub(in super::super) metadata: Option<String>,
    pub(in super::super) values: Vec<f32>,
}

/// The columns that [`StoredRow::from_row`] reads.
pub(in super::super) const COLUMNS: &str = "id, seq, namespace, metadata, vals";

impl StoredRow {
    pub(in super::super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            seq: row.get(1)?,
            namespace: row.get(2)?,
            metadata: row.get(3)?,
            values: from_bytes(row.get_ref(4)?.as_blob()?),
        })
    }

    /// The metadata as JSON, null when there is none.
    pub(in super::super) fn metadata_json(&self) -> Value {
        let text = self.metadata.as_deref().unwrap_or("null");
        serde_json::from_str(text).unwrap_or(Value::Null)
    }
}

pub(in super::super) fn to_bytes(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn from_bytes(bytes: &[u8]) -> Vec<f32> {
    let (chunks, _) = bytes.as_chunks::<4>();
    chunks
        .iter()
        .map(|chunk| f32::from_le_bytes(*chunk))
        .collect()
}

/// Values as they are returned: each float32 widened, so that 58.8 comes back as
/// 58.79999923706055 (Cloudflare's page on inserting vectors).
pub(super) fn values_json(values: &[f32]) -> Value {
    values
        .iter()
        .map(|value| json!(f64::from(*value)))
        .collect()
}

/// A number as it survives in metadata: a float64, whole ones without a point.
pub(super) fn float64(number: &Number) -> Option<Number> {
    let value: f64 = number.as_str().parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let text = if value.fract() == 0.0 && value.abs() < 1e21 {
        format!("{}", value as i128)
    } else {
        return Number::from_f64(value);
    };
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_decimal_comes_back_widened_from_float32() {
        assert_eq!(values_json(&[58.8]).to_string(), "[58.79999923706055]");
    }

    #[test]
    fn metadata_numbers_are_held_as_float64() {
        let held = |text: &str| float64(&text.parse().unwrap()).map(|number| number.to_string());
        assert_eq!(held("9007199254740993").unwrap(), "9007199254740992");
        assert_eq!(held("3.0").unwrap(), "3");
        assert_eq!(held("-0.0").unwrap(), "0");
        assert_eq!(held("0.1").unwrap(), "0.1");
        assert_eq!(held("1e400"), None);
    }

    #[test]
    fn bytes_give_the_values_back_bit_for_bit() {
        let values = [0.1_f32, -0.0, f32::MIN_POSITIVE, f32::MAX, 1e-45];
        let back = from_bytes(&to_bytes(&values));
        let bits = |values: &[f32]| {
            values
                .iter()
                .map(|value| value.to_bits())
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(&back), bits(&values));
    }
}
