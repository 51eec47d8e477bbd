//! The question before, and the exit codes, on the real binary.

use std::io::Write as _;
use std::process::{Command, Stdio};

use cf_migrate::sandbox::SandboxOptions;

use crate::binary::{
    ID, INDEX, Served, State, Workplace, create_index, create_namespace, point, write_lines,
};
use crate::scene::theirs;
use crate::simulation::DIMENSIONS;

const FOLDER: &str = "docs.migration";
const RUN: [&str; 7] = [
    "run",
    "points.ndjson",
    "vectorize:docs",
    "--id",
    ID,
    "--file-index",
    "kv:files",
];

/// A migration beside a foreign vector, and what was there before it.
fn migrated() -> (Served, Workplace, State) {
    let served = Served::new(SandboxOptions::default());
    crate::binary::blocking(async {
        create_index(&served.sandbox, DIMENSIONS).await;
        create_namespace(&served.sandbox).await;
    });
    served
        .sandbox
        .put_vector(INDEX, "theirs", &theirs(1))
        .unwrap();
    let before = State::of(&served.sandbox);
    let place = Workplace::of(&served);
    let points = (0..30).map(|number| point(number, DIMENSIONS));
    write_lines(&place.path("points.ndjson"), points);
    place.run(&RUN).expect_code(0);
    (served, place, before)
}

/// What the binary says on a terminal on which `typed` is typed, and its exit code;
/// none where this machine cannot give it a terminal (`script` of util-linux does).
fn on_a_terminal(place: &Workplace, typed: &str) -> Option<(i32, String)> {
    let asked = place.command(&["rollback", FOLDER]);
    let words = std::iter::once(asked.get_program()).chain(asked.get_args());
    let words: Vec<String> = words
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = shlex::try_join(words.iter().map(String::as_str)).unwrap();
    // Nobody's terminal has no size, as that of a pipe's has.
    let line = format!("stty rows 50 cols 200; {line}");
    let mut script = Command::new("script");
    script.args(["-q", "-e", "-c", &line, "/dev/null"]);
    script
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default());
    script.envs(
        asked
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?))),
    );
    script.current_dir(asked.get_current_dir().unwrap());
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = script.spawn().ok()?;
    child
        .stdin
        .take()
        .unwrap()
        .write_all(typed.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output.status.code().unwrap(), text))
}

#[test]
fn with_yes_nothing_is_asked_and_everything_is_as_before() {
    let (served, place, before) = migrated();
    let ended = place.run(&["rollback", FOLDER, "--yes", "--json"]);
    let report = ended.expect_code(0).report();
    assert_eq!(
        before.differences(&State::of(&served.sandbox)),
        Vec::<String>::new()
    );
    assert_eq!(report["verb"], "rollback");
    assert_eq!(report["rollback"]["deleted"], 30);
    assert_eq!(report, place.report());
    assert!(
        ended
            .stderr
            .contains("rolled back: index and entries are as they were before this migration")
    );
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_done() {
    let (served, place, _) = migrated();
    let migrated = State::of(&served.sandbox);
    let ended = place.run(&["rollback", FOLDER]);
    ended.expect_code(2);
    assert!(
        ended.stderr.contains("there is no terminal to type it on"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        migrated.differences(&State::of(&served.sandbox)),
        Vec::<String>::new()
    );
    let ended = place.run(&["rollback", FOLDER, "--dry-run"]);
    ended.expect_code(0);
    assert!(
        ended.stderr.contains("30 of 30 vectors would be deleted"),
        "{}",
        ended.stderr
    );
    assert_eq!(
        migrated.differences(&State::of(&served.sandbox)),
        Vec::<String>::new()
    );
    // Neither was a beginning.
    place.run(&RUN).expect_code(0);
}

#[test]
fn on_a_terminal_the_name_of_the_index_has_to_be_typed() {
    let (served, place, before) = migrated();
    let migrated = State::of(&served.sandbox);
    let Some((code, told)) = on_a_terminal(&place, "files\n") else {
        return;
    };
    assert_eq!(code, 7, "{told}");
    assert!(
        told.contains("type the name of the index (docs): "),
        "{told}"
    );
    assert!(
        told.contains("30 vectors of the index docs are this migration's"),
        "{told}"
    );
    assert!(
        told.contains("the index's name was not typed; nothing was changed"),
        "{told}"
    );
    assert_eq!(
        migrated.differences(&State::of(&served.sandbox)),
        Vec::<String>::new()
    );
    let (code, told) = on_a_terminal(&place, "docs\n").unwrap();
    assert_eq!(code, 0, "{told}");
    assert_eq!(
        before.differences(&State::of(&served.sandbox)),
        Vec::<String>::new()
    );
}

#[test]
fn what_was_changed_since_is_named_and_ends_with_4() {
    let (served, place, _) = migrated();
    served
        .sandbox
        .put_vector(INDEX, "f1_2", &theirs(3))
        .unwrap();
    let ended = place.run(&["rollback", FOLDER, "--yes"]);
    ended.expect_code(4);
    let told = "\nvectors that were changed since, and stay: 1\n  f1_2\n";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("rolled back, but not everything is as it was before")
    );
    assert!(served.sandbox.vectors(INDEX).unwrap().contains_key("f1_2"));
}

#[test]
fn a_folder_that_is_no_migrations_is_left_as_it_is() {
    let served = Served::new(SandboxOptions::default());
    let place = Workplace::of(&served);
    std::fs::create_dir(place.path("other")).unwrap();
    for folder in ["other", "nowhere"] {
        let ended = place.run(&["rollback", folder, "--yes"]);
        ended.expect_code(2);
        assert!(
            ended.stderr.contains("is no migration folder"),
            "{}",
            ended.stderr
        );
    }
    assert!(!place.path("nowhere").exists());
    assert_eq!(std::fs::read_dir(place.path("other")).unwrap().count(), 0);
}
