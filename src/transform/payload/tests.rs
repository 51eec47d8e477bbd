use super::*;

fn object(text: &str) -> Payload {
    serde_json::from_str(text).unwrap()
}

fn settled(text: &str, policy: BigInts) -> Result<String, (String, String)> {
    let mut payload = object(text);
    match settle_numbers(&mut payload, policy) {
        Ok(()) => Ok(Value::Object(payload).to_string()),
        Err(refused) => Err((refused.reason.to_string(), refused.value)),
    }
}

#[test]
fn integers_up_to_2_to_the_53_and_all_doubles_pass_under_every_policy() {
    let text = r#"{"a":9007199254740992,"b":[-9007199254740992],"c":{"d":1e+300,"e":9007199254740993.0},"f":-0}"#;
    for policy in [BigInts::Reject, BigInts::String, BigInts::Number] {
        assert_eq!(settled(text, policy), Ok(text.to_owned()));
    }
}

#[test]
fn an_integer_beyond_2_to_the_53_is_rejected_with_its_path() {
    for (text, path, digits) in [
        (r#"{"a":9007199254740993}"#, "a", "9007199254740993"),
        (r#"{"a":-9007199254740993}"#, "a", "-9007199254740993"),
        (
            r#"{"a":{"b":[1,{"c":[18446744073709551615]}]}}"#,
            "a.b[1].c[0]",
            "18446744073709551615",
        ),
        (
            r#"{"a":{"b":0},"c":9007199254740993}"#,
            "c",
            "9007199254740993",
        ),
        (
            r#"{"a":[[],[0,99999999999999999999999]],"b":1}"#,
            "a[1][1]",
            "99999999999999999999999",
        ),
    ] {
        let mut payload = object(text);
        let refused = settle_numbers(&mut payload, BigInts::Reject).unwrap_err();
        let (path, digits) = (path.to_owned(), digits.to_owned());
        assert_eq!(refused.value, digits);
        assert_eq!(refused.reason, Reason::BigInteger { path, digits });
    }
}

#[test]
fn a_big_integer_becomes_text_or_stays_as_the_policy_says() {
    let text = r#"{"a":[9007199254740993,1],"b":-99999999999999999999999}"#;
    assert_eq!(
        settled(text, BigInts::String),
        Ok(r#"{"a":["9007199254740993",1],"b":"-99999999999999999999999"}"#.to_owned())
    );
    assert_eq!(settled(text, BigInts::Number), Ok(text.to_owned()));
}

#[test]
fn a_number_beyond_f64_is_rejected_under_every_policy() {
    for policy in [BigInts::Reject, BigInts::String, BigInts::Number] {
        assert_eq!(
            settled(r#"{"a":[-1e999]}"#, policy),
            Err((
                "the number at 'a[0]' is beyond the range of f64".to_owned(),
                "-1e+999".to_owned()
            ))
        );
    }
}

#[test]
fn an_integer_that_is_too_large_even_for_f64_can_only_be_text() {
    let text = format!(r#"{{"a":{}}}"#, "9".repeat(400));
    assert!(settled(&text, BigInts::String).is_ok());
    assert!(settled(&text, BigInts::Number).is_err());
}

fn notes(text: &str) -> Vec<Note> {
    unsettled(&object(text)).iter().collect()
}

#[test]
fn what_vectorizes_types_cover_earns_no_note() {
    let covered =
        r#"{"s":"a","n":1.5,"b":true,"l":["a","b"],"e":[],"o":{"s":"a","l":["b"],"n":0},"eo":{}}"#;
    assert_eq!(notes(covered), []);
}

#[test]
fn each_uncovered_form_earns_its_note_wherever_it_stands() {
    use Note::*;
    for (text, expected) in [
        (r#"{"a":null}"#, &[NullMetadata][..]),
        (r#"{"a":{"b":null}}"#, &[NullMetadata]),
        (r#"{"a":{"b":{}}}"#, &[DeepMetadata]),
        (r#"{"a":{"b":{"c":null}}}"#, &[NullMetadata, DeepMetadata]),
        (r#"{"a":[1]}"#, &[MixedArray]),
        (r#"{"a":{"b":["x",true]}}"#, &[MixedArray]),
        (r#"{"a":[["x"]]}"#, &[MixedArray]),
        (r#"{"a":["x",null]}"#, &[NullMetadata, MixedArray]),
        (r#"{"a":[{"b":1}]}"#, &[MixedArray]),
        (r#"{"a":[{"b":{}}]}"#, &[DeepMetadata, MixedArray]),
    ] {
        assert_eq!(notes(text), expected, "{text}");
    }
}

#[test]
fn the_entry_that_earns_a_note_is_shown() {
    let payload = object(r#"{"a":"x","b":{"c":null},"d":null}"#);
    assert_eq!(
        first_with(&payload, Note::NullMetadata).as_deref(),
        Some(r#""b":{"c":null}"#)
    );
    assert_eq!(first_with(&payload, Note::MixedArray), None);
}
