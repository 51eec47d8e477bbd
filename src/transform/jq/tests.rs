use proptest::prelude::*;

use super::*;

fn payload(text: &str) -> Payload {
    serde_json::from_str(text).unwrap()
}

fn mapped(program: &str, text: &str) -> Result<String, String> {
    let program: Program = program.parse().unwrap();
    match program.apply(&payload(text)) {
        Ok(object) => Ok(canonical_json(&object)),
        Err(refused) => match refused.reason {
            Reason::MapFailed { message } => Err(message),
            other => panic!("{other}"),
        },
    }
}

fn wrong(program: &str) -> String {
    program.parse::<Program>().unwrap_err().to_string()
}

#[test]
fn a_program_makes_the_payload_anew() {
    let given = r#"{"title":"A B","tags":["x","y"],"n":2}"#;
    for (program, wanted) in [
        (".", r#"{"n":2,"tags":["x","y"],"title":"A B"}"#),
        ("{t: .title | ascii_downcase}", r#"{"t":"a b"}"#),
        ("del(.tags) | .m = .n + 1", r#"{"m":3,"n":2,"title":"A B"}"#),
        (
            ".tags |= join(\",\")",
            r#"{"n":2,"tags":"x,y","title":"A B"}"#,
        ),
        (
            "with_entries(select(.value | type == \"string\"))",
            r#"{"title":"A B"}"#,
        ),
        (
            "{s: (.title | sub(\"(?<a>.) \"; \"\\(.a)-\"))}",
            r#"{"s":"A-B"}"#,
        ),
        ("{}", "{}"),
    ] {
        assert_eq!(mapped(program, given).as_deref(), Ok(wanted), "{program}");
    }
}

#[test]
fn anything_but_one_object_is_a_failure_with_its_reason() {
    for (program, told) in [
        ("empty", "it gives no value"),
        (".[]", "it gives a number, not an object"),
        (".a", "it gives a number, not an object"),
        ("null", "it gives null, not an object"),
        ("., .", "it gives more than one value"),
        ("., error(\"late\")", "late"),
        ("error(\"no \\(.a)\")", "no 1"),
        (".a.b", "cannot index 1 with \"b\""),
        ("{(\"a\" | tobytes): 1}", "its result has the key"),
        (
            "{x: (0/0)}",
            "its result holds NaN, which JSON does not have",
        ),
        ("{x: infinite}", "its result holds Infinity"),
        (
            "{x: (\"/w==\" | @base64d)}",
            "its result holds text that is not UTF-8",
        ),
        (
            "reduce range(200) as $i ({}; {a: .})",
            "its result nests deeper than 128 levels",
        ),
    ] {
        let message = mapped(program, r#"{"a":1}"#).unwrap_err();
        assert!(message.contains(told), "{program}: {message}");
    }
}

#[test]
fn no_more_outputs_are_made_than_tell_that_there_are_too_many() {
    let message = mapped("repeat({})", "{}").unwrap_err();
    assert_eq!(message, "it gives more than one value");
    assert!(mapped("first(repeat({}))", "{}").is_ok());
}

#[test]
fn numbers_that_the_program_leaves_alone_keep_their_digits() {
    let text = r#"{"a":9007199254740993,"b":123456789012345678901234567890,"c":1.10,"d":1e+400,"e":-0.0,"f":[0.1000]}"#;
    assert_eq!(mapped(".", text).unwrap(), text);
    assert_eq!(
        mapped("{x: .b, y: .c}", text).unwrap(),
        r#"{"x":123456789012345678901234567890,"y":1.10}"#
    );
    assert_eq!(
        mapped(".a += 1 | {a}", text).unwrap(),
        r#"{"a":9007199254740994}"#
    );
}

#[test]
fn a_long_message_is_shortened() {
    let text = format!(r#"{{"a":"{}"}}"#, "é".repeat(5_000));
    let message = mapped(".a.b", &text).unwrap_err();
    assert_eq!(message.chars().count(), MAX_MESSAGE_CHARS + 1);
}

#[test]
fn a_mistake_is_shown_at_its_place() {
    assert_eq!(
        wrong(".a | foo(1)"),
        "the jq program is wrong at character 6: there is no 'foo' with 1 argument\n  .a | foo(1)\n       ^"
    );
    assert_eq!(
        wrong("{a: .b"),
        "the jq program is wrong at character 7: expected closing brace, found the end\n  {a: .b\n        ^"
    );
    assert_eq!(
        wrong(".a |"),
        "the jq program is wrong at character 5: expected term, found the end\n  .a |\n      ^"
    );
    assert_eq!(
        wrong(".é\n| $x"),
        "the jq program is wrong in line 1 at character 2: expected token, found 'é'\n  .é\n   ^"
    );
    assert!(
        wrong(".\n| $x")
            .contains("in line 2 at character 3: there is no variable '$x'\n  | $x\n    ^")
    );
}

#[test]
fn what_is_not_the_payload_is_out_of_reach() {
    for program in [
        "now",
        "env",
        "$ENV",
        "$ENV.HOME",
        "input",
        "[inputs]",
        "debug",
        "debug(1)",
        "stderr",
        "halt",
        "halt_error",
        "halt(1)",
        "input_filename",
        "input_line_number",
        "localtime",
        "strflocaltime(\"%Y\")",
        "{a: now}",
    ] {
        let told = wrong(program);
        assert!(
            told.contains("is not available to --map, which sees the payload"),
            "{program}: {told}"
        );
    }
    for program in [
        "include \"a\"; .",
        "import \"a\" as a; .",
        "import \"a\" as $a; .",
    ] {
        assert!(wrong(program).contains(problem::NO_FILES), "{program}");
    }
}

#[test]
fn the_rest_of_the_language_is_there() {
    for program in [
        "walk(.)",
        "paths",
        "to_entries",
        "todate",
        "fromdate",
        "gmtime",
        "mktime",
        "strftime(\"%Y\")",
        "test(\"a\")",
        "ltrimstr(\"a\")",
        "ascii_downcase",
        "@base64",
        "@json",
        "tojson",
        "fromjson",
        "limit(1; .[])",
        "until(true; .)",
        "splits(\",\")",
        "gsub(\"a\"; \"b\")",
        "group_by(.a)",
        "unique_by(.a)",
        "min_by(.a)",
        "floor",
        "sqrt",
        "tostring",
        "tonumber",
        "add",
        "any",
        "all",
        "flatten",
        "implode",
        "explode",
        "transpose",
        "getpath([\"a\"])",
        "error(\"a\")",
    ] {
        assert!(
            program.parse::<Program>().is_ok(),
            "{program}: {}",
            wrong(program)
        );
    }
}

#[test]
fn a_program_is_read_back_as_it_was_frozen() {
    let program: Program = ".a |= 1".parse().unwrap();
    let text = serde_json::to_string(&program).unwrap();
    assert_eq!(text, "\".a |= 1\"");
    assert_eq!(serde_json::from_str::<Program>(&text).unwrap(), program);
    assert!(serde_json::from_str::<Program>("\".a |\"").is_err());
}

#[test]
fn a_program_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Program>();
    shared::<super::super::Transform>();
}

proptest! {
    #[test]
    fn the_identity_changes_nothing(
        entries in proptest::collection::btree_map("\\PC{0,5}", any::<(String, f64, i64, bool)>(), 0..5),
    ) {
        let before: Payload = entries
            .into_iter()
            .map(|(key, (text, float, integer, truth))| {
                (key, serde_json::json!({"t": text, "f": float, "i": [integer, truth, null]}))
            })
            .collect();
        let program: Program = ".".parse().unwrap();
        prop_assert_eq!(program.apply(&before).unwrap(), before);
    }

    #[test]
    fn no_text_makes_the_compiler_panic(text in "[a-z$.|\"\\\\(){}\\[\\],;:@?0-9 \\n]{0,12}|\\PC{0,8}") {
        let _ = text.parse::<Program>().map_err(|error| error.to_string());
    }
}

/// Programs of every form that grows with its text, as long as they may be.
fn longest_programs() -> Vec<String> {
    let forms = [
        ("(", ".", ")"),
        ("[", ".", "]"),
        ("{a:", ".", "}"),
        ("\"\\(", ".", ")\""),
        ("reduce . as $x (.; ", ".", ")"),
        ("if (", ".", ") then . else . end"),
        ("if . then ", ".", " end"),
        ("def f: ", ".", "; f"),
        ("def f: .; ", "f", ""),
        (". as $x|", ".", ""),
        ("label $x|", ".", ""),
        (". | def f: 1; ", "f", ""),
        ("try ", ".", ""),
        ("-", ".", ""),
        (".|", ".", ""),
        (".,", ".", ""),
        ("1+", "1", ""),
        (".//", ".", ""),
        ("", ".a", ".a"),
        ("", ".a", "[0]"),
    ];
    let longest = |(open, core, close): (&str, &str, &str)| {
        let grown = |size: usize| format!("{}{core}{}", open.repeat(size), close.repeat(size));
        let mut sizes = (1..limits::MAX_PARTS).rev().map(grown);
        sizes.find(|text| limits::program(text).is_ok()).unwrap()
    };
    forms.into_iter().map(longest).collect()
}

#[test]
fn the_longest_programs_need_no_more_stack_than_any_thread_has() {
    let work = || {
        for text in longest_programs() {
            let program = text.parse::<Program>().unwrap();
            program.apply(&payload(r#"{"a":1}"#)).ok();
        }
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work);
    thread.unwrap().join().unwrap();
}

#[test]
fn longer_and_deeper_programs_are_refused_where_they_become_so() {
    let deep = wrong(&"(".repeat(134));
    let told = "at character 134: it chains or nests more than 400 filters";
    assert!(deep.contains(told), "{deep}");
    let chained = wrong(&".|".repeat(401));
    assert!(chained.contains("more than 400 filters"), "{chained}");
    let long = wrong(&". . ".repeat(1_501));
    assert!(
        long.contains("it has more than 3000 words and signs"),
        "{long}"
    );
    let words = format!("{{{}}}", "a_long_key: .another_long_key, ".repeat(300));
    assert!(words.parse::<Program>().is_ok());
}

#[test]
fn texts_that_nest_without_end_are_not_read_as_json() {
    for text in [
        "[".repeat(1_000_000),
        "{\"a\":".repeat(1_000_000),
        "[#]\n".repeat(100_000),
        "[\"]\",".repeat(100_000),
        "[\"\\\"]\",".repeat(100_000),
    ] {
        let payload: Payload = [("a".to_owned(), text.into())].into_iter().collect();
        let program: Program = "{b: .a | fromjson}".parse().unwrap();
        let refused = program.apply(&payload).unwrap_err();
        let told = refused.reason.to_string();
        assert!(told.contains("nests deeper than 128 levels"), "{told}");
    }
    let brackets = r#"{"a":"{\"b\": \"[[[[\", \"c\": [1]} [2]"}"#;
    assert_eq!(
        mapped("{b: [.a | fromjson]}", brackets).as_deref(),
        Ok(r#"{"b":[{"b":"[[[[","c":[1]},[2]]}"#)
    );
}

#[test]
fn numbers_whose_digits_take_minutes_are_refused() {
    let digits = "7".repeat(3_000_000);
    let told = mapped("{b: .a}", &format!("{{\"a\":{digits}}}")).unwrap_err();
    assert!(
        told.contains("3000000 characters long; programs take up to 1000"),
        "{told}"
    );
    let told = mapped("{b: .a | tonumber}", &format!("{{\"a\":\"{digits}\"}}")).unwrap_err();
    assert!(told.contains("a number of more than 1000 digits"), "{told}");
    let long = "7".repeat(1_000);
    assert!(mapped("{b: .a}", &format!("{{\"a\":{long}}}")).is_ok());
}

#[test]
fn a_text_that_is_no_json_fails_once_and_can_be_caught() {
    let told = mapped("{b: .a | fromjson}", r#"{"a":"N"}"#).unwrap_err();
    assert!(told.contains("as JSON: byte offset 0"), "{told}");
    let caught = mapped("{b: [.a | try fromjson catch 7]}", r#"{"a":"1 N"}"#);
    assert_eq!(caught.as_deref(), Ok(r#"{"b":[1,7]}"#));
}
