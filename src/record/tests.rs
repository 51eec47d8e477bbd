use proptest::prelude::*;
use serde_json::{Number, Value};

use super::*;
use crate::point::{Payload, canonical_json};

fn object(text: &str) -> Payload {
    serde_json::from_str(text).unwrap()
}

/// An object whose compact JSON has exactly that many bytes.
fn object_of(bytes: usize) -> Payload {
    object(&format!(r#"{{"text":"{}"}}"#, "x".repeat(bytes - 11)))
}

#[test]
fn an_id_has_1_to_64_bytes() {
    assert_eq!(VectorId::new(""), Err(LimitError::EmptyId));
    assert!(VectorId::new("x".repeat(64)).is_ok());
    assert_eq!(
        VectorId::new("x".repeat(65)),
        Err(LimitError::LongId { bytes: 65 })
    );
}

#[test]
fn an_id_is_measured_in_bytes_and_not_in_characters() {
    assert!(VectorId::new("é".repeat(32)).is_ok());
    assert_eq!(
        VectorId::new("é".repeat(32) + "x"),
        Err(LimitError::LongId { bytes: 65 })
    );
    assert_eq!(
        VectorId::new("日".repeat(22)),
        Err(LimitError::LongId { bytes: 66 })
    );
}

#[test]
fn a_namespace_has_1_to_64_bytes() {
    assert_eq!(Namespace::new(""), Err(LimitError::EmptyNamespace));
    assert!(Namespace::new("日".repeat(21) + "x").is_ok());
    assert_eq!(
        Namespace::new("日".repeat(21) + "xx"),
        Err(LimitError::LongNamespace { bytes: 65 })
    );
}

#[test]
fn reading_back_an_id_or_a_namespace_checks_it_again() {
    let long = format!("\"{}\"", "x".repeat(65));
    assert!(serde_json::from_str::<VectorId>(&long).is_err());
    assert!(serde_json::from_str::<Namespace>(&long).is_err());
    assert_eq!(
        serde_json::from_str::<Namespace>("\"eu\"").unwrap(),
        Namespace::new("eu").unwrap()
    );
}

#[test]
fn an_index_has_32_to_1536_dimensions() {
    for (dimensions, fits) in [
        (0, false),
        (31, false),
        (32, true),
        (1_536, true),
        (1_537, false),
        (65_536 + 32, false),
    ] {
        let checked = Dimensions::new(dimensions);
        assert_eq!(checked.is_ok(), fits, "{dimensions}");
        assert!(checked.is_err() || checked.unwrap().get() == dimensions);
    }
}

#[test]
fn every_distance_but_manhattan_has_a_metric() {
    assert_eq!(
        Metric::from_distance(Distance::Cosine),
        Some(Metric::Cosine)
    );
    assert_eq!(
        Metric::from_distance(Distance::Euclid),
        Some(Metric::Euclidean)
    );
    assert_eq!(
        Metric::from_distance(Distance::Dot),
        Some(Metric::DotProduct)
    );
    assert_eq!(Metric::from_distance(Distance::Manhattan), None);
}

#[test]
fn a_metric_is_serialized_under_cloudflares_name() {
    for metric in [Metric::Cosine, Metric::Euclidean, Metric::DotProduct] {
        assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
    }
}

#[test]
fn metadata_has_at_most_10240_bytes_as_it_is_sent() {
    let fits = Metadata::new(object_of(10_240)).unwrap();
    assert_eq!(fits.json().len(), 10_240);
    assert_eq!(
        Metadata::new(object_of(10_241)),
        Err(LimitError::LargeMetadata { bytes: 10_241 })
    );
}

#[test]
fn metadata_is_measured_with_its_escapes_and_in_bytes() {
    let nul_is_six_bytes = object(&format!(r#"{{"a":"{}"}}"#, r"\u0000".repeat(1_706)));
    assert_eq!(
        Metadata::new(nul_is_six_bytes),
        Err(LimitError::LargeMetadata { bytes: 10_244 })
    );
    let three_bytes_each = object(&format!(r#"{{"a":"{}"}}"#, "日".repeat(3_411)));
    assert_eq!(
        Metadata::new(three_bytes_each),
        Err(LimitError::LargeMetadata { bytes: 10_241 })
    );
}

#[test]
fn a_forbidden_key_is_found_at_every_level() {
    for (text, key, rule) in [
        (r#"{"":1}"#, "", "is empty"),
        (r#"{"$a":1}"#, "$a", "begins with '$'"),
        (r#"{"a.b":1}"#, "a.b", "contains '.'"),
        (r#"{"a\"b":1}"#, "a\"b", "contains '\"'"),
        (r#"{"a":{"$b":1}}"#, "$b", "begins with '$'"),
        (r#"{"a":[[{"b.c":1}]]}"#, "b.c", "contains '.'"),
    ] {
        let key = key.to_owned();
        assert_eq!(
            Metadata::new(object(text)),
            Err(LimitError::Key { key, rule }),
            "{text}"
        );
    }
}

#[test]
fn a_dollar_inside_a_key_and_dots_in_values_are_allowed() {
    assert!(Metadata::new(object(r#"{"a$b":"$c.d\"","schlüssel":1}"#)).is_ok());
}

#[test]
fn refused_metadata_hands_its_object_back() {
    let refused = Metadata::build(object_of(10_241)).unwrap_err();
    assert_eq!(refused.object, object_of(10_241));
}

fn digest(namespace: Option<&str>, values: &[f32], metadata: &str) -> Digest {
    Digest::of(namespace, values, &object(metadata))
}

#[test]
fn the_digest_is_the_same_on_every_machine_and_in_every_version() {
    // A ledger keeps digests over versions: this number must never change.
    let digest = digest(
        Some("n"),
        &[1.5, -0.0],
        r#"{"a":[1,null,"x"],"b":{"c":true}}"#,
    );
    assert_eq!(hex(digest), PINNED_DIGEST);
}

const PINNED_DIGEST: &str = "c27e33346f2335daf050dc55f5e75b81";

#[test]
fn the_digest_of_a_long_vector_is_the_same_in_every_version() {
    let numbers = (0_u16..1_536).map(|number| f32::from(number) / 7.0 - 99.0);
    let values: Vec<f32> = numbers.collect();
    assert_eq!(hex(digest(None, &values, "{}")), PINNED_LONG_DIGEST);
}

/// Computed with Python's struct and xxhash.
const PINNED_LONG_DIGEST: &str = "cf54f3c54ccf78ec0f889cea5c7016b6";

fn hex(digest: Digest) -> String {
    digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn spellings_of_equal_records_have_one_digest() {
    let plain = digest(None, &[0.0, 1.0], r#"{"a":1,"b":0}"#);
    assert_eq!(plain, digest(None, &[-0.0, 1.0], r#"{"a":1,"b":0}"#));
    assert_eq!(plain, digest(None, &[0.0, 1.0], r#"{"b":-0.0,"a":1.0}"#));
    assert_eq!(plain, digest(None, &[0.0, 1.0], r#"{"b":0e5,"a":10e-1}"#));
}

#[test]
fn any_change_gives_another_digest() {
    let all = [
        digest(None, &[0.0, 1.0], r#"{"a":1}"#),
        digest(Some(""), &[0.0, 1.0], r#"{"a":1}"#),
        digest(Some("n"), &[0.0, 1.0], r#"{"a":1}"#),
        digest(None, &[0.0, f32::from_bits(0x3f80_0001)], r#"{"a":1}"#),
        digest(None, &[1.0, 0.0], r#"{"a":1}"#),
        digest(None, &[0.0, 1.0, 0.0], r#"{"a":1}"#),
        digest(None, &[0.0, 1.0], r#"{"a":"1"}"#),
        digest(None, &[0.0, 1.0], r#"{"a":[1]}"#),
        digest(None, &[0.0, 1.0], r#"{"a":1,"b":null}"#),
        digest(None, &[0.0, 1.0], r#"{"b":1}"#),
        digest(None, &[0.0, 1.0], r#"{"a":{"a":1}}"#),
        digest(None, &[0.0, 1.0], r#"{"a":true}"#),
        digest(None, &[0.0, 1.0], r#"{"a":1.0000000000000002}"#),
        digest(None, &[0.0, 1.0], "{}"),
    ];
    for (position, one) in all.iter().enumerate() {
        assert!(!all[position + 1..].contains(one), "number {position}");
    }
}

#[test]
fn a_number_beyond_f64_is_an_infinity_of_its_sign() {
    let number = |text: &str| text.parse::<Number>().unwrap();
    assert_eq!(number_as_f64(&number("1e999")), f64::INFINITY);
    assert_eq!(number_as_f64(&number("-1e999")), f64::NEG_INFINITY);
    assert_eq!(
        number_as_f64(&number("9007199254740993")),
        9_007_199_254_740_992.0
    );
}

/// Equality as design and verification mean it, written a second time.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => number_as_f64(a) == number_as_f64(b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, value)| b.get(key).is_some_and(|other| equal(value, other)))
        }
        (a, b) => a == b,
    }
}

/// Few scalars and keys, so that equal values come up often.
fn value() -> impl Strategy<Value = Value> {
    let scalar = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0.0",
        "1",
        "1.0",
        "10e-1",
        "2",
        "\"\"",
        "\"1\"",
        "\"a\"",
        "9007199254740992",
        "9007199254740993",
    ])
    .prop_map(|text| serde_json::from_str(text).unwrap());
    scalar.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            payload_of(inner).prop_map(Value::Object),
        ]
    })
}

fn payload_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Payload> {
    prop::collection::btree_map("[ab]", inner, 0..3)
        .prop_map(|entries| entries.into_iter().collect())
}

fn number() -> impl Strategy<Value = f32> {
    prop::sample::select(vec![0.0, -0.0, 1.0, f32::from_bits(1), -1.0])
}

type Parts = (Option<String>, Vec<f32>, Payload);

fn parts() -> impl Strategy<Value = Parts> {
    (
        prop::option::of("[ab]?"),
        prop::collection::vec(number(), 0..3),
        payload_of(value()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn two_records_have_one_digest_exactly_when_they_are_equal(a in parts(), b in parts()) {
        let same = a.0 == b.0
            && a.1 == b.1
            && equal(&Value::Object(a.2.clone()), &Value::Object(b.2.clone()));
        let of = |parts: &Parts| Digest::of(parts.0.as_deref(), &parts.1, &parts.2);
        prop_assert_eq!(of(&a) == of(&b), same);
    }

    #[test]
    fn what_is_sent_is_what_was_given(payload in payload_of(value())) {
        let metadata = Metadata::new(payload.clone()).unwrap();
        prop_assert_eq!(&object(metadata.json()), &payload);
        prop_assert_eq!(metadata.json(), canonical_json(&payload));
    }
}

#[test]
fn metadata_that_could_not_be_read_back_is_refused() {
    let nested = |levels: usize| {
        let lists = "[".repeat(levels - 1) + &"]".repeat(levels - 1);
        serde_json::from_str(&format!("{{\"a\":{lists}}}")).unwrap()
    };
    assert!(Metadata::new(nested(100)).is_ok());
    let error = Metadata::new(nested(101)).unwrap_err();
    assert_eq!(error, LimitError::DeepMetadata { levels: 101 });
}
