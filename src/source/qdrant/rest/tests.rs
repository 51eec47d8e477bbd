use proptest::prelude::*;

use super::*;
use crate::point::{DenseField, Shape};

fn fields(dimensions: usize) -> Fields {
    Fields {
        shape: Shape {
            dense: vec![DenseField {
                name: String::new(),
                dimensions,
                distance: None,
            }],
            sparse: vec!["words".to_owned()],
            data: false,
        },
        left_out: Vec::new(),
    }
}

fn read(dimensions: usize, point: &str) -> Result<Point, DecodeError> {
    let answer = format!(r#"{{"result":[{point}],"status":"ok","time":0.1}}"#);
    let mut points = decode(&fields(dimensions), answer.as_bytes())?;
    Ok(points.remove(0))
}

#[test]
fn ids_payload_digits_and_vectors_survive() {
    let point = read(
        2,
        r#"{"id":18446744073709551615,"payload":{"n":18446744073709551615,"f":1.0},"vector":[0.1,-1e-45]}"#,
    )
    .unwrap();
    assert_eq!(point.id, PointId::Integer(u64::MAX));
    assert_eq!(point.payload["n"].to_string(), "18446744073709551615");
    assert_eq!(point.payload["f"].to_string(), "1.0");
    assert_eq!(point.dense[0], Some(vec![0.1, -1e-45]));
}

#[test]
fn named_sparse_and_missing_vectors_are_placed() {
    let named = r#"{"id":"c0ffee00-0000-0000-0000-000000000001","vector":{"words":{"indices":[3,4294967295],"values":[1,2.5]}}}"#;
    let point = read(2, named).unwrap();
    assert_eq!(point.dense, [None]);
    let words = point.sparse[0].as_ref().unwrap();
    assert_eq!(
        (&*words.indices, &*words.values),
        (&[3, 4_294_967_295][..], &[1.0, 2.5][..])
    );
    assert!(
        read(2, r#"{"id":1,"payload":null,"vector":{}}"#)
            .unwrap()
            .payload
            .is_empty()
    );
}

#[test]
fn a_number_is_rounded_once_on_its_way_to_f32() {
    // Through f64 this text becomes a tie, which then rounds down to 1.
    let text = "1.000000059604644775390626";
    let point = read(1, &format!(r#"{{"id":1,"vector":[{text}]}}"#)).unwrap();
    assert_eq!(point.dense[0], Some(vec![1.0 + f32::EPSILON]));
}

#[test]
fn answers_in_no_known_form_are_errors() {
    let rows = [
        (r#"{"id":-1}"#, "a point has no usable id: -1"),
        (r#"{"id":"x"}"#, "a point has no usable id: \"x\""),
        (r#"{}"#, "a point has no usable id: null"),
        (
            r#"{"id":1,"payload":[]}"#,
            "the payload of point 1 is not an object",
        ),
        (
            r#"{"id":1,"vector":7}"#,
            "the vectors of point 1 are in no known form",
        ),
        (
            r#"{"id":1,"vector":["a"]}"#,
            "the vectors of point 1 are in no known form",
        ),
        (
            r#"{"id":1,"vector":{"words":{"values":[1]}}}"#,
            "the vectors of point 1 are in no known form",
        ),
        (r#"{"id":1,"vector":[1]}"#, "point 1"),
        (r#"{"id":1,"vector":[[1,2],[3,4]]}"#, "point 1"),
    ];
    for (point, text) in rows {
        assert_eq!(read(2, point).unwrap_err().to_string(), text);
    }
    for answer in ["", "<html>", "{}", r#"{"result":null}"#] {
        assert!(decode(&fields(2), answer.as_bytes()).is_err(), "{answer}");
    }
}

#[test]
fn what_is_wrong_with_a_point_of_the_list_is_told() {
    let deep = format!(
        r#"{{"id":1,"payload":{}1{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    let rows = [
        (r#"{"id":1,"id":2}"#, "duplicate field `id`"),
        ("[7]", "invalid"),
        ("7", "invalid type: integer `7`"),
        (&deep, "recursion limit exceeded"),
    ];
    for (point, reason) in rows {
        let error = read(2, point).unwrap_err();
        assert!(matches!(error, DecodeError::Points(_)), "{point}: {error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(reason), "{point}: {source}");
    }
    for answer in [r#"{"result":null}"#, r#"{"result":{"points":[]}}"#] {
        let error = decode(&fields(2), answer.as_bytes()).unwrap_err();
        assert!(matches!(error, DecodeError::NoPoints), "{answer}: {error}");
    }
}

#[test]
fn each_status_of_the_contract_has_its_decision() {
    let wait = Some(Duration::from_secs(3));
    let rows = [
        (400, None, Decision::Refused),
        (401, None, Decision::Unauthenticated),
        (403, None, Decision::Denied),
        (404, None, Decision::Missing),
        (408, None, Decision::Retry),
        (429, wait, Decision::Wait(Duration::from_secs(3))),
        (429, None, Decision::Retry),
        (500, None, Decision::RetryBriefly),
        (503, None, Decision::Retry),
        (507, None, Decision::StorageFull),
    ];
    for (status, wait, decision) in rows {
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(decide(status, wait), decision, "{status}");
    }
}

proptest! {
    #[test]
    fn every_float_in_its_shortest_text_comes_back_bit_for_bit(
        values in proptest::collection::vec(
            proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL | proptest::num::f32::ZERO, 1..9
        ),
    ) {
        let text = format!(r#"{{"id":1,"vector":{values:?}}}"#);
        let point = read(values.len(), &text).unwrap();
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(point.dense[0].as_ref().unwrap()), bits(&values));
    }

    #[test]
    fn no_answer_panics(answer in ".{0,60}") {
        let _ = decode(&fields(2), answer.as_bytes());
        let _ = decode(&fields(2), format!(r#"{{"result":[{answer}]}}"#).as_bytes());
    }
}
