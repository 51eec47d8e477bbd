use super::*;

fn line(rejection: &Rejection) -> String {
    serde_json::to_string(rejection).unwrap()
}

#[test]
fn a_rejection_is_one_line_of_stable_fields() {
    let rejection = rejected(with_id("{k}"), point(r#"{"k":null}"#));
    let expected = r#"{"source_id":"7","id_kind":"integer","namespace":null,"reason":"missing_field","message":"the template '{k}' needs the field 'k', which is null","value":"null"}"#;
    assert_eq!(line(&rejection), expected);
    assert!(include_str!("../../../docs/mapping.md").contains(expected));
    assert_eq!(
        rejection.to_string(),
        "the point '7' is rejected: the template '{k}' needs the field 'k', which is null"
    );
}

#[test]
fn a_collision_names_both_points_and_the_way_out() {
    let reason = Reason::Collision {
        other: PointId::Text("a".into()),
        other_namespace: Some("eu".into()),
        id: VectorId::new("a").unwrap(),
    };
    let rejection = Rejection::new(PointId::Text("a".into()), Some("us".into()), reason, "a");
    assert_eq!(
        rejection.to_string(),
        "the point 'a' in the namespace 'us' is rejected: the vector id 'a' is also that of the \
         point 'a' in the namespace 'eu'; a template such as --id '{namespace}:{id}' tells them apart"
    );
}

#[test]
fn a_refusal_by_vectorize_keeps_its_code_and_words() {
    let reason = Reason::RefusedByVectorize {
        code: 40_012,
        message: "invalid vector".into(),
    };
    let rejection = Rejection::new(PointId::Integer(1), None, reason, "");
    assert_eq!(
        rejection.reason.to_string(),
        "Vectorize refused the record with code 40012: invalid vector"
    );
}

#[test]
fn a_value_is_shortened_by_characters_only_when_it_is_too_long() {
    let of = |count: usize| {
        let reason = Reason::NotFinite { position: 0 };
        Rejection::new(PointId::Integer(1), None, reason, &"é".repeat(count)).value
    };
    assert_eq!(of(200), "é".repeat(200));
    assert_eq!(of(201), "é".repeat(199) + "…");
}
