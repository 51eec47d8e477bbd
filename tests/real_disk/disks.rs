//! Each test gives the binary another disk.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cf_migrate::sandbox::SandboxOptions;

use crate::binary::{ID, INDEX, NAMESPACE, Served, Workplace, point, write_lines};

const POINTS: u64 = 400;
const DIMENSIONS: usize = 64;

/// A place with a source whose every tenth point is rejected.
fn place(served: &Served) -> Workplace {
    let place = Workplace::of(served);
    let points = (0..POINTS).map(|number| {
        let mut point = point(number, DIMENSIONS);
        if number % 10 == 7 {
            point["payload"].as_object_mut().unwrap().remove("file_id");
        }
        point
    });
    write_lines(&place.path("points.ndjson"), points);
    place
}

fn served() -> Served {
    Served::new(SandboxOptions {
        apply_delay: Duration::from_millis(20),
        budget: None,
        ..SandboxOptions::default()
    })
}

fn arguments(extra: &[&str]) -> Vec<String> {
    let index = format!("vectorize:{INDEX}");
    let namespace = format!("kv:{NAMESPACE}");
    let fixed = [
        "run",
        "points.ndjson",
        &index,
        "--file-index",
        &namespace,
        "--id",
        ID,
        "--create",
        "--allow-rejects",
        "40",
    ];
    let words = fixed.iter().chain(extra);
    words.map(|word| (*word).to_owned()).collect()
}

/// How a command line under a script ended.
struct Told {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Told {
    #[track_caller]
    fn ends(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    #[track_caller]
    fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "{text:?} in\n{}", self.stderr);
        self
    }
}

/// The binary under a shell script that gets it, with its arguments, as "$@".
fn under(place: &Workplace, shell: &[&str], script: &str, extra: &[&str]) -> Told {
    let arguments = arguments(extra);
    let binary = place.command(&arguments);
    let mut command = Command::new(shell[0]);
    command
        .args(&shell[1..])
        .args(["-c", script, "sh"])
        .arg(binary.get_program())
        .args(binary.get_args())
        .current_dir(place.path(""))
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .stdin(Stdio::null());
    let set = binary.get_envs();
    command.envs(set.filter_map(|(name, value)| Some((name, value?))));
    let output = command.output().unwrap();
    Told {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same in a mount namespace of its own; none where there may be none.
fn with_mounts(place: &Workplace, script: &str, extra: &[&str]) -> Option<Told> {
    let shell = ["unshare", "--mount", "--map-root-user", "sh"];
    let probe = Command::new(shell[0])
        .args(&shell[1..])
        .args(["-c", "mount -t tmpfs none /mnt"])
        .stderr(Stdio::null())
        .status();
    match probe {
        Ok(status) if status.success() => Some(under(place, &shell, script, extra)),
        _ => {
            let _ = writeln!(
                std::io::stderr(),
                "no mounts here: left out (try it by hand, docs/reliability.md)"
            );
            None
        }
    }
}

/// Nothing is in the index that should not be, and the run that follows ends well.
#[track_caller]
fn check_end(place: &Workplace, served: &Served) {
    let told = under(place, &["sh"], "exec \"$@\"", &[]);
    told.ends(3).says("done with rejections: 40 points");
    check_account(served);
    let report = place.report();
    assert_eq!(report["verification"]["verdict"], "equal");
    let rejected = fs::read_to_string(place.path(&format!("{INDEX}.migration/rejected.ndjson")));
    assert_eq!(rejected.unwrap().lines().count(), 40);
}

#[track_caller]
fn check_account(served: &Served) {
    let vectors = served.sandbox.vectors(INDEX).unwrap();
    assert_eq!(vectors.len() as u64, POINTS - 40);
}

/// What a run that the disk stopped says.
#[track_caller]
fn check_stop(told: &Told) {
    told.ends(5);
    let known = [
        "free some space",
        "ulimit -f",
        "the disk is full or failing",
    ];
    let advised = known.iter().any(|advice| told.stderr.contains(advice));
    assert!(advised, "{}", told.stderr);
    told.says("run the same command again");
}

#[test]
fn a_limit_on_the_size_of_files_stops_the_run_wherever_it_strikes() {
    let mut stopped = 0;
    // Blocks of 512 bytes: from the first page of the ledger to all that is needed.
    for blocks in [1, 8, 16, 30, 60, 90, 120, 160, 200, 260, 320, 400, 600] {
        let served = served();
        let place = place(&served);
        let told = under(
            &place,
            &["sh"],
            &format!("ulimit -f {blocks}; exec \"$@\""),
            &[],
        );
        match told.code {
            Some(3) => continue,
            _ => check_stop(&told),
        }
        stopped += 1;
        check_end(&place, &served);
    }
    assert!(stopped > 6, "{stopped}");
}

#[test]
fn a_small_disk_stops_the_run_wherever_it_is_full_and_a_larger_one_lets_it_go_on() {
    let mut stopped = 0;
    for kib in [
        16, 48, 80, 112, 144, 176, 208, 240, 272, 304, 336, 400, 500, 600, 4_000,
    ] {
        let served = served();
        let place = place(&served);
        let script = format!(
            "mkdir disk && mount -t tmpfs -o size={kib}k none disk || exit 99
             \"$@\" 2>first; echo $?
             mount -o remount,size=64m disk || exit 99
             exec \"$@\" --json"
        );
        let Some(told) = with_mounts(&place, &script, &["--dir", "disk/docs.migration"]) else {
            return;
        };
        let first = Told {
            code: told
                .stdout
                .lines()
                .next()
                .and_then(|code| code.parse().ok()),
            stdout: String::new(),
            stderr: fs::read_to_string(place.path("first")).unwrap(),
        };
        if first.code != Some(3) {
            check_stop(&first);
            stopped += 1;
        }
        told.ends(3);
        check_account(&served);
    }
    assert!(stopped > 6, "{stopped}");
}

#[test]
fn a_folder_that_became_read_only_is_told_and_left_as_it_is() {
    let served = served();
    let place = place(&served);
    let script = "mkdir docs.migration; mount --bind docs.migration docs.migration || exit 99
        mount -o remount,ro,bind docs.migration || exit 99
        exec \"$@\"";
    let Some(told) = with_mounts(&place, script, &[]) else {
        return;
    };
    told.ends(1)
        .says("docs.migration cannot be written: Read-only file system")
        .says("make the folder writable for this user, or choose another with --dir");
    check_end(&place, &served);
    // A complete one too.
    let told = with_mounts(&place, script, &[]).unwrap();
    told.ends(1).says("docs.migration cannot be written");
}

#[test]
fn a_state_folder_that_is_full_stops_before_the_first_call() {
    let served = served();
    let place = place(&served);
    let script = "mkdir state; mount -t tmpfs -o size=4k none state || exit 99
        head -c 4096 /dev/zero > state/filler; exec \"$@\"";
    let Some(told) = with_mounts(&place, script, &[]) else {
        return;
    };
    told.ends(5)
        .says("the account's request budget cannot be kept")
        .says("free some space and run the same command again");
    assert_eq!(served.sandbox.calls().total(), 0);
    check_end(&place, &served);
}

#[test]
fn a_log_that_cannot_be_written_is_told_once_and_the_run_goes_on() {
    let served = served();
    let place = place(&served);
    let told = under(&place, &["sh"], "exec \"$@\"", &["--log", "/dev/full"]);
    told.ends(3)
        .says("the log /dev/full cannot be written any more: No space left on device");
    let lines = told
        .stderr
        .lines()
        .filter(|line| line.contains("/dev/full"));
    // The other is the command line to go on with.
    assert_eq!(lines.filter(|line| line.starts_with("warning")).count(), 1);
    assert!(!told.stderr.contains("tracing"), "{}", told.stderr);
    check_account(&served);
}

#[test]
fn output_that_nobody_takes_changes_nothing_about_the_migration() {
    for script in [
        // A reader that is gone, and streams that are closed.
        "{ \"$@\" --json; echo $? > code; } | true; exit $(cat code)",
        "exec \"$@\" --json >&-",
        "exec \"$@\" 2>&-",
        "exec \"$@\" 2>/dev/full",
        "{ \"$@\" 2>&1; echo $? > code; } | true; exit $(cat code)",
    ] {
        let served = served();
        let place = place(&served);
        under(&place, &["sh"], script, &[]).ends(3);
        check_account(&served);
        assert_eq!(place.report()["exit_code"], 3, "{script}");
    }
}

#[test]
fn a_result_that_cannot_be_handed_over_is_told() {
    let served = served();
    let place = place(&served);
    let told = under(&place, &["sh"], "exec \"$@\" --json > /dev/full", &[]);
    told.ends(3)
        .says("the result could not be written to standard output: No space left");
    check_account(&served);
}

#[test]
fn a_folder_that_is_removed_meanwhile_ends_the_run_with_words() {
    let served = served();
    let place = place(&served);
    let folder = place.path(&format!("{INDEX}.migration"));
    let mut command = place.command(&arguments(&["--batch-count", "5", "--concurrency", "1"]));
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn();
    let child = child.unwrap();
    wait_until(|| has_sent(&served));
    fs::remove_dir_all(&folder).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert!(
        [Some(1), Some(5), Some(3)].contains(&output.status.code()),
        "{stderr}"
    );
    assert!(stderr.contains("was removed"), "{stderr}");
    assert!(!Path::new(&folder).exists());
}

fn has_sent(served: &Served) -> bool {
    served
        .sandbox
        .vectors(INDEX)
        .is_ok_and(|vectors| !vectors.is_empty())
}

#[allow(clippy::disallowed_methods, reason = "the binary runs in real time")]
fn wait_until(condition: impl Fn() -> bool) {
    for _ in 0..3_000 {
        if condition() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("it did not come to it");
}
