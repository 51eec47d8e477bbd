use proptest::prelude::*;

use super::*;
use crate::point::PointId;
use crate::transform::field::Found;

fn template(text: &str) -> Template {
    text.parse().unwrap()
}

fn point(payload: &str) -> Point {
    Point {
        id: PointId::Integer(7),
        namespace: Some("eu".into()),
        dense: vec![],
        sparse: vec![],
        payload: serde_json::from_str(payload).unwrap(),
        data: None,
    }
}

fn rendered(text: &str, payload: &str) -> Result<String, MissingField> {
    template(text).render(&point(payload))
}

#[test]
fn every_form_of_the_syntax_renders() {
    let payload = r#"{"id":"own","namespace":"inner","file_id":"f_1","chunk_index":3,
        "a.b":"literal","a":{"b":"nested","c":{"d":"deep"}},"x.y":{"z":"mixed"},
        "k":{"l":{"m":"short"}},"k.l":{"m":"longest key first"}}"#;
    for (text, expected) in [
        ("plain", "plain"),
        ("{file_id}_{chunk_index}", "f_1_3"),
        ("{namespace}:{id}", "eu:7"),
        ("{.namespace}:{.id}", "inner:own"),
        ("{a.b}", "literal"),
        ("{.a.b}", "literal"),
        ("{a.c.d}", "deep"),
        ("{x.y.z}", "mixed"),
        ("{k.l.m}", "longest key first"),
        ("{{{file_id}}}", "{f_1}"),
        ("{{file_id}}", "{file_id}"),
        ("ü{file_id}日", "üf_1日"),
    ] {
        assert_eq!(rendered(text, payload), Ok(expected.to_owned()), "{text}");
    }
}

#[test]
fn scalars_render_as_an_operator_would_write_them() {
    for (value, expected) in [
        (r#""""#, ""),
        (r#""a\nb""#, "a\nb"),
        ("true", "true"),
        ("false", "false"),
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("-5", "-5"),
        ("3.0", "3"),
        ("1e3", "1000"),
        ("1E+3", "1000"),
        ("9007199254740993", "9007199254740993"),
        ("18446744073709551616", "18446744073709551616"),
        ("9007199254740992.0", "9007199254740992"),
        ("1e20", "100000000000000000000"),
        ("0.1", "0.1"),
        ("-2.50", "-2.5"),
        ("1e-7", "0.0000001"),
    ] {
        let payload = format!(r#"{{"f":{value}}}"#);
        assert_eq!(
            rendered("{f}", &payload),
            Ok(expected.to_owned()),
            "{value}"
        );
    }
}

#[test]
fn a_field_without_text_is_named_with_what_is_there() {
    for (payload, found) in [
        ("{}", Found::Nothing),
        (r#"{"a":1}"#, Found::Nothing),
        (r#"{"a":{"b":null}}"#, Found::Null),
        (r#"{"a":{"b":[1]}}"#, Found::List),
        (r#"{"a":{"b":{}}}"#, Found::Object),
        (r#"{"a":{"b":1e999}}"#, Found::HugeNumber),
        (r#"{"a.b":null,"a":{"b":1}}"#, Found::Null),
    ] {
        let field = "a.b".to_owned();
        assert_eq!(
            rendered("x{a.b}", payload),
            Err(MissingField { field, found }),
            "{payload}"
        );
    }
}

#[test]
fn the_default_namespace_is_empty_text() {
    let mut default = point("{}");
    default.namespace = None;
    assert_eq!(template("{namespace}:{id}").render(&default).unwrap(), ":7");
}

#[test]
fn a_uuid_renders_in_lower_case_with_hyphens() {
    let mut with_uuid = point("{}");
    with_uuid.id = PointId::from_parts("uuid", "C6577ABE8C0F5A02AC84AA94C2247B1E").unwrap();
    assert_eq!(
        template("{id}").render(&with_uuid).unwrap(),
        "c6577abe-8c0f-5a02-ac84-aa94c2247b1e"
    );
}

#[test]
fn a_parse_error_points_at_the_character() {
    use TemplateProblem::*;
    for (text, column, problem) in [
        ("", 1, Empty),
        ("{file_id", 1, Unclosed),
        ("é{file_id", 2, Unclosed),
        ("{a}_{", 5, Unclosed),
        ("{a}}", 4, Unopened),
        ("日本}", 3, Unopened),
        ("{a{b}", 3, Nested),
        ("{}", 2, Nameless),
        ("x{.}", 3, Nameless),
        ("{ a}", 2, Space),
        ("{ab }", 4, Space),
    ] {
        let error = text.parse::<Template>().unwrap_err();
        assert_eq!((error.column, error.problem), (column, problem), "{text}");
        assert_eq!(error.text, text);
    }
}

#[test]
fn a_parse_error_reads_as_a_sentence_with_what_is_allowed() {
    let error = "{file_id}_{chunk_index".parse::<Template>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "the template '{file_id}_{chunk_index' is wrong at character 11: this '{' is never closed; \
         end the field with '}', or write '{{' for a brace"
    );
}

#[test]
fn a_template_is_serialized_as_its_text_and_read_back_checked() {
    let text = "\"{file_id}_{chunk_index}\"";
    let read: Template = serde_json::from_str(text).unwrap();
    assert_eq!(read, template("{file_id}_{chunk_index}"));
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert_eq!(read.to_string(), "{file_id}_{chunk_index}");
    assert!(serde_json::from_str::<Template>("\"{\"").is_err());
}

#[test]
fn fields_are_named_as_they_were_written() {
    let fields = template("{.id}x{a.b}{a.b}");
    assert_eq!(fields.fields().collect::<Vec<_>>(), [".id", "a.b", "a.b"]);
}

fn inverted(text: &str, id: &str) -> Option<Vec<(String, String)>> {
    Some(template(text).invert(id)?.into_iter().collect())
}

#[test]
fn inverting_gives_the_leftmost_field_as_much_as_it_can() {
    for (text, id, expected) in [
        ("{f}_{n}", "a_1", &[("f", "a"), ("n", "1")][..]),
        ("{f}_{n}", "a_b_1", &[("f", "a_b"), ("n", "1")]),
        ("{f}_{n}", "_1", &[("f", ""), ("n", "1")]),
        ("{f}_{n}", "a_", &[("f", "a"), ("n", "")]),
        ("{f}__{n}", "a___1", &[("f", "a_"), ("n", "1")]),
        ("<{f}>", "<a>", &[("f", "a")]),
        (
            "{a}-{b}-{c}",
            "1-2-3-4",
            &[("a", "1-2"), ("b", "3"), ("c", "4")],
        ),
        ("é{f}é{n}", "é日é1", &[("f", "日"), ("n", "1")]),
        ("{{{f}", "{x", &[("f", "x")]),
    ] {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        assert_eq!(inverted(text, id), Some(expected), "{text} {id}");
    }
}

#[test]
fn what_does_not_fit_or_cannot_be_inverted_gives_none() {
    for (text, id) in [
        ("{f}_{n}", "a"),
        ("{f}_{n}", ""),
        ("<{f}>", "<a"),
        ("<{f}>", "a>"),
        ("<<{f}", "<"),
        ("é{f}", "日x"),
        ("{f}{n}", "ab"),
        ("{f}0{n}", "a01"),
        ("{f}_{f}", "a_a"),
        ("plain", "plain"),
    ] {
        assert_eq!(inverted(text, id), None, "{text} {id}");
    }
}

proptest! {
    #[test]
    fn a_rendered_id_inverts_to_its_fields_when_later_ones_lack_the_separator(
        file in "[a-z_é]{0,12}",
        chunk in 0_u64..,
    ) {
        let template = template("{file_id}_{chunk_index}");
        let payload = serde_json::json!({ "file_id": file, "chunk_index": chunk });
        let id = template.render(&point(&payload.to_string())).unwrap();
        let fields = template.invert(&id).unwrap();
        prop_assert_eq!(&fields["file_id"], &file);
        prop_assert_eq!(&fields["chunk_index"], &chunk.to_string());
    }

    #[test]
    fn rendering_what_was_inverted_gives_the_text_again(
        text in prop::sample::select(vec![
            "{a}_{b}", "{a}__{b}", "_{a}_{b}_", "{a}_{b}_{c}", "é{a}é{b}", "{a}", "{a}_", "_{a}",
        ]),
        id in "[_aé]{0,10}",
    ) {
        let template = template(text);
        if let Some(fields) = template.invert(&id) {
            prop_assert_eq!(template.render_fields(&fields), Some(id));
        }
    }

    #[test]
    fn whatever_fits_the_template_is_inverted(a in "[_aé]{0,5}", b in "[_aé]{0,5}") {
        let fits = format!("é{a}_{b}é");
        let template = template("é{x}_{y}é");
        prop_assert!(template.invert(&fits).is_some());
    }

    #[test]
    fn any_text_parses_or_is_refused_without_panic(text in "[{}.a é]{0,12}") {
        match text.parse::<Template>() {
            Ok(template) => prop_assert_eq!(template.as_str(), text),
            Err(error) => prop_assert!(error.column <= text.chars().count() + 1),
        }
    }
}
