use serde_json::{Number, Value};

use super::*;
use crate::record::{Metadata, VectorId};

pub(in crate::batch) fn record(id: &str, values: Vec<f32>, metadata: &str) -> Record {
    Record {
        id: VectorId::new(id).unwrap(),
        namespace: None,
        values,
        metadata: Metadata::new(serde_json::from_str(metadata).unwrap()).unwrap(),
    }
}

fn line(record: &Record) -> String {
    let mut out = Vec::new();
    encode(record, &mut out);
    String::from_utf8(out).unwrap()
}

fn numbers(values: &[f32]) -> String {
    let mut out = Vec::new();
    encode_numbers(values, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_full_record_is_one_line_of_four_keys() {
    let mut full = record("f_1", vec![0.5, 1.0], r#"{"b":[1,"x"],"a":null}"#);
    full.namespace = Some(Namespace::new("eu").unwrap());
    assert_eq!(
        line(&full),
        "{\"id\":\"f_1\",\"values\":[0.5,1],\"namespace\":\"eu\",\"metadata\":{\"a\":null,\"b\":[1,\"x\"]}}\n"
    );
}

#[test]
fn no_namespace_and_empty_metadata_are_left_out() {
    assert_eq!(
        line(&record("a", vec![0.0], "{}")),
        "{\"id\":\"a\",\"values\":[0]}\n"
    );
}

#[test]
fn text_that_would_break_the_line_is_escaped() {
    let mut hostile = record("a\n\"\\\u{0}", vec![], r#"{"k\n":"a\nb\r\u0000\u2028"}"#);
    hostile.namespace = Some(Namespace::new("n\n").unwrap());
    let text = line(&hostile);
    assert_eq!(text.matches('\n').count(), 1);
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["id"], "a\n\"\\\u{0}");
    assert_eq!(read["namespace"], "n\n");
    assert_eq!(read["metadata"]["k\n"], "a\nb\r\u{0}\u{2028}");
}

#[test]
fn digits_of_metadata_numbers_are_sent_as_they_came() {
    let digits = r#"{"k":0.1000000000000000055,"n":1.10}"#;
    assert!(line(&record("a", vec![], digits)).contains(digits));
}

#[test]
fn floats_take_their_shortest_form() {
    let values = [
        1.0,
        -2.0,
        0.1,
        -0.0,
        1e-7,
        1e-45,
        f32::MAX,
        f32::MIN_POSITIVE,
        16_777_216.0,
        58.8,
    ];
    assert_eq!(
        numbers(&values),
        "1,-2,0.1,-0,1e-7,1e-45,3.4028235e+38,1.1754944e-38,16777216,58.8"
    );
}

/// Every finite f32 in steps of a prime, and the neighbours of every power of
/// two, whose rounding intervals are lopsided.
fn sampled_bits() -> impl Iterator<Item = u32> {
    let powers = (0..=0xff_u32)
        .map(|exponent| exponent << 23)
        .flat_map(|bits| [bits.saturating_sub(1), bits, bits + 1]);
    (0..=u32::MAX)
        .step_by(9_973)
        .chain(powers.clone())
        .chain(powers.map(|bits| bits | 1 << 31))
        .filter(|bits| f32::from_bits(*bits).is_finite())
}

#[test]
fn every_sampled_float_comes_back_bit_for_bit_also_by_way_of_f64() {
    for bits in sampled_bits() {
        let value = f32::from_bits(bits);
        let text = numbers(&[value]);
        assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits, "{text}");
        #[expect(clippy::cast_possible_truncation, reason = "what such a reader does")]
        let by_f64 = text.parse::<f64>().unwrap() as f32;
        assert_eq!(by_f64.to_bits(), bits, "{text}");
    }
}

#[test]
fn the_one_float_that_f64_would_round_twice_is_exact_as_f32() {
    let value = f32::from_bits(0x15ae_43fd);
    assert_eq!(numbers(&[value, -value]), "7.038531e-26,-7.038531e-26");
    assert_eq!("7.038531e-26".parse(), Ok(value));
}

#[test]
fn every_sampled_float_is_a_json_number_of_at_most_16_bytes() {
    let values: Vec<f32> = sampled_bits().map(f32::from_bits).collect();
    let text = numbers(&values);
    let read: Vec<Number> = serde_json::from_str(&format!("[{text}]")).unwrap();
    assert_eq!(read.len(), values.len());
    let longest = text.split(',').map(str::len).max();
    assert!(longest <= Some(16), "{longest:?}");
}

#[test]
fn encoding_appends() {
    let one = record("a", vec![1.0], "{}");
    let mut out = b"before\n".to_vec();
    encode(&one, &mut out);
    assert_eq!(out, [b"before\n", line(&one).as_bytes()].concat());
}
