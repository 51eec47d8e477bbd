//! Results as they are on the wire, and what they become. Fields that the API
//! describes as optional are so here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cloudflare::ids::{ListCursor, MutationId};
use crate::cloudflare::kv::KvValue;
use crate::cloudflare::vectorize::{IndexDescription, IndexInfo, ListPage, StoredVector};
use crate::point::Payload;
use crate::record::Metric;
use crate::singles::singles;

#[derive(Deserialize)]
pub(crate) struct DescriptionWire {
    name: String,
    config: ConfigWire,
    created_on: Option<String>,
}

#[derive(Deserialize)]
struct ConfigWire {
    dimensions: usize,
    metric: Metric,
}

impl DescriptionWire {
    pub(crate) fn into_description(self) -> IndexDescription {
        IndexDescription {
            name: self.name,
            dimensions: self.config.dimensions,
            metric: self.config.metric,
            created_on: self.created_on,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InfoWire {
    dimensions: Option<usize>,
    vector_count: Option<u64>,
    /// A UUID's text; published types call it a number, so both are taken.
    #[serde(default)]
    processed_up_to_mutation: Value,
}

impl InfoWire {
    pub(crate) fn into_info(self) -> IndexInfo {
        let processed_up_to = match self.processed_up_to_mutation {
            Value::String(text) => MutationId::new(text),
            Value::Number(number) => MutationId::new(number.to_string()),
            _ => None,
        };
        IndexInfo {
            dimensions: self.dimensions,
            vector_count: self.vector_count,
            processed_up_to,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct MutationWire {
    #[serde(rename = "mutationId")]
    pub(crate) mutation_id: String,
}

#[derive(Deserialize)]
struct VectorsWire<'a> {
    success: bool,
    #[serde(borrow)]
    result: Vec<StoredWire<'a>>,
}

#[derive(Deserialize)]
struct StoredWire<'a> {
    id: String,
    #[serde(borrow)]
    values: &'a RawValue,
    namespace: Option<String>,
    metadata: Option<Payload>,
}

/// The vectors of a successful answer; none where it is no such answer. Their numbers
/// are read where they stand: each as a value of its own would take several times as long.
pub(crate) fn stored_vectors(body: &[u8]) -> Option<Vec<StoredVector>> {
    let wire: VectorsWire<'_> = serde_json::from_slice(body).ok()?;
    let vectors = wire.result.into_iter().map(StoredWire::into_stored);
    wire.success.then(|| vectors.collect())?
}

impl StoredWire<'_> {
    fn into_stored(self) -> Option<StoredVector> {
        Some(StoredVector {
            id: self.id,
            values: singles(self.values.get())?,
            namespace: self.namespace.filter(|name| !name.is_empty()),
            metadata: self.metadata,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListWire {
    vectors: Vec<IdWire>,
    next_cursor: Option<String>,
    is_truncated: Option<bool>,
    total_count: Option<u64>,
}

#[derive(Deserialize)]
struct IdWire {
    id: String,
}

impl ListWire {
    /// None where the page says that there are more ids, but not where: taking
    /// that for the end would lose them.
    pub(crate) fn into_page(self) -> Option<ListPage> {
        let cursor = self.next_cursor.and_then(ListCursor::new);
        let next = match self.is_truncated {
            Some(false) => None,
            Some(true) => Some(cursor?),
            None => cursor,
        };
        Some(ListPage {
            ids: self.vectors.into_iter().map(|vector| vector.id).collect(),
            next,
            total: self.total_count,
        })
    }
}

#[derive(Default, Deserialize)]
pub(crate) struct BulkWire {
    pub(crate) unsuccessful_keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct ValuesWire<'a> {
    #[serde(borrow)]
    result: ValuesResult<'a>,
}

#[derive(Deserialize)]
struct ValuesResult<'a> {
    #[serde(borrow)]
    values: &'a RawValue,
}

/// What is said of each of these keys; none where it is no such answer. The answer may
/// be large, and nothing else of it is taken into memory.
pub(crate) fn kv_values<'a>(
    body: &'a [u8],
    keys: &[String],
) -> Option<BTreeMap<String, &'a RawValue>> {
    let wire: ValuesWire<'a> = serde_json::from_slice(body).ok()?;
    let mut values = serde_json::Deserializer::from_str(wire.result.values.get());
    values.deserialize_map(Wanted(keys)).ok()
}

/// Keeps the entries of these keys.
struct Wanted<'k>(&'k [String]);

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = BTreeMap<String, &'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("values by their keys")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let wanted: BTreeSet<&str> = self.0.iter().map(String::as_str).collect();
        let mut kept = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            if wanted.contains(key.as_str()) {
                kept.insert(key, value);
            }
        }
        Ok(kept)
    }
}

/// The largest metadata that is read, as JSON; KV stores 1,024 bytes.
const MAX_METADATA_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct ValueWire<'a> {
    value: Option<String>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(borrow)]
    expiration: Option<&'a RawValue>,
}

/// None where the answer holds something else than a value or null. Services
/// that ignore `withMetadata` answer the bare text.
pub(crate) fn kv_value(value: &RawValue) -> Option<Option<KvValue>> {
    let text = value.get();
    let wire = match text.as_bytes().first()? {
        b'n' => return Some(None),
        b'"' => ValueWire {
            value: Some(serde_json::from_str(text).ok()?),
            metadata: None,
            expiration: None,
        },
        b'{' => serde_json::from_str(text).ok()?,
        _ => return None,
    };
    let metadata = wire.metadata.map(|raw| raw.get());
    let metadata = metadata.map(metadata_of).transpose().ok()?;
    let expiration = wire.expiration.and_then(|raw| raw.get().parse().ok());
    Some(wire.value.map(|value| KvValue {
        value,
        metadata,
        expiration,
    }))
}

fn metadata_of(text: &str) -> Result<Value, serde_json::Error> {
    match text.len() > MAX_METADATA_BYTES {
        true => Err(serde::de::Error::custom("metadata larger than KV stores")),
        false => serde_json::from_str(text),
    }
}

/// Metadata of a key, which is small.
pub(crate) fn small_metadata<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Value>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    let metadata = raw.map(|raw| metadata_of(raw.get()));
    metadata.transpose().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The vectors of an answer with one of these values.
    fn answered(values: &str) -> Option<Vec<StoredVector>> {
        let body = format!(r#"{{"success":true,"result":[{{"id":"a","values":{values}}}]}}"#);
        stored_vectors(body.as_bytes())
    }

    fn single(text: &str) -> f32 {
        answered(&format!("[ {text} ]")).unwrap()[0].values[0]
    }

    #[test]
    fn vectors_are_as_they_were_answered() {
        let values = |text: &str| answered(text).map(|vectors| vectors[0].values.clone());
        assert_eq!(values("[]"), Some(vec![]));
        assert_eq!(values("[1, -0.25,\n3e-1]"), Some(vec![1.0, -0.25, 0.3]));
        assert_eq!(values("[1,]"), None);
        assert_eq!(values("{\"0\":1}"), None);
        for body in [
            r#"{"success":true,"result":null}"#,
            r#"{"success":false,"result":[]}"#,
            r#"{"result":[]}"#,
        ] {
            assert_eq!(stored_vectors(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn a_number_is_rounded_once() {
        // Halfway between two f32 but for a digit that f64 cannot hold.
        let text = "1.00000005960464477540";
        assert_eq!(single(text), f32::from_bits(0x3f80_0001));
        assert_eq!(text.parse::<f64>().unwrap() as f32, 1.0);
        assert_eq!(single("58.79999923706055"), 58.8);
        assert_eq!(single("-0.0").to_bits(), (-0.0_f32).to_bits());
        assert_eq!(single("1e-45").to_bits(), 1);
    }

    #[test]
    fn only_the_keys_that_were_asked_for_are_kept() {
        let body = r#"{"result":{"values":{"a":"x","b":[0],"c":{"value":"y","metadata":{"k":1.50},"expiration":7}}}}"#;
        let keys = ["a".to_owned(), "c".to_owned()];
        let told = kv_values(body.as_bytes(), &keys).unwrap();
        assert_eq!(told.keys().collect::<Vec<_>>(), ["a", "c"]);
        let value = |key: &str| kv_value(told[key]).unwrap().unwrap();
        assert_eq!(value("a").value, "x");
        let whole = value("c");
        assert_eq!((whole.value.as_str(), whole.expiration), ("y", Some(7)));
        assert_eq!(whole.metadata.unwrap().to_string(), r#"{"k":1.50}"#);
        assert!(kv_values(br#"{"result":{}}"#, &keys).is_none());
    }

    #[test]
    fn metadata_larger_than_kv_stores_is_no_value() {
        let metadata = "0,".repeat(40_000);
        let text = format!("{{\"value\":\"x\",\"metadata\":[{metadata}0]}}");
        let raw = RawValue::from_string(text).unwrap();
        assert_eq!(kv_value(&raw), None);
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["null", "\"1\"", "[1]", "true", "NaN"] {
            assert_eq!(answered(&format!("[0,{text}]")), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_float_widened_or_shortest_reads_back_bit_for_bit(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            for text in [format!("{:?}", f64::from(value)), format!("{value:?}"), format!("{value:e}")] {
                prop_assert_eq!(single(&text).to_bits(), bits, "{}", text);
            }
        }
    }
}
