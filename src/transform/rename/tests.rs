use super::*;

fn renames(texts: &[&str]) -> Vec<Rename> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn renamed(payload: &str, texts: &[&str]) -> Result<String, Reason> {
    let mut payload = serde_json::from_str(payload).unwrap();
    let mut changes = Vec::new();
    rename(&mut payload, &renames(texts), &mut changes)
        .map(|()| crate::point::canonical_json(&payload))
        .map_err(|refused| refused.reason)
}

#[test]
fn keys_get_their_new_names_and_others_stay() {
    let given = renamed(r#"{"a":1,"b":2,"c":3}"#, &["a=x", "c=y"]);
    assert_eq!(given.unwrap(), r#"{"b":2,"x":1,"y":3}"#);
}

#[test]
fn two_keys_can_be_exchanged_and_three_moved_on() {
    assert_eq!(
        renamed(r#"{"a":1,"b":2}"#, &["a=b", "b=a"]).unwrap(),
        r#"{"a":2,"b":1}"#
    );
    let around = renamed(r#"{"a":1,"b":2,"c":3}"#, &["a=b", "b=c", "c=a"]);
    assert_eq!(around.unwrap(), r#"{"a":3,"b":1,"c":2}"#);
}

#[test]
fn a_key_that_is_not_there_is_no_matter() {
    assert_eq!(renamed(r#"{"b":2}"#, &["a=b"]).unwrap(), r#"{"b":2}"#);
    assert_eq!(renamed("{}", &["a=b"]).unwrap(), "{}");
}

#[test]
fn a_name_that_is_taken_is_a_rejection() {
    for (payload, texts) in [
        (r#"{"a":1,"b":2}"#, ["a=b", "z=y"]),
        (r#"{"a":1,"c":2}"#, ["c=b", "a=b"]),
    ] {
        let reason = renamed(payload, &texts).unwrap_err();
        assert_eq!(
            reason,
            Reason::RenameTaken("a=b".parse().unwrap()),
            "{payload}"
        );
    }
}

#[test]
fn only_old_and_new_make_a_renaming() {
    for text in ["a", "", "a=b=c"] {
        assert_eq!(
            text.parse::<Rename>(),
            Err(RenameError::Form(text.to_owned()))
        );
    }
    let empty_key: Rename = "=a".parse().unwrap();
    assert_eq!(
        (empty_key.from.as_str(), empty_key.to_string().as_str()),
        ("", "=a")
    );
}

#[test]
fn a_new_name_that_vectorize_refuses_is_refused_at_once() {
    for text in ["a=", "a=b.c", "a=$b", "a=b\"c"] {
        let error = text.parse::<Rename>().unwrap_err();
        assert!(matches!(error, RenameError::Key { .. }), "{text}");
    }
}
