//! Stopping and going on: Ctrl-C, and folders whose first start was refused.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;
use std::time::Duration;

use cf_migrate::sandbox::{FaultKind, Operation, SandboxOptions};

use crate::cli::{Told, sample};
use crate::place::{MAPPED, Place, WHOLE, assert_same, undisturbed};
use crate::support::qdrant::{QdrantDouble, Switch};
use crate::verbs::place_with_and_without_doc;

/// Starts a line, sends it a signal once it says `when`, and waits.
pub(crate) fn interrupted(place: &Place, line: &str, when: &str, signal: &str) -> Told {
    let mut child = place.shell.start(line);
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    while !stderr.contains(when) {
        assert!(
            lines.read_line(&mut stderr).unwrap() > 0,
            "it ended before {when:?}: {stderr}"
        );
    }
    let sent = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    lines.read_to_string(&mut stderr).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    Told {
        code: output.status.code(),
        stdout,
        stderr,
    }
}

/// An index that takes its time, so that there is something to interrupt.
fn slow() -> Place {
    let apply_delay = Duration::from_millis(1_500);
    Place::with(SandboxOptions {
        apply_delay,
        ..SandboxOptions::default()
    })
}

#[test]
fn after_ctrl_c_the_same_command_goes_on() {
    let place = slow();
    let line = format!("run {} vectorize:docs {MAPPED} {WHOLE}", sample());
    let told = interrupted(&place, &line, "settle: ", "-INT").ends(130);
    let told = told
        .says("finishing what is in flight; press Ctrl-C again to stop at once")
        .says("safe: 269 points are in the archive")
        .says("safe: 269 records were accepted by Vectorize")
        .says("to go on, run: ");
    told.is_no_panic();
    let report = place.shell.read("docs.migration/report.json");
    assert!(report.contains("\"outcome\": \"interrupted\""), "{report}");
    let sent = place.cloud.count(Operation::Upsert);

    place
        .run_sample(WHOLE)
        .ends(0)
        .says("proven: 269 records, verified equal");
    assert_same(&place.held(), &undisturbed());
    // At most the marker is sent again, none of the batches.
    assert!(place.cloud.count(Operation::Upsert) <= sent + 1);
}

#[test]
fn the_command_that_is_shown_is_the_one_to_give() {
    let place = slow();
    let line = format!("run {} vectorize:docs {MAPPED} {WHOLE}", sample());
    let told = interrupted(&place, &line, "settle: ", "-INT").ends(130);
    let shown = told
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("to go on, run: "))
        .unwrap();
    let words = shlex::split(shown).unwrap();
    let ours = shlex::split(&line).unwrap();
    assert_eq!(&words[1..], &ours[..]);
}

#[test]
fn a_start_that_was_refused_is_mended_on_the_same_folder() {
    let place = Place::new();
    place
        .run(&format!(
            "run SAMPLE vectorize:docs --id '{{nothing}}' {WHOLE}"
        ))
        .ends(7);
    let manifest = place
        .shell
        .read("docs.migration/archive/0001/manifest.json");
    place
        .run_sample(WHOLE)
        .ends(0)
        .says("the settings are not those of the last start; nothing was written then, so every point is checked anew")
        .says("proven: 269 records, verified equal");
    assert_eq!(
        place
            .shell
            .read("docs.migration/archive/0001/manifest.json"),
        manifest
    );
    assert!(!place.shell.path("docs.migration/rejected.ndjson").exists());
    assert_same(&place.held(), &undisturbed());
}

#[test]
fn rejections_may_be_allowed_on_the_same_folder() {
    let place = place_with_and_without_doc();
    let line = "run points.ndjson vectorize:docs --create --id '{doc}'";
    place.run(line).ends(7);
    place.run(&format!("{line} --allow-rejects 1")).ends(3);
    assert_eq!(place.cloud.vectors("docs").len(), 1);
}

#[test]
fn another_name_for_the_index_may_be_given_after_a_refusal() {
    let place = Place::new();
    place.run_sample("--create --dir first").ends(0);
    place
        .run_sample("--dir second")
        .ends(7)
        .says("in the index already");
    let line = format!("run SAMPLE vectorize:fresh {MAPPED} --create --dir second");
    place.run(&line).ends(0).says("proven");
    assert!(place.cloud.vectors("fresh") == place.cloud.vectors("docs"));
}

#[test]
fn a_generation_that_was_moved_away_is_exported_again() {
    let mut place = Place::new();
    place.run_sample(WHOLE).ends(0);
    let part = |name: &str| place.shell.path("docs.migration").join(name);
    std::fs::rename(part("archive/0001"), part("lost")).unwrap();
    place.cloud.forget_calls();
    place.run_sample(WHOLE).ends(0).says("proven");
    assert_eq!(place.cloud.writes(), []);
}

#[test]
fn trouble_that_passes_is_waited_for() {
    let place = Place::new();
    let faults = [
        (Operation::GetIndex, FaultKind::ServerErrorHtml(502)),
        (Operation::Upsert, FaultKind::DropAfter),
        (Operation::BulkPut, FaultKind::ServerError(503)),
    ];
    for (operation, kind) in faults {
        place.cloud.sandbox.queue_fault(operation, kind);
    }
    let object = place.run_sample(&format!("{WHOLE} --json")).ends(0).json();
    assert_eq!(place.cloud.sandbox.unused_faults(), []);
    assert_eq!(object["outcome"], "proven");
    assert_eq!(object["requests"]["retried"].to_string(), "3");
    assert_same(&place.held(), &undisturbed());
}

#[test]
fn a_source_that_is_gone_is_not_needed_once_its_archive_is_complete() {
    let mut place = Place::new();
    let qdrant = QdrantDouble::recorded("project_docs").start();
    place.shell.set("QDRANT_URL", &qdrant.grpc_url());
    let line = format!("run qdrant:project_docs vectorize:docs {MAPPED}");
    place.run(&line).ends(7).says("--create");
    place
        .run("export qdrant:project_docs docs.migration/archive")
        .ends(0);
    drop(qdrant);
    place
        .run(&format!("{line} {WHOLE}"))
        .ends(0)
        .says("the source cannot be asked")
        .says("going on with the archive, which is complete")
        .says("proven: 269 records");
    assert_same(&place.held(), &undisturbed());
    // Nothing is left that could be done without it.
    place
        .run(&format!("{line} {WHOLE}"))
        .ends(1)
        .says("cannot reach Qdrant's gRPC side");
}

#[test]
fn another_file_index_is_refused_before_anything_is_written() {
    let place = Place::new();
    let sample = std::fs::read_to_string(sample()).unwrap();
    let run = |options: &str| {
        place.run(&format!(
            "run points.ndjson vectorize:docs {MAPPED} {options}"
        ))
    };
    place.shell.write("points.ndjson", sample.as_bytes());
    run(WHOLE).ends(0);
    let before = place.held();
    let changed = sample.replacen("\"text\":\"", "\"text\":\"new ", 3);
    assert_ne!(changed, sample);
    place.shell.write("points.ndjson", changed.as_bytes());
    run("--file-index kv:other --create")
        .ends(7)
        .says("begun with other settings");
    assert_same(&place.held(), &before);
    run("--file-index kv:files").ends(0).says("proven");
}

#[test]
fn a_file_that_was_changed_is_not_verified_but_caught_up_with() {
    let place = Place::new();
    let sample = std::fs::read_to_string(sample()).unwrap();
    place.shell.write("points.ndjson", sample.as_bytes());
    let line =
        |verb: &str, from: &str| place.run(&format!("{verb} {from} vectorize:docs {MAPPED}"));
    place
        .run(&format!(
            "run points.ndjson vectorize:docs {MAPPED} {WHOLE}"
        ))
        .ends(0);
    let (first, rest) = sample.split_once('\n').unwrap();
    place.shell.write("points.ndjson", rest.as_bytes());
    line("verify", "points.ndjson")
        .ends(7)
        .says("was changed since it was migrated")
        .says("catch up with it first");
    line("verify", "docs.migration/archive").ends(0);

    place.shell.write("points.ndjson", &first.as_bytes()[..40]);
    line("run", "points.ndjson").ends(1);
}

#[test]
fn a_source_that_is_gone_before_that_is_told() {
    let mut place = Place::new();
    let qdrant = QdrantDouble::recorded("project_docs").start();
    place.shell.set("QDRANT_URL", &qdrant.grpc_url());
    drop(qdrant);
    place
        .run(&format!("run qdrant:project_docs vectorize:docs {WHOLE}"))
        .ends(1)
        .says("cannot reach Qdrant's gRPC side");
    assert_eq!(place.shell.listing(), Vec::<String>::new());
}

#[test]
fn the_same_file_by_another_path_and_date_is_the_same_source() {
    let place = Place::new();
    let content = std::fs::read(sample()).unwrap();
    place.shell.write("points.ndjson", &content);
    let run = |path: &str| place.run(&format!("run {path} vectorize:docs {MAPPED} {WHOLE}"));
    run("points.ndjson").ends(0);
    run("./points.ndjson").ends(0).says("proven");
    std::fs::create_dir(place.shell.path("restored")).unwrap();
    place.shell.write("restored/points.ndjson", &content);
    std::fs::remove_file(place.shell.path("points.ndjson")).unwrap();
    run("restored/points.ndjson").ends(0).says("proven");
}

#[test]
fn the_same_archive_by_another_path_is_the_same_source() {
    let place = Place::new();
    place
        .run(&format!("export {} old/archive", sample()))
        .ends(0);
    let run = |path: &str| place.run(&format!("run {path} vectorize:docs {MAPPED} {WHOLE}"));
    run("old/archive").ends(0);
    run("./old").ends(0).says("proven");
}

#[test]
fn an_alias_that_cannot_be_resolved_any_more_is_known_by_its_archive() {
    let mut place = Place::new();
    let qdrant = QdrantDouble::recorded("project_docs")
        .with(Switch::Alias("live", "project_docs"))
        .start();
    place.shell.set("QDRANT_URL", &qdrant.grpc_url());
    let line = format!("run qdrant:live vectorize:docs {MAPPED} {WHOLE}");
    place.run(&line).ends(0);
    drop(qdrant);
    place
        .run(&format!("verify qdrant:live vectorize:docs {MAPPED}"))
        .ends(0)
        .says("going on with the archive, which is complete")
        .says("proven: 269 records");
    place
        .run(&format!("run qdrant:other vectorize:docs {MAPPED} {WHOLE}"))
        .ends(1);
}
