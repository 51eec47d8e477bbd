use std::collections::HashMap;

use proptest::prelude::*;
use qdrant_client::qdrant::{
    DenseVector, ListValue, MultiDenseVector, NamedVectorsOutput, SparseIndices,
    SparseVector as WireSparse, Struct,
};

use super::*;
use crate::point::{DenseField, Distance, Shape};

fn field(name: &str, dimensions: usize) -> DenseField {
    DenseField {
        name: name.to_owned(),
        dimensions,
        distance: Some(Distance::Cosine),
    }
}

fn fields() -> Fields {
    Fields {
        shape: Shape {
            dense: vec![field("", 2), field("title", 3)],
            sparse: vec!["words".to_owned()],
            data: false,
        },
        left_out: vec!["tokens".to_owned()],
    }
}

fn named(vectors: impl IntoIterator<Item = (&'static str, VectorOutput)>) -> RetrievedPoint {
    let vectors = vectors.into_iter();
    RetrievedPoint {
        id: wire_id(&PointId::Integer(7)),
        vectors: Some(VectorsOutput {
            vectors_options: Some(VectorsOptions::Vectors(NamedVectorsOutput {
                vectors: vectors.map(|(name, v)| (name.to_owned(), v)).collect(),
            })),
        }),
        ..RetrievedPoint::default()
    }
}

fn new_form(vector: Vector) -> VectorOutput {
    VectorOutput {
        vector: Some(vector),
        ..VectorOutput::default()
    }
}

fn new_dense(data: &[f32]) -> VectorOutput {
    let data = data.to_vec();
    new_form(Vector::Dense(DenseVector { data }))
}

#[allow(deprecated)]
fn old_form(data: &[f32], indices: Option<&[u32]>, vectors_count: Option<u32>) -> VectorOutput {
    VectorOutput {
        data: data.to_vec(),
        indices: indices.map(|data| SparseIndices {
            data: data.to_vec(),
        }),
        vectors_count,
        vector: None,
    }
}

#[test]
fn both_wire_forms_give_the_same_point() {
    let new = named([
        ("", new_dense(&[1.0, 2.0])),
        (
            "words",
            new_form(Vector::Sparse(WireSparse {
                indices: vec![4, u32::MAX],
                values: vec![0.5, -0.5],
            })),
        ),
        (
            "tokens",
            new_form(Vector::MultiDense(MultiDenseVector::default())),
        ),
    ]);
    let old = named([
        ("", old_form(&[1.0, 2.0], None, None)),
        ("words", old_form(&[0.5, -0.5], Some(&[4, u32::MAX]), None)),
        ("tokens", old_form(&[0.0; 4], None, Some(2))),
    ]);
    let point_of_new = point(&fields(), new).unwrap();
    assert_eq!(point_of_new.dense, [Some(vec![1.0, 2.0]), None]);
    let words = point_of_new.sparse[0].clone().unwrap();
    assert_eq!(words.indices, [4, i64::from(u32::MAX)]);
    assert_eq!(words.values, [0.5, -0.5]);
    assert_eq!(point(&fields(), old).unwrap(), point_of_new);
}

#[test]
fn an_old_multivector_with_a_count_of_zero_is_survived() {
    let odd = named([("tokens", old_form(&[1.0], None, Some(0)))]);
    assert_eq!(point(&fields(), odd).unwrap().dense, [None, None]);
}

#[test]
fn a_point_without_vectors_keeps_its_payload() {
    let wire = RetrievedPoint {
        id: wire_id(&PointId::Integer(7)),
        payload: HashMap::from([("a".to_owned(), WireValue::from("x"))]),
        ..RetrievedPoint::default()
    };
    let point = point(&fields(), wire).unwrap();
    assert_eq!(point.dense, [None, None]);
    assert_eq!(point.payload["a"], "x");
}

#[test]
fn what_does_not_fit_the_collection_names_point_vector_and_reason() {
    let rows = [
        (
            named([("title", new_dense(&[1.0]))]),
            "vector \"title\" has length 1 instead of 3",
        ),
        (
            named([("", old_form(&[], None, None))]),
            "the unnamed vector has length 0 instead of 2",
        ),
        (
            named([("", old_form(&[1.0], None, Some(0)))]),
            "the unnamed vector is a multivector, not a dense vector as the collection says",
        ),
        (
            named([("words", new_dense(&[1.0]))]),
            "vector \"words\" is a dense vector, not a sparse vector as the collection says",
        ),
        (
            named([("words", old_form(&[1.0], Some(&[1, 2]), None))]),
            "vector \"words\" has 2 positions but 1 values",
        ),
        (
            named([("late", new_dense(&[1.0]))]),
            "vector \"late\" was not in the collection when it was opened",
        ),
    ];
    for (wire, reason) in rows {
        let error = point(&fields(), wire).unwrap_err();
        assert_eq!(error.to_string(), "point 7");
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            reason
        );
    }
}

#[test]
fn a_missing_or_malformed_id_is_an_error() {
    assert_eq!(id(None), Err(ConvertError::NoId));
    assert_eq!(id(Some(WireId::default())), Err(ConvertError::NoId));
    let text = WireId::from("not-a-uuid");
    assert_eq!(
        id(Some(text)),
        Err(ConvertError::BadUuid("not-a-uuid".to_owned()))
    );
}

fn double(value: f64) -> WireValue {
    WireValue {
        kind: Some(Kind::DoubleValue(value)),
    }
}

#[test]
fn numbers_keep_their_kind_and_their_digits() {
    let rows = [
        (
            WireValue::from(9_007_199_254_740_993_i64),
            "9007199254740993",
        ),
        (WireValue::from(i64::MIN), "-9223372036854775808"),
        (WireValue::from(1_i64), "1"),
        (double(1.0), "1.0"),
        (double(-0.0), "-0.0"),
        (double(0.1), "0.1"),
        (double(5e-324), "5e-324"),
        (double(f64::NAN), "null"),
        (double(f64::INFINITY), "null"),
        (WireValue::default(), "null"),
    ];
    for (wire, text) in rows {
        assert_eq!(json(wire).to_string(), text);
    }
}

#[test]
fn nested_payloads_keep_their_shape() {
    let list = WireValue {
        kind: Some(Kind::ListValue(ListValue {
            values: vec![WireValue::default(), WireValue::from(true)],
        })),
    };
    let object = WireValue {
        kind: Some(Kind::StructValue(Struct {
            fields: HashMap::from([("l".to_owned(), list), ("e".to_owned(), double(2.0))]),
        })),
    };
    assert_eq!(json(object).to_string(), r#"{"e":2.0,"l":[null,true]}"#);
}

proptest! {
    #[test]
    fn every_finite_double_comes_back_bit_for_bit_and_stays_a_float(value in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO) {
        let text = json(double(value)).to_string();
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        prop_assert!(text.contains(['.', 'e']), "{} would read as an integer", text);
    }

    #[test]
    fn ids_survive_both_ways(number in any::<u64>(), uuid in any::<u128>()) {
        for expected in [PointId::Integer(number), PointId::Uuid(Uuid::from_u128(uuid))] {
            prop_assert_eq!(id(wire_id(&expected)), Ok(expected));
        }
    }

    #[test]
    fn no_old_form_panics(
        data in proptest::collection::vec(any::<f32>(), 0..9),
        indices in proptest::option::of(proptest::collection::vec(any::<u32>(), 0..9)),
        count in proptest::option::of(any::<u32>()),
        name in prop_oneof![Just(""), Just("title"), Just("words"), Just("tokens"), Just("late")],
    ) {
        let vector = old_form(&data, indices.as_deref(), count);
        let _ = point(&fields(), named([(name, vector)]));
    }
}

mod back {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::{json, wire_value};

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("JSON has no others", |number| number.is_finite())
                .prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..5)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_that_came_over_grpc_goes_back_as_it_was(value in any_value()) {
            let wire = wire_value(&value).unwrap();
            prop_assert_eq!(json(wire.clone()), value.clone());
            prop_assert_eq!(wire_value(&json(wire.clone())), Some(wire));
        }
    }

    #[test]
    fn only_what_no_double_holds_cannot_go_back() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        assert_eq!(wire_value(&parse("1e999")), None);
        assert_eq!(wire_value(&parse(r#"[{"a": -1e400}]"#)), None);
        let back = |text: &str| json(wire_value(&parse(text)).unwrap()).to_string();
        let rows = [
            ("9223372036854775807", "9223372036854775807"),
            ("9223372036854775808", "9.223372036854776e+18"),
            ("1.0", "1.0"),
            ("1e2", "100.0"),
            ("-0", "-0.0"),
            ("7", "7"),
        ];
        for (text, expected) in rows {
            assert_eq!(back(text), expected);
        }
    }
}
