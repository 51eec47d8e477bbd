use proptest::prelude::*;

use super::*;

const DENSE: Fields = Fields {
    dimensions: 2,
    distance: Some(Distance::Cosine),
    hybrid: false,
};
const HYBRID: Fields = Fields {
    hybrid: true,
    ..DENSE
};

fn page_of(fields: &Fields, vectors: &str) -> Result<Vec<Point>, DecodeError> {
    let result = format!(r#"{{"nextCursor":"","vectors":[{vectors}]}}"#);
    points(fields, &None, &result).map(|page| page.items)
}

fn one(vector: &str) -> Point {
    page_of(&DENSE, vector).unwrap().remove(0)
}

fn refusal(vector: &str) -> String {
    page_of(&DENSE, vector).unwrap_err().to_string()
}

#[test]
fn a_vector_comes_with_all_that_it_has() {
    let wire = r#"{"id":"ü/1","vector":[0.1,-2e-3],"metadata":{"n":9007199254740993,"f":1.0},"data":"Straße"}"#;
    let result = format!(r#"{{"nextCursor":"5","vectors":[{wire}]}}"#);
    let page = points(&DENSE, &Some("t".to_owned()), &result).unwrap();
    let point = &page.items[0];
    assert_eq!(page.next.as_deref(), Some("5"));
    assert_eq!(point.id, PointId::Text("ü/1".to_owned()));
    assert_eq!(point.namespace.as_deref(), Some("t"));
    assert_eq!(point.dense, [Some(vec![0.1, -2e-3])]);
    assert_eq!(point.data.as_deref(), Some("Straße"));
    assert_eq!(
        crate::point::canonical_json(&point.payload),
        r#"{"f":1.0,"n":9007199254740993}"#
    );
}

#[test]
fn what_is_null_or_absent_is_not_there() {
    for wire in [
        r#"{"id":"a"}"#,
        r#"{"id":"a","vector":null,"sparseVector":null,"metadata":null,"data":null}"#,
    ] {
        let point = one(wire);
        assert_eq!((point.dense, point.data), (vec![None], None));
        assert!(point.payload.is_empty() && point.sparse.is_empty());
    }
    assert_eq!(page_of(&HYBRID, r#"{"id":"a"}"#).unwrap()[0].sparse, [None]);
}

#[test]
fn ids_may_be_numbers_and_become_their_text() {
    assert_eq!(one(r#"{"id":7}"#).id, PointId::Text("7".to_owned()));
    let long = "18446744073709551617";
    assert_eq!(
        one(&format!(r#"{{"id":{long}}}"#)).id,
        PointId::Text(long.to_owned())
    );
    assert_eq!(
        one(r#"{"id":"\u00e9\ud83d\ude00"}"#).id,
        PointId::Text("é😀".to_owned())
    );
    for wire in [r#"{"id":""}"#, r#"{"id":null}"#, "{}", r#"{"id":[1]}"#] {
        assert!(refusal(wire).contains("the id of a vector is "), "{wire}");
    }
}

#[test]
fn a_hybrid_index_brings_both_parts() {
    let wire = r#"{"id":"a","vector":[1,2],"sparseVector":{"indices":[-3,7],"values":[0.5,1]}}"#;
    let point = page_of(&HYBRID, wire).unwrap().remove(0);
    let expected = SparseVector {
        indices: vec![-3, 7],
        values: vec![0.5, 1.0],
    };
    assert_eq!(point.sparse, [Some(expected)]);
    assert!(refusal(wire).contains("which a dense index does not have"));
}

#[test]
fn what_does_not_fit_is_named_by_its_id() {
    for (wire, reason) in [
        (
            r#"{"id":"a","vector":[1]}"#,
            "it has 1 dimensions, and the index has 2",
        ),
        (
            r#"{"id":"a","vector":[1,null]}"#,
            "number 2 of the vector is null: not a number",
        ),
        (
            r#"{"id":"a","vector":[1,1e99]}"#,
            "number 2 of the vector is 1e99: beyond the range of 32-bit floats",
        ),
        (
            r#"{"id":"a","metadata":"x"}"#,
            "its metadata is a string, not an object",
        ),
        (
            r#"{"id":"a","data":{"x":1}}"#,
            "its data is an object, not a string",
        ),
    ] {
        assert_eq!(refusal(wire), format!("vector \"a\": {reason}"));
    }
    let unequal = r#"{"id":"a","sparseVector":{"indices":[1],"values":[]}}"#;
    let error = page_of(&HYBRID, unequal).unwrap_err().to_string();
    assert!(error.ends_with("has 1 indices but 0 values"), "{error}");
}

#[test]
fn the_end_is_said_in_three_ways() {
    for end in [r#""nextCursor":"","#, r#""nextCursor":null,"#, ""] {
        let result = format!(r#"{{{end}"vectors":[]}}"#);
        assert_eq!(ids(&result).unwrap().next, None, "{result}");
    }
    assert_eq!(
        ids(r#"{"nextCursor":12,"vectors":[]}"#)
            .unwrap()
            .next
            .as_deref(),
        Some("12")
    );
    for wrong in [
        "{}",
        "[]",
        r#"{"vectors":{}}"#,
        r#"{"nextCursor":true,"vectors":[]}"#,
    ] {
        assert!(ids(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_does_not_exist_is_left_out_of_what_was_fetched() {
    let found = fetched(&DENSE, &None, r#"[null,{"id":"b","vector":[1,2]},null]"#).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, PointId::Text("b".to_owned()));
}

proptest! {
    #[test]
    fn every_f32_arrives_bit_for_bit(a in any::<f32>(), b in any::<f32>()) {
        prop_assume!(a.is_finite() && b.is_finite());
        let point = one(&format!(r#"{{"id":"a","vector":[{a},{b:e}]}}"#));
        let values = point.dense[0].as_ref().unwrap();
        prop_assert_eq!((values[0].to_bits(), values[1].to_bits()), (a.to_bits(), b.to_bits()));
    }

    #[test]
    fn no_answer_makes_it_panic(text in ".{0,80}") {
        let _ = points(&DENSE, &None, &text);
        let _ = fetched(&HYBRID, &None, &text);
    }
}
