use super::*;

fn with_values(values: Option<Vec<f32>>) -> Point {
    Point {
        dense: vec![values],
        ..point("{}")
    }
}

fn with_value_at_5(value: f32) -> Point {
    let mut values = vec![0.5; DIMENSIONS];
    values[5] = value;
    with_values(Some(values))
}

#[test]
fn a_point_without_the_vector() {
    let rejection = rejected(Mapping::default(), with_values(None));
    assert_eq!(rejection.reason.name(), "missing_vector");
    assert_eq!(
        rejection.reason.to_string(),
        "the point has no unnamed vector"
    );
    let nothing = Point {
        dense: vec![],
        ..point("{}")
    };
    assert_eq!(
        rejected(Mapping::default(), nothing).reason,
        rejection.reason
    );
}

#[test]
fn a_vector_of_another_length() {
    for found in [0, 31, 33] {
        let rejection = rejected(Mapping::default(), with_values(Some(vec![0.5; found])));
        let wanted = DIMENSIONS;
        assert_eq!(rejection.reason, Reason::WrongDimensions { found, wanted });
        assert_eq!(rejection.value, found.to_string());
    }
}

#[test]
fn a_vector_with_a_number_that_is_not_finite() {
    for (value, text) in [
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
        (f32::NEG_INFINITY, "-inf"),
    ] {
        let rejection = rejected(Mapping::default(), with_value_at_5(value));
        assert_eq!(rejection.reason, Reason::NotFinite { position: 5 });
        assert_eq!(rejection.value, text);
    }
}

#[test]
fn a_point_that_lacks_a_field_of_the_id_or_namespace_template() {
    let tenant = Mapping {
        namespace: Some("{tenant}".parse().unwrap()),
        ..Mapping::default()
    };
    for (mapping, payload, found, value, message) in [
        (
            with_id("{file_id}_{chunk_index}"),
            r#"{"file_id":"f"}"#,
            Found::Nothing,
            "",
            "the template '{file_id}_{chunk_index}' needs the field 'chunk_index', which is absent",
        ),
        (
            tenant,
            r#"{"tenant":["a",1]}"#,
            Found::List,
            r#"["a",1]"#,
            "the template '{tenant}' needs the field 'tenant', which is a list",
        ),
    ] {
        let rejection = rejected(mapping, point(payload));
        assert_eq!(rejection.reason.name(), "missing_field");
        assert_eq!(rejection.reason.to_string(), message);
        assert_eq!(rejection.value, value);
        assert!(matches!(rejection.reason, Reason::MissingField { found: it, .. } if it == found));
    }
}

#[test]
fn an_id_of_65_bytes_and_not_one_of_64() {
    for (text, bytes) in [("x".repeat(65), 65), ("é".repeat(33), 66)] {
        let payload = format!(r#"{{"k":"{text}"}}"#);
        let rejection = rejected(with_id("{k}"), point(&payload));
        assert_eq!(rejection.reason, Reason::Id(LimitError::LongId { bytes }));
        assert_eq!(rejection.value, text);
    }
    let fits = format!(r#"{{"k":"{}"}}"#, "é".repeat(32));
    assert!(both(&by(with_id("{k}")), point(&fits)).is_ok());
    let empty = rejected(with_id("{k}"), point(r#"{"k":""}"#));
    assert_eq!(empty.reason, Reason::Id(LimitError::EmptyId));
}

#[test]
fn a_namespace_of_65_bytes_from_source_or_template() {
    let text = "n".repeat(65);
    let reason = Reason::Namespace(LimitError::LongNamespace { bytes: 65 });
    let of_source = Point {
        namespace: Some(text.clone()),
        ..point("{}")
    };
    assert_eq!(rejected(Mapping::default(), of_source).reason, reason);
    let mapping = Mapping {
        namespace: Some("{k}".parse().unwrap()),
        ..Mapping::default()
    };
    let of_payload = point(&format!(r#"{{"k":"{text}"}}"#));
    assert_eq!(rejected(mapping.clone(), of_payload).reason, reason);
    let empty = rejected(mapping, point(r#"{"k":""}"#));
    assert_eq!(empty.reason, Reason::Namespace(LimitError::EmptyNamespace));
}

#[test]
fn metadata_of_10241_bytes_and_not_of_10240() {
    let of = |bytes: usize| point(&format!(r#"{{"a":1,"t":"{}"}}"#, "x".repeat(bytes - 14)));
    assert!(both(&by(Mapping::default()), of(10_240)).is_ok());
    let rejection = rejected(Mapping::default(), of(10_241));
    let bytes = 10_241;
    assert_eq!(
        rejection.reason,
        Reason::Metadata(LimitError::LargeMetadata { bytes })
    );
    assert_eq!(rejection.value.chars().count(), MAX_VALUE_CHARS);
    assert!(rejection.value.starts_with(r#""t":"xxx"#) && rejection.value.ends_with("x…"));
}

#[test]
fn a_forbidden_key_by_its_name() {
    let rejection = rejected(Mapping::default(), point(r#"{"a":{"b.c":1}}"#));
    assert_eq!(rejection.reason.name(), "metadata_key");
    assert_eq!(rejection.value, "b.c");
}

#[test]
fn a_big_integer_with_the_option_that_would_send_it() {
    let payload = r#"{"a":{"n":9007199254740993}}"#;
    let rejection = rejected(Mapping::default(), point(payload));
    assert_eq!(rejection.reason.name(), "big_integer");
    assert_eq!(
        rejection.reason.to_string(),
        "the integer 9007199254740993 at 'a.n' is beyond 2^53, where Vectorize's numbers lose \
         digits; --big-ints string or number would send it"
    );
    for (big_ints, expected) in [
        (BigInts::String, r#"{"a":{"n":"9007199254740993"}}"#),
        (BigInts::Number, payload),
    ] {
        let mapping = Mapping {
            big_ints,
            ..Mapping::default()
        };
        let transformed = both(&by(mapping), point(payload)).unwrap();
        assert_eq!(transformed.record.metadata.json(), expected);
    }
}

#[test]
fn the_id_keeps_the_digits_that_the_metadata_could_not() {
    let mapping = Mapping {
        big_ints: BigInts::Number,
        ..with_id("{n}")
    };
    let transformed = both(&by(mapping), point(r#"{"n":9007199254740993}"#)).unwrap();
    assert_eq!(transformed.record.id.as_str(), "9007199254740993");
}

#[test]
fn a_number_out_of_range() {
    let rejection = rejected(Mapping::default(), point(r#"{"a":1e999}"#));
    assert_eq!(rejection.reason.name(), "number_out_of_range");
}

#[test]
fn what_is_unsettled_only_under_the_strict_policy() {
    let strict = || Mapping {
        unsettled: UnsettledPolicy::Reject,
        ..Mapping::default()
    };
    let zero = || with_values(Some(vec![0.0; DIMENSIONS]));
    for (point, note, value) in [
        (zero(), Note::ZeroVector, "0"),
        (
            point(r#"{"x":1,"a":null}"#),
            Note::NullMetadata,
            r#""a":null"#,
        ),
        (
            point(r#"{"a":{"b":{}}}"#),
            Note::DeepMetadata,
            r#""a":{"b":{}}"#,
        ),
        (point(r#"{"a":[1]}"#), Note::MixedArray, r#""a":[1]"#),
    ] {
        assert!(notes(Mapping::default(), point.clone()).contains(&note));
        let rejection = rejected(strict(), point);
        assert_eq!(rejection.reason, Reason::Unsettled(note));
        assert_eq!(rejection.value, value);
    }
    assert!(both(&by(strict()), point(r#"{"a":"b"}"#)).is_ok());
}

#[test]
fn a_gap_in_the_file_index_is_no_rejection_under_the_strict_policy() {
    let strict = Mapping {
        unsettled: UnsettledPolicy::Reject,
        ..Mapping::default()
    };
    assert_eq!(notes(strict, point("{}")), [Note::NoFile]);
}

#[test]
fn the_first_reason_in_the_documented_order() {
    let mut wrong = point(r#"{"$a":1,"n":1e999}"#);
    wrong.namespace = Some(String::new());
    wrong.dense = vec![Some(vec![])];
    let mapping = || with_id("{k}");
    let mut names = vec![rejected(mapping(), wrong.clone()).reason.name()];
    wrong.dense = vec![Some(vec![0.5; DIMENSIONS])];
    names.push(rejected(mapping(), wrong.clone()).reason.name());
    wrong.payload.insert("k".into(), "v".into());
    names.push(rejected(mapping(), wrong.clone()).reason.name());
    wrong.namespace = None;
    names.push(rejected(mapping(), wrong.clone()).reason.name());
    wrong.payload.remove("n");
    names.push(rejected(mapping(), wrong).reason.name());
    assert_eq!(
        names,
        [
            "wrong_dimensions",
            "missing_field",
            "namespace_empty",
            "number_out_of_range",
            "metadata_key"
        ]
    );
}
