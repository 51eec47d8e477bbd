//! The same command again over a source that changed, as an operator sees it.

use std::io::{BufRead as _, BufReader};
use std::process::Command;

use cf_migrate::sandbox::Operation;
use qdrant_client::qdrant::PointId;
use serde_json::Value;

use crate::cli::sample;
use crate::going_on::interrupted;
use crate::place::{MAPPED, Place, WHOLE};
use crate::support::qdrant::{Id, QdrantDouble, Server};

fn recorded(name: &str) -> (Place, Server) {
    let mut place = Place::new();
    let server = QdrantDouble::recorded(name).start();
    place.shell.set("QDRANT_URL", &server.grpc_url());
    let rest = server.rest_port().to_string();
    place.shell.set("QDRANT_REST_PORT", &rest);
    (place, server)
}

/// Adds a point, changes one, and deletes one; how many there are then.
fn change(server: &Server) -> u64 {
    let ids = server.ids("half");
    let mut new = server.point("half", ids[0]).unwrap();
    new.id = Some(PointId::from(900_000_u64));
    server.put("half", new);
    let mut changed = server.point("half", ids[1]).unwrap();
    changed
        .payload
        .insert("changed".to_owned(), "since".to_owned().into());
    server.put("half", changed);
    server.delete("half", *ids.last().unwrap());
    ids.len() as u64
}

fn points(report: &Value) -> [u64; 4] {
    let number = |name: &str| report["points"][name].as_u64().unwrap();
    ["settled", "unchanged", "vanished", "deleted"].map(number)
}

#[test]
fn a_live_collection_is_caught_up_with_followed_and_sealed() {
    let (place, server) = recorded("half");
    let line = "run qdrant:half vectorize:docs --json";
    place.run(&format!("{line} --create")).ends(0);
    let all = change(&server);

    // A rehearsal says what the real one then does.
    let told = place.run(&format!("{line} --prune --dry-run")).ends(0);
    assert_eq!(told.json()["points"]["vanished"], 1);
    let told = told
        .says("would send 2 records")
        .says("would delete 1 vectors that vanished");
    drop(told);
    assert_eq!(place.cloud.count(Operation::DeleteByIds), 0);

    let told = place.run(line).ends(0).says("1 records vanished");
    assert_eq!(points(&told.json()), [2, all - 2, 1, 0]);
    let told = place.run(&format!("{line} --prune --final")).ends(0);
    assert_eq!(points(&told.json()), [0, all, 1, 1]);
    assert_eq!(told.json()["catch_up"]["sealed"], true);
    let vectors = place.cloud.vectors("docs");
    assert_eq!(vectors.len() as u64, all);
    assert!(vectors.contains_key(&format!("{}", 900_000)));
    // Of three generations the newest two are kept.
    assert!(!place.shell.path("docs.migration/archive/0001").exists());
    assert!(place.shell.path("docs.migration/archive/0002").exists());

    let refused = place.run(line).ends(7);
    assert_eq!(refused.json()["points"], Value::Null);
    place.run("verify qdrant:half vectorize:docs").ends(0);
    let Id::Number(first) = server.ids("half")[0] else {
        return;
    };
    server.delete("half", Id::Number(first));
    place.run("verify qdrant:half vectorize:docs").ends(4);
    let told = place.run(&format!("{line} --reopen --prune")).ends(0);
    assert_eq!(points(&told.json())[3], 1);
}

#[test]
fn what_was_migrated_is_verified_though_the_source_died_during_a_catch_up() {
    let (place, server) = recorded("half");
    let line = "run qdrant:half vectorize:docs --json";
    place.run(&format!("{line} --create")).ends(0);
    let manifest = place
        .shell
        .read("docs.migration/archive/0001/manifest.json");
    let begun = manifest.replace("\"complete\"", "\"exporting\"");
    let begun = begun.replace("\"generation\": 1", "\"generation\": 2");
    std::fs::create_dir(place.shell.path("docs.migration/archive/0002")).unwrap();
    place
        .shell
        .write("docs.migration/archive/0002/manifest.json", begun);
    drop(server);
    place
        .run("verify qdrant:half vectorize:docs")
        .ends(0)
        .says("going on with the generation that was complete before");
}

#[test]
fn ctrl_c_between_two_passes_is_a_clean_end() {
    let place = Place::new();
    let line = format!(
        "run {} vectorize:docs {MAPPED} {WHOLE} --follow 1h --json",
        sample()
    );
    let told = interrupted(&place, &line, "verified equal", "-INT").ends(0);
    let told = told
        .says("the index is what the source was")
        .says("stopped between two passes");
    let report = told.json();
    assert_eq!(report["outcome"], "proven");
    assert_eq!(report["catch_up"]["passes"], 1);
}

#[test]
fn the_report_of_following_is_of_all_its_passes() {
    let (place, server) = recorded("half");
    let line = "run qdrant:half vectorize:docs --create --prune --follow 2s --json";
    let mut child = place.shell.start(line);
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut wait_for = |what: &str| {
        let mut told = String::new();
        while !told.contains(what) {
            assert!(lines.read_line(&mut told).unwrap() > 0, "{what}: {told}");
        }
    };
    wait_for("proven: ");
    let all = change(&server);
    // What a pass says of itself is of itself.
    wait_for("ago: 2 records sent");
    wait_for(" 2 records written");
    wait_for("proven: ");
    let signal = ["-INT", &child.id().to_string()];
    assert!(
        Command::new("kill")
            .args(signal)
            .status()
            .unwrap()
            .success()
    );
    wait_for("stopped between two passes");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(points(&report), [all + 2, all - 2, 1, 1]);
    assert_eq!(report["catch_up"]["passes"], 2);
    assert_eq!(report["requests"]["total"], place.cloud.calls().len());
    let kept = place.shell.read("docs.migration/report.json");
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), report);
}

#[test]
fn passes_follow_each_other() {
    let place = Place::new();
    let line = format!(
        "run {} vectorize:docs {MAPPED} {WHOLE} --follow 1ms",
        sample()
    );
    let mut child = place.shell.start(&line);
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let proven = lines.filter(|line| line.as_ref().unwrap().contains("verified equal"));
    assert_eq!(proven.take(2).count(), 2);
    child.kill().unwrap();
    child.wait().unwrap();
}
