//! Stopping in the middle of many jobs, and going on.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;
use std::time::Duration;

use cf_migrate::sandbox::Operation;
use serde_json::Value;

use crate::binary::Served;
use crate::cli::Told;
use crate::place::{POINTS, Place, job};
use crate::settings::{tenant, variables};

/// Starts a line, sends it a signal once it said all of `when` (words in the order
/// in which they come, divided by `, then `), and waits.
pub(crate) fn signalled(place: &Place, line: &str, when: &str, signal: &str) -> Told {
    let mut child = place.shell.start(line);
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    let mut from = 0;
    for word in when.split(", then ") {
        loop {
            if let Some(at) = stderr[from..].find(word) {
                from += at + word.len();
                break;
            }
            let read = lines.read_line(&mut stderr).unwrap();
            assert!(read > 0, "it ended before {word:?}: {stderr}");
        }
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([signal, &pid])
            .status()
            .unwrap()
            .success()
    );
    lines.read_to_string(&mut stderr).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let code = output.status.code();
    Told {
        code,
        stdout,
        stderr,
    }
}

/// The tenant's jobs a and b, each with an account and a token of its own.
fn two_accounts(place: &Place) -> [Served; 2] {
    let mut toml = String::new();
    let accounts = ["a", "b"].map(|name| {
        let (account, token) = (name.repeat(32), format!("token-of-tenant-{name}"));
        let served = tenant(&account, &token);
        place.file(name);
        place
            .shell
            .write(&format!("{name}.env"), variables(&served, &account, &token));
        toml += &job(name, &format!("env-file = '{name}.env'"));
        served
    });
    place.settings(&toml);
    accounts
}

#[test]
fn jobs_of_one_command_wait_for_one_budget_whatever_their_tokens() {
    let place = Place::new();
    let _accounts = two_accounts(&place);
    let report = place.run("run --job a --json").ends(0).json();
    let calls = report["requests"]["total"].as_u64().unwrap();
    let _accounts = two_accounts(&place);
    std::fs::remove_dir_all(place.shell.path("a.migration")).unwrap();

    // Enough for the first job, and next to nothing more.
    let line = format!("run --all --api-budget {} --log all.log", calls + 2);
    let mut child = place.shell.start(&line);
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    while !stderr.contains("job b (2 of 2)") {
        let read = lines.read_line(&mut stderr).unwrap();
        assert!(read > 0, "it ended before the second job: {stderr}");
    }
    let before = place.shell.read("all.log").matches(WAITING).count();
    while place.shell.read("all.log").matches(WAITING).count() == before {
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it did not wait");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// What the log says of a call that has no turn yet.
const WAITING: &str = "waiting for the request budget";

/// An account that takes its time, so that there is something to stop.
fn slow() -> Place {
    Place::with_delay(Duration::from_millis(1_500))
}

#[test]
fn after_a_kill_in_one_job_the_same_command_goes_on_there() {
    let place = slow();
    place.jobs(&["a", "b", "c"], "");
    let killed = signalled(
        &place,
        "run --all",
        "job b (2 of 3), then settle: ",
        "-KILL",
    );
    assert_eq!(killed.code, None, "{killed}");
    assert!(!place.shell.path("c.migration").exists());
    let sent = place.cloud.count(Operation::Upsert);

    let report = place.run("run --all --json").ends(0).json();
    assert_eq!(report["outcome"], "proven");
    assert_eq!(report["jobs"]["a"]["points"]["unchanged"], POINTS);
    for (name, settled) in [("b", POINTS), ("c", POINTS)] {
        assert_eq!(
            report["jobs"][name]["points"]["settled"], settled,
            "{report:#}"
        );
        assert_eq!(place.ids(name).len() as u64, POINTS);
    }
    // What b had sent is not sent again but for the marker; c is sent.
    assert!(place.cloud.count(Operation::Upsert) <= sent + 3);
}

#[test]
fn an_interruption_ends_all_and_says_which_were_not_begun() {
    let place = slow();
    place.jobs(&["a", "b", "c"], "");
    let line = "run --all --json";
    let told = signalled(&place, line, "job b (2 of 3), then settle: ", "-INT").ends(130);
    let report = told.json();
    assert_eq!(report["outcome"], "interrupted");
    assert_eq!(report["jobs"]["a"]["outcome"], "proven");
    assert_eq!(report["jobs"]["b"]["outcome"], "interrupted");
    assert_eq!(report["jobs"]["c"], Value::Null);
    let told = told
        .says("3 jobs: 1 proven, 1 interrupted, 1 not begun")
        .says("to go on, run: ");
    told.is_no_panic();
    place.run(line).ends(0);
}
