//! What goes where: the result object alone on standard output, everything else
//! on standard error, a log where one was asked for, and no escape codes.

use serde_json::Value;

use crate::cli::Told;
use crate::place::{MAPPED, Place, WHOLE};

/// Every field of the result object that design and documentation promise.
const FIELDS: [(&str, &[&str]); 5] = [
    (
        "points",
        &[
            "source",
            "archived",
            "settled",
            "unchanged",
            "rejected",
            "vanished",
            "deleted",
            "foreign",
        ],
    ),
    ("requests", &["total", "retried", "rate_limited"]),
    (
        "file_index",
        &["entries", "ids", "written", "unchanged", "stale"],
    ),
    (
        "verification",
        &[
            "verdict",
            "missing",
            "extra",
            "values_sampled",
            "values_different",
            "file_index_missing",
            "file_index_different",
            "file_index_stale",
            "search",
        ],
    ),
    (
        "seconds",
        &["total", "export", "upsert", "settle", "index", "verify"],
    ),
];

fn has_escape_codes(told: &Told) -> bool {
    told.stdout.contains('\u{1b}') || told.stderr.contains('\u{1b}')
}

#[test]
fn json_is_one_object_with_every_field_and_the_same_as_the_report() {
    let place = Place::new();
    let told = place.run_sample(&format!("{WHOLE} --json")).ends(0);
    let object = told.json();
    assert_eq!(told.stdout.lines().count(), 1);
    assert_eq!(object["schema"], "cf-migrate/report/1");
    assert_eq!(object["verb"], "run");
    assert_eq!(object["outcome"], "proven");
    assert_eq!(object["exit_code"].to_string(), "0");
    assert_eq!(object["points"]["settled"].to_string(), "269");
    assert_eq!(object["file_index"]["entries"].to_string(), "61");
    assert!(object["peak_rss_bytes"].to_string().parse::<u64>().unwrap() > 1 << 20);
    for (part, fields) in FIELDS {
        for field in fields {
            assert!(
                object[part].get(*field).is_some(),
                "{part}.{field} in {object}"
            );
        }
    }
    let report: Value =
        serde_json::from_str(&place.shell.read("docs.migration/report.json")).unwrap();
    assert_eq!(report, object);
}

#[test]
fn parts_that_a_verb_does_not_touch_are_null() {
    let place = Place::new();
    let object = place.run("export SAMPLE copy --json").ends(0).json();
    assert_eq!(object["outcome"], "done");
    for part in ["requests", "file_index", "verification"] {
        assert!(object[part].is_null(), "{part} in {object}");
    }
    let object = place
        .run(&format!(
            "upsert copy vectorize:docs {MAPPED} --create --json"
        ))
        .ends(0)
        .json();
    assert!(
        object["verification"].is_null() && object["file_index"].is_null(),
        "{object}"
    );
    assert_eq!(object["points"]["settled"].to_string(), "269");
}

#[test]
fn every_verb_gives_its_object() {
    let place = Place::new();
    let lines = [
        (
            format!("plan SAMPLE vectorize:docs {MAPPED} --create"),
            "plan",
        ),
        ("export SAMPLE copy".to_owned(), "export"),
        (format!("transform copy out.ndjson {MAPPED}"), "transform"),
        (
            format!("upsert copy vectorize:docs {MAPPED} --create"),
            "upsert",
        ),
        ("index docs.migration kv:files --create".to_owned(), "index"),
        (format!("index vectorize:docs kv:files {MAPPED}"), "index"),
        (
            format!("verify copy vectorize:docs {MAPPED} --file-index kv:files"),
            "verify",
        ),
    ];
    for (line, verb) in lines {
        let object = place.run(&format!("{line} --json")).ends(0).json();
        assert_eq!(object["verb"], verb);
        assert_eq!(object["error"], Value::Null);
    }
}

#[test]
fn an_error_is_in_the_object_too() {
    let place = Place::new();
    let told = place.run_sample("--json").ends(7);
    let object = told.json();
    assert_eq!(
        (&object["outcome"], &object["exit_code"].to_string()),
        (&"refused".into(), &"7".to_owned())
    );
    assert_eq!(object["error"]["message"], "the index docs does not exist");
    assert!(
        object["error"]["advice"]
            .as_str()
            .unwrap()
            .contains("--create")
    );

    let object = place
        .run("run nothing.ndjson vectorize:docs --json")
        .ends(2)
        .json();
    assert_eq!(object["outcome"], "failed");
    assert_eq!(
        object["error"]["message"],
        "there is no file or folder nothing.ndjson"
    );
}

#[test]
fn without_json_standard_output_stays_empty() {
    let told = Place::new().run_sample(WHOLE).ends(0);
    assert_eq!(told.stdout, "");
    for step in ["export", "upsert", "settle", "index", "verify"] {
        assert!(
            told.stderr
                .lines()
                .any(|line| line.starts_with(&format!("{step}: "))),
            "{told}"
        );
    }
}

#[test]
fn the_bindings_of_what_was_filled_are_shown() {
    let place = Place::new();
    let told = place
        .run_sample(WHOLE)
        .ends(0)
        .says("index_name = \"docs\"");
    told.says(&format!("id = \"{}\"", place.cloud.namespace("files")))
        .says("deleteByIds");
}

#[test]
fn the_log_is_one_json_object_a_line_and_names_no_secret() {
    let place = Place::new();
    place.run_sample(&format!("{WHOLE} --log run.log")).ends(0);
    let log = place.shell.read("run.log");
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let steps = |event: &str| {
        let of = |line: &&Value| line["fields"]["event"] == event;
        lines
            .iter()
            .filter(of)
            .map(|line| line["fields"]["step"].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    for step in ["export", "upsert", "settle", "index", "verify"] {
        assert!(
            steps("begin").contains(&step) && steps("end").contains(&step),
            "{step} in {log}"
        );
    }
    assert!(
        lines
            .iter()
            .any(|line| line["fields"]["message"] == "called"),
        "{log}"
    );
    assert!(!log.contains(crate::cloud::TOKEN), "{log}");
}

#[test]
fn what_is_no_terminal_gets_no_escape_codes() {
    let mut place = Place::new();
    for no_color in [false, true] {
        if no_color {
            place.shell.set("NO_COLOR", "1");
        }
        for line in [
            "--help",
            "run --help",
            "run --nonsense",
            "plan SAMPLE vectorize:docs --create",
        ] {
            let told = place.run(line);
            assert!(!has_escape_codes(&told), "{told}");
        }
    }
    assert!(!has_escape_codes(&place.run_sample(WHOLE)));
}

#[test]
fn a_terminal_without_colours_gets_none() {
    let mut place = Place::new();
    place.shell.set("TERM", "xterm");
    place.shell.set("NO_COLOR", "1");
    let line = format!(
        "run {} vectorize:docs {MAPPED} --create",
        crate::cli::sample()
    );
    let Some(told) = place.shell.run_on_terminal(&line) else {
        return;
    };
    let told = told.ends(0);
    assert!(told.stdout.contains("proven: 269 records"), "{told}");
    // Moving the cursor is what a bar is; colours end in `m`.
    for code in told.stdout.split('\u{1b}').skip(1) {
        let end = code.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        assert_ne!(&code[end..=end], "m", "{code:?} in {told}");
    }
    place.shell.set("TERM", "dumb");
    let told = place.shell.run_on_terminal("plan --help").unwrap();
    assert!(!has_escape_codes(&told), "{told}");
}
