//! Each kind of bad input has its own message, with what to do about it.

use std::os::unix::fs::PermissionsExt as _;

use super::support::{error_of, file, fixture, gzip, open, read, rest, wait, zstd};
use crate::error::Kind;
use crate::point::PointId;
use crate::source::Cursor;

const GOOD: &str = "{\"id\":1,\"vector\":[1,2]}\n";

fn bad_second_line(line: &str) -> String {
    let (error, text) = error_of("points.ndjson", format!("{GOOD}{line}\n{GOOD}"));
    assert_eq!(error.kind(), Kind::Failed);
    assert_eq!(error.advice(), Some("mend or remove that line"));
    let reason = text.strip_prefix("points.ndjson, line 2: ");
    reason.unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn a_bad_line_in_qdrant_s_form_is_named_with_its_reason() {
    for (line, reason) in [
        (
            r#"{"id":2,"vector":[1]}"#,
            r#""vector" has 1 numbers, the lines before have 2"#,
        ),
        (r#"{"id":2,"vector":[]}"#, r#""vector" has no numbers"#),
        (r#"{"id":2,"vector":null}"#, r#""vector" is missing"#),
        (r#"{"id":2,"payload":{}}"#, r#""vector" is missing"#),
        (r#"{"vector":[1,2]}"#, r#""id" is missing"#),
        (
            r#"{"id":-2,"vector":[1,2]}"#,
            r#""id" is -2; an id is a string or a whole number from 0 to 18446744073709551615"#,
        ),
        (
            r#"{"id":2.5,"vector":[1,2]}"#,
            r#""id" is 2.5; an id is a string or a whole number from 0 to 18446744073709551615"#,
        ),
        (
            r#"{"id":[1],"vector":[1,2]}"#,
            r#""id" is [1]; an id is a string or a whole number from 0 to 18446744073709551615"#,
        ),
        (
            r#"{"id":"\ud800","vector":[1,2]}"#,
            r#""id": unexpected end of hex escape"#,
        ),
        (
            r#"{"id":2,"vector":[[1,2]]}"#,
            r#""vector" is a multivector; multivectors cannot be represented in Vectorize"#,
        ),
        (
            r#"{"id":2,"vector":{"a":[[1,2]]}}"#,
            r#"vector "a" is a multivector; multivectors cannot be represented in Vectorize"#,
        ),
        (
            r#"{"id":2,"vector":[1,"2"]}"#,
            r#"number 2 of "vector" is "2": not a number"#,
        ),
        (
            r#"{"id":2,"vector":[1,null]}"#,
            r#"number 2 of "vector" is null: not a number"#,
        ),
        (
            r#"{"id":2,"vector":[1e39,2]}"#,
            r#"number 1 of "vector" is 1e39: beyond the range of 32-bit floats"#,
        ),
        (
            r#"{"id":2,"vector":[1,-1e999]}"#,
            r#"number 2 of "vector" is -1e999: beyond the range of 32-bit floats"#,
        ),
        (
            r#"{"id":2,"vector":"AAAA"}"#,
            r#""vector" is a string, not an array or an object of named vectors"#,
        ),
        (
            r#"{"id":2,"vector":{"a":1}}"#,
            r#"vector "a" is a number, not an array or a sparse vector"#,
        ),
        (
            r#"{"id":2,"vector":{"a":{"indices":[1]}}}"#,
            r#"vector "a" is an object without "indices" and "values""#,
        ),
        (
            r#"{"id":2,"vector":{"a":{"indices":[1],"values":[1,2]}}}"#,
            r#"vector "a" has 1 indices and 2 values"#,
        ),
        (
            r#"{"id":2,"vector":{"a":{"indices":[1.5],"values":[1]}}}"#,
            r#"number 1 of the indices of vector "a" is 1.5: not a whole number of 64 bits"#,
        ),
        (
            r#"{"id":2,"vector":{"a":{"indices":[],"values":[],"x":1}}}"#,
            r#"vector "a" has the unknown key "x""#,
        ),
        (
            r#"{"id":2,"vector":{"":{"indices":[],"values":[]}}}"#,
            r#""vector" is sparse, in the lines before it is dense"#,
        ),
        (
            r#"{"id":2,"vector":{"a":[1],"a":[2]}}"#,
            r#""vector": the key "a" occurs twice"#,
        ),
        (
            r#"{"id":2,"vector":[1,2],"payload":[]}"#,
            r#""payload" is an array, not an object"#,
        ),
        (
            r#"{"id":2,"vector":[1,2],"extra":1}"#,
            r#"the key "extra" is not part of Qdrant's form (id, vector, payload)"#,
        ),
        (
            r#"{"id":2,"id":2,"vector":[1,2]}"#,
            r#"the key "id" occurs twice"#,
        ),
        (
            r#"{"id":2,"values":[1,2]}"#,
            "it has Vectorize's form (id, values, metadata, namespace), the lines before have Qdrant's form (id, vector, payload)",
        ),
        (
            r#"{"id":2,"vector":[1,NaN]}"#,
            "NaN is not JSON, and no vector may hold it (column 21)",
        ),
        (
            r#"{"id":2,"vector":[Infinity,2]}"#,
            "Infinity is not JSON, and no vector may hold it (column 19)",
        ),
        (
            r#"{"id":2,"vector":[-Infinity,2]}"#,
            "Infinity is not JSON, and no vector may hold it (column 20)",
        ),
        (
            r#"{"id":2,"vector":[1,2]"#,
            "the line ends in the middle of its object, which must stand on one line",
        ),
        (
            r#"{"id":2 "vector":[1,2]}"#,
            "it is not JSON: expected `,` or `}` (column 9)",
        ),
        (
            r#"{"id":2,"vector":[1,2]} x"#,
            "it is not JSON: trailing characters (column 25)",
        ),
        ("5", "it is a number, not a JSON object"),
        ("[5]", "it is an array, not a JSON object"),
        ("id,vector", "it is not JSON: expected value (column 1)"),
    ] {
        assert_eq!(bad_second_line(line), reason, "{line}");
    }
}

#[test]
fn a_payload_too_deep_to_be_read_again_is_a_bad_line() {
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let line = format!("{{\"id\":2,\"vector\":[1,2],\"payload\":{{\"a\":{deep}}}}}");
    assert_eq!(
        bad_second_line(&line),
        "\"payload\": recursion limit exceeded"
    );
}

#[test]
fn a_bad_line_in_vectorize_s_form_is_named_with_its_reason() {
    let good = r#"{"id":"a","values":[1,2]}"#;
    for (line, reason) in [
        (
            r#"{"id":"b","values":[1]}"#,
            r#""values" has 1 numbers, the lines before have 2"#,
        ),
        (r#"{"id":"b","values":null}"#, r#""values" is missing"#),
        (
            r#"{"id":"b","values":{"a":[1]}}"#,
            r#""values" is an object, not an array of numbers"#,
        ),
        (
            r#"{"id":"b","values":[1,2],"metadata":"x"}"#,
            r#""metadata" is a string, not an object"#,
        ),
        (
            r#"{"id":"b","values":[1,2],"namespace":1}"#,
            r#""namespace" is a number, not a string"#,
        ),
        (
            r#"{"id":"b","values":[1,2],"score":1}"#,
            r#"the key "score" is not part of Vectorize's form (id, values, metadata, namespace)"#,
        ),
        (
            r#"{"id":"b","vector":[1,2]}"#,
            "it has Qdrant's form (id, vector, payload), the lines before have Vectorize's form (id, values, metadata, namespace)",
        ),
    ] {
        let (_, text) = error_of("p.ndjson", format!("{good}\n\n{line}\n"));
        assert_eq!(text, format!("p.ndjson, line 3: {reason}"));
    }
}

#[test]
fn the_first_line_has_to_have_one_of_the_forms() {
    let (_, text) = error_of("p.ndjson", "{\"id\":1}\n");
    assert_eq!(
        text,
        "p.ndjson, line 1: it has neither Qdrant's form (id, vector, payload) nor \
         Vectorize's form (id, values, metadata, namespace)"
    );
    let (_, text) = error_of("p.ndjson", "{\"id\":1,\"payload\":{}}\n");
    assert_eq!(text, "p.ndjson, line 1: \"vector\" is missing");
}

#[test]
fn vectors_that_first_occur_behind_the_learned_lines_are_bad_lines() {
    let good = "{\"id\":1,\"vector\":{\"a\":[1]}}\n".repeat(1_000);
    let (_, text) = error_of(
        "p.ndjson",
        format!("{good}{{\"id\":1,\"vector\":{{\"b\":[1]}}}}"),
    );
    assert_eq!(
        text,
        "p.ndjson, line 1001: vector \"b\" does not occur in the first 1000 lines"
    );
    let (_, text) = error_of(
        "p.ndjson",
        format!("{good}{{\"id\":1,\"vector\":{{\"a\":[1,2]}}}}"),
    );
    assert_eq!(
        text,
        "p.ndjson, line 1001: vector \"a\" has 2 numbers, the lines before have 1"
    );
}

#[test]
fn files_that_end_too_early_are_told_from_damaged_ones() {
    let text = std::fs::read(fixture()).unwrap();
    let half = &text[..text.len() / 2];
    let line = 1 + half.iter().filter(|byte| **byte == b'\n').count();
    let (_, reason) = error_of("p.ndjson", half);
    let expected = format!("p.ndjson, line {line}: the file ends in the middle of this line");
    assert_eq!(reason, expected);

    for (name, whole) in [("gzip", gzip(&text)), ("zstd", zstd(&text))] {
        let (error, cut) = error_of("p", &whole[..whole.len() - 5]);
        assert!(
            cut.starts_with(&format!("p: the {name} data is cut off after line ")),
            "{cut}"
        );
        assert_eq!(error.advice(), Some("copy or write the file again"));
        let mut damaged = whole.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xff);
        let (error, reason) = error_of("p", &damaged);
        let expected = format!("p: the {name} data is damaged after line ");
        // A decoder may also give other bytes at first, which are a bad line then.
        assert!(
            reason.starts_with(&expected) || reason.contains(", line "),
            "{reason}"
        );
        assert_eq!(error.kind(), Kind::Failed);
    }
}

#[test]
fn data_behind_a_gzip_member_is_damage() {
    let content = [gzip(GOOD.as_bytes()), b"no gzip header".to_vec()].concat();
    let (error, text) = error_of("p.gz", content);
    assert_eq!(text, "p.gz: the gzip data is damaged after line 1");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn text_that_is_not_utf_8_is_named_with_its_place() {
    let (_, text) = error_of("p.ndjson", b"{\"id\":\"\xff\",\"vector\":[1]}\n");
    assert_eq!(text, "p.ndjson, line 1: it is not UTF-8 text (byte 8)");
}

#[test]
fn a_file_without_points_says_so() {
    for content in [Vec::new(), b"\n \r\n".to_vec(), gzip(b""), zstd(b"\n")] {
        let (error, text) = error_of("p.ndjson", content);
        assert_eq!(
            (error.kind(), text.as_str()),
            (Kind::Failed, "p.ndjson has no points")
        );
    }
}

#[test]
fn one_json_array_is_told_how_to_become_lines() {
    let short = "[\n{\"id\":1,\"vector\":[1]}\n]".to_owned();
    let long = format!("[{}", "{\"id\":1,\"vector\":[1]},".repeat(3 << 20));
    for content in [short, long] {
        let (error, text) = error_of("p.json", content);
        assert_eq!(text, "p.json is one JSON array, not one object a line");
        assert!(error.advice().unwrap().contains("jq -c '.[]'"));
    }
}

#[test]
fn a_line_without_end_is_not_read_into_memory() {
    let content = format!(
        "{{\"id\":1,\"payload\":{{\"t\":\"{}\"}}}}",
        "x".repeat(64 << 20)
    );
    let (_, text) = error_of("p.ndjson", content);
    assert_eq!(text, "p.ndjson, line 1: it is longer than 64 MiB");
}

#[test]
fn a_pretty_printed_object_is_told_to_be_on_one_line() {
    let (_, text) = error_of("p.ndjson", "{\n  \"id\": 1\n}\n");
    assert_eq!(
        text,
        "p.ndjson, line 1: the line ends in the middle of its object, which must stand on one line"
    );
}

#[test]
fn a_parquet_file_is_known_by_its_content_or_else_by_its_name() {
    for (name, content) in [("p.parquet", ""), ("points", "PAR1....")] {
        let (error, text) = error_of(name, content);
        let expected = format!("{name} cannot be read as Parquet");
        assert_eq!((error.kind(), text), (Kind::Failed, expected));
    }
    for (name, content) in [
        ("p.parquet.gz", gzip(b"PAR1....")),
        ("p.zst", zstd(b"PAR1....")),
    ] {
        let (error, text) = error_of(name, content);
        let expected = format!("{name} is a Parquet file that was compressed as a whole");
        assert_eq!((error.kind(), text), (Kind::Usage, expected));
    }
}

#[test]
fn paths_that_are_no_source_have_each_their_message() {
    let folder = tempfile::tempdir().unwrap();
    let missing = read(&folder.path().join("nothing.ndjson")).unwrap_err();
    assert_eq!(missing.kind(), Kind::Usage);
    assert!(
        missing
            .to_string()
            .starts_with("there is no file or folder /")
    );

    let no_archive = read(folder.path()).unwrap_err();
    assert_eq!(no_archive.kind(), Kind::Usage);
    assert!(
        no_archive
            .to_string()
            .ends_with(" holds neither an archive nor .parquet files"),
        "{no_archive}"
    );
    assert!(no_archive.advice().unwrap().contains("0001/manifest.json"));

    let device = read("/dev/null".as_ref()).unwrap_err();
    assert_eq!(
        device.to_string(),
        "/dev/null is neither a file nor a folder"
    );
}

#[test]
fn a_file_that_may_not_be_read_says_so() {
    let (_folder, path) = file("p.ndjson", GOOD);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        return; // the superuser may read everything
    }
    let error = read(&path).unwrap_err();
    assert_eq!(error.kind(), Kind::Forbidden);
    assert!(error.to_string().starts_with("cannot read /"));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_noticed() {
    let line = |number: usize| format!("{{\"id\":{number},\"vector\":[0.5]}}\n");
    let text: String = (0..1_500).map(line).collect();
    let (_folder, path) = file("p.ndjson", &text);
    let mut source = open(&path).unwrap();
    let next = wait(source.page(None)).unwrap().next;
    std::fs::write(&path, format!("{text}{}", line(7))).unwrap();
    let error = rest(&mut *source, next).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with(" has changed while it was being read")
    );
}

#[test]
fn cursors_of_other_sources_and_behind_the_end_are_refused() {
    let mut source = open(&fixture()).unwrap();
    let foreign = Cursor::FromId(PointId::Integer(1));
    assert!(rest(&mut *source, Some(foreign)).is_err());
    assert!(rest(&mut *source, Some(Cursor::AfterLine(270))).is_err());
    assert!(
        rest(&mut *source, Some(Cursor::AfterLine(269)))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn a_copy_has_the_identity_of_the_file_and_other_content_has_another() {
    let (_folder, path) = file("p.ndjson", GOOD);
    let before = open(&path).unwrap().facts().identity.clone();
    assert_eq!(open(&path).unwrap().facts().identity, before);
    let other = tempfile::tempdir().unwrap();
    let copy = other.path().join("p.ndjson");
    std::fs::write(&copy, GOOD).unwrap();
    let facts = open(&copy).unwrap().facts().clone();
    assert_eq!(
        (facts.name.as_str(), facts.identity),
        ("p.ndjson", before.clone())
    );
    std::fs::write(&path, GOOD.replace('1', "3")).unwrap();
    assert_ne!(open(&path).unwrap().facts().identity, before);
}
