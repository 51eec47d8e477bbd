use clap::CommandFactory as _;

use super::*;

#[test]
fn the_arguments_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_example_in_a_help_text_parses() {
    let command = Cli::command();
    let mut examples = 0;
    for verb in std::iter::once(&command).chain(command.get_subcommands()) {
        let help = verb
            .get_after_help()
            .expect("each help shows an example")
            .to_string();
        let joined = help.replace("\\\n", " ");
        for line in joined
            .lines()
            .filter_map(|line| line.split_once("cf-migrate "))
        {
            let words = shlex::split(line.1).expect("an example is a shell line");
            let parsed = Cli::try_parse_from(std::iter::once("cf-migrate".to_owned()).chain(words));
            parsed.unwrap_or_else(|error| panic!("{line:?}: {error}"));
            examples += 1;
        }
    }
    assert_eq!(examples, 23);
}

/// What is of a command, and not of a migration.
const NO_KEYS: [&str; 12] = [
    "all",
    "config",
    "dry-run",
    "final",
    "follow",
    "help",
    "insecure-http",
    "job",
    "json",
    "log",
    "reopen",
    "sandbox",
];

#[test]
fn every_flag_of_run_is_a_key_of_a_job_under_its_name() {
    let mut keys = expected_keys("[jobs.a]\n? = 1");
    keys.extend(expected_keys("[jobs.a]\nmapping.? = 1"));
    keys.extend(expected_keys("[jobs.a]\npace.? = 1"));
    let mut command = Cli::command();
    command.build();
    let run = command.find_subcommand("run").unwrap();
    for flag in run.get_arguments().filter_map(|flag| flag.get_long()) {
        let key = keys.iter().any(|key| key == flag);
        assert!(key != NO_KEYS.contains(&flag), "--{flag}");
    }
}

/// The keys that the file may have where it has `?`.
fn expected_keys(toml: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("jobs.toml");
    std::fs::write(&path, toml.replace('?', "no-key")).unwrap();
    let error = crate::settings::ConfigFile::load(Some(&path)).unwrap_err();
    let text = crate::report::facts::chain(&error);
    let (_, keys) = text.split_once("expected one of ").unwrap();
    let keys = keys.split(", ").map(|key| key.trim_matches('`').to_owned());
    keys.collect()
}

#[test]
fn flags_are_valid_anywhere() {
    let before = "cf-migrate --json --sandbox=box run a.ndjson vectorize:i";
    let after = "cf-migrate run a.ndjson --sandbox vectorize:i --json";
    for line in [before, after] {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        assert!(cli.global.json && cli.global.sandbox.is_some());
    }
}
