use proptest::prelude::*;

use super::*;

fn object(text: &str) -> Payload {
    serde_json::from_str(text).unwrap()
}

fn uuid(text: &str) -> PointId {
    PointId::from_parts("uuid", text).unwrap()
}

#[test]
fn ids_rise_as_qdrant_scrolls_them_with_free_text_last() {
    let rising = [
        PointId::Integer(2),
        PointId::Integer(10),
        PointId::Integer(u64::MAX),
        uuid("00000000-0000-0000-0000-000000000001"),
        uuid("ffffffff-0000-0000-0000-000000000000"),
        PointId::Text(String::new()),
        PointId::Text("10".into()),
        PointId::Text("2".into()),
    ];
    assert!(rising.is_sorted_by(|a, b| a < b));
}

#[test]
fn an_id_of_another_kind_is_another_id() {
    let text = "c6577abe-8c0f-5a02-ac84-aa94c2247b1e";
    assert_ne!(uuid(text), PointId::Text(text.into()));
    assert_ne!(PointId::Integer(7), PointId::Text("7".into()));
}

#[test]
fn kind_and_text_give_the_id_again() {
    for id in [
        PointId::Integer(u64::MAX),
        uuid("C6577ABE8C0F5A02AC84AA94C2247B1E"),
        PointId::Text("a\n\"é".into()),
    ] {
        assert_eq!(
            PointId::from_parts(id.kind(), &id.to_string()),
            Some(id.clone())
        );
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<PointId>(&json).unwrap(), id);
    }
}

#[test]
fn parts_that_are_no_id_give_none() {
    for (kind, text) in [
        ("integer", "-1"),
        ("integer", "18446744073709551616"),
        ("integer", "1.0"),
        ("uuid", "c6577abe"),
        ("number", "1"),
    ] {
        assert_eq!(PointId::from_parts(kind, text), None, "{kind} {text}");
    }
}

#[test]
fn canonical_json_sorts_keys_at_every_level_and_keeps_digits() {
    assert_eq!(
        canonical_json(&object(
            r#"{ "é":1.10, "b":[{"z":1,"a":9007199254740993}, null], "B":"a\n\u0000\"", "a":{"c":{}, "b":true} }"#
        )),
        r#"{"B":"a\n\u0000\"","a":{"b":true,"c":{}},"b":[{"a":9007199254740993,"z":1},null],"é":1.10}"#
    );
}

#[test]
fn a_dense_vector_is_found_by_its_name() {
    let field = |name: &str| DenseField {
        name: name.to_owned(),
        dimensions: 32,
        distance: None,
    };
    let shape = Shape {
        dense: vec![field(""), field("text")],
        sparse: vec!["words".into()],
        data: false,
    };
    assert_eq!(shape.dense_position(""), Some(0));
    assert_eq!(shape.dense_position("text"), Some(1));
    assert_eq!(shape.dense_position("words"), None);
}

fn entries() -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::btree_map("[a-cé\"\n]{0,3}", "[0-9]{1,3}", 0..6)
        .prop_map(|map| map.into_iter().collect::<Vec<_>>())
        .prop_shuffle()
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<String>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(Value::Null),
    ]
}

proptest! {
    #[test]
    fn shuffled_keys_give_the_same_canonical_json(entries in entries()) {
        let text_of = |entries: &[(String, String)]| {
            let parts: Vec<_> = entries
                .iter()
                .map(|(key, text)| format!("{}:[\"{text}\"]", Value::from(key.as_str())))
                .collect();
            format!("{{{}}}", parts.join(","))
        };
        let shuffled = object(&text_of(&entries));
        let mut sorted = entries;
        sorted.sort();
        prop_assert_eq!(canonical_json(&shuffled), text_of(&sorted));
    }

    #[test]
    fn canonical_json_is_what_serde_json_writes_of_sorted_keys(
        entries in prop::collection::btree_map(any::<String>(), scalar(), 0..6),
    ) {
        let payload: Payload = entries.into_iter().collect();
        let written = canonical_json(&payload);
        prop_assert_eq!(written, Value::Object(payload).to_string());
    }
}
