//! `run --all`: every job, one after the other, and what they come to together.

use std::fs;

use serde_json::Value;

use crate::place::{POINTS, Place, job, order};

#[test]
fn every_job_is_done_in_the_order_of_the_file_and_counted_in_one_budget() {
    let place = Place::new();
    let names = ["zebra", "ant", "mole"];
    place.jobs(&names, "");
    let told = place.run("run --all --json").ends(0);
    let report = told.json();
    assert_eq!(report["schema"], "cf-migrate/jobs/1");
    assert_eq!(report["verb"], "run");
    assert_eq!(report["outcome"], "proven");
    assert_eq!(report["exit_code"], 0);
    assert_eq!(report["dry_run"], false);
    assert!(report["seconds"]["total"].as_f64().unwrap() > 0.0);
    assert!(report["peak_rss_bytes"].as_u64().unwrap() > 0);
    assert_eq!(order(&told.stdout, &names), names);
    let mut requests = 0;
    for name in names {
        let one = &report["jobs"][name];
        assert_eq!(one["schema"], "cf-migrate/report/1");
        assert_eq!(one["outcome"], "proven", "{one:#}");
        assert_eq!(one["points"]["settled"], POINTS);
        requests += one["requests"]["total"].as_u64().unwrap();
        assert_eq!(place.cloud.vectors(name).len() as u64, POINTS);
        let kept: Value =
            serde_json::from_str(&place.shell.read(&format!("{name}.migration/report.json")))
                .unwrap();
        assert_eq!(kept["outcome"], "proven");
    }
    assert_eq!(report["requests"]["total"], requests);
    assert_eq!(place.cloud.calls().len() as u64, requests);
    assert_eq!(turns_taken(&place), requests);
    told.says("== job ant (2 of 3): ant.ndjson to vectorize:ant")
        .says("3 jobs: 3 proven");
}

/// The turns that the machine's only budget has given out.
pub(crate) fn turns_taken(place: &Place) -> u64 {
    let state = fs::read_dir(place.shell.path(".state")).unwrap();
    let windows: Vec<_> = state
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    assert_eq!(windows.len(), 1, "{windows:?}");
    let window: Value = serde_json::from_slice(&fs::read(&windows[0]).unwrap()).unwrap();
    let calls = |key: &str| window[key].as_array().unwrap().len() as u64;
    calls("calls_ms") + calls("flying_ms")
}

#[test]
fn the_same_command_again_catches_up_with_each() {
    let place = Place::new();
    place.jobs(&["a", "b"], "");
    place.run("run --all").ends(0);
    let more = format!(
        "{}\n{}",
        place.shell.read("b.ndjson"),
        crate::place::point("b", 77)
    );
    place.shell.write("b.ndjson", more);
    let report = place.run("run --all --json").ends(0).json();
    assert_eq!(report["jobs"]["a"]["points"]["settled"], 0);
    assert_eq!(report["jobs"]["b"]["points"]["settled"], 1);
    assert_eq!(report["jobs"]["b"]["points"]["unchanged"], POINTS);
}

#[test]
fn what_ends_one_job_does_not_hold_up_the_next_and_the_worst_decides() {
    let place = Place::new();
    let jobs = [
        job("rejects", "allow-rejects = 1\nmapping.id = '{word}'"),
        job("fine", ""),
        job("refused", ""),
        job("last", ""),
    ];
    place.settings(&jobs.concat());
    let mut lines: Vec<Value> = (0..3)
        .map(|number| crate::place::point("rejects", number))
        .collect();
    for line in &mut lines[1..] {
        let id = line["id"].clone();
        line["payload"]["word"] = format!("word-{id}").into();
    }
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    place.shell.write("rejects.ndjson", lines.join("\n"));
    for name in ["fine", "refused", "last"] {
        place.file(name);
    }
    // Of another number of dimensions than the points.
    place.cloud.create_index("refused", 64, "cosine");

    let told = place.run("run --all --json").ends(7);
    let report = told.json();
    assert_eq!(report["outcome"], "refused");
    for (name, outcome, code) in [
        ("rejects", "rejections", 3),
        ("fine", "proven", 0),
        ("refused", "refused", 7),
        ("last", "proven", 0),
    ] {
        assert_eq!(report["jobs"][name]["outcome"], outcome, "{name}: {told}");
        assert_eq!(report["jobs"][name]["exit_code"], code);
    }
    told.says("4 jobs: 1 rejections, 2 proven, 1 refused");
}

#[test]
fn a_job_that_cannot_even_begin_has_a_report_too() {
    let place = Place::new();
    place.jobs(&["a", "b"], "");
    std::fs::remove_file(place.shell.path("a.ndjson")).unwrap();
    let report = place.run("run --all --json").ends(2).json();
    let a = &report["jobs"]["a"];
    assert_eq!(a["outcome"], "failed");
    assert!(
        a["error"]["message"].as_str().unwrap().contains("a.ndjson"),
        "{a:#}"
    );
    assert_eq!(report["jobs"]["b"]["outcome"], "proven");
}

#[test]
fn warnings_are_told_in_the_report_of_the_job_that_they_are_about() {
    let place = Place::new();
    place.jobs(&["a", "b"], "");
    let with_metric = place.shell.read("cf-migrate.toml") + "mapping.metric = 'cosine'\n";
    place.settings(&with_metric);
    let report = place.run("run --all --json").ends(0).json();
    let about_metric = |name: &str| {
        report["jobs"][name]["warnings"]
            .to_string()
            .contains("--metric")
    };
    assert!(about_metric("a") && !about_metric("b"), "{report:#}");
}

#[test]
fn a_dry_run_of_all_writes_nothing_and_says_so_of_each() {
    let place = Place::new();
    place.jobs(&["a", "b"], "");
    let before = place.shell.listing();
    let report = place.run("run --all --dry-run --json").ends(0).json();
    assert_eq!(report["dry_run"], true);
    assert_eq!(report["jobs"]["b"]["dry_run"], true);
    assert_eq!(report["jobs"]["b"]["points"]["archived"], POINTS);
    assert!(place.cloud.writes().is_empty());
    assert_eq!(place.shell.listing(), before);
}

#[test]
fn the_plans_of_all_are_looked_at_together() {
    let mut place = Place::new();
    place.jobs(&["a", "b"], "");
    place.cloud.create_index("b", 64, "cosine");
    place.cloud.forget_calls();
    let report = place.run("plan --all --json").ends(7).json();
    assert_eq!(report["verb"], "plan");
    assert_eq!(report["jobs"]["a"]["outcome"], "done");
    assert_eq!(report["jobs"]["b"]["outcome"], "refused");
    assert!(place.cloud.writes().is_empty());
}

#[test]
fn all_are_verified_together_and_nothing_is_written() {
    let mut place = Place::new();
    place.jobs(&["a", "b", "c"], "");
    place.run("run --all").ends(0);
    place.cloud.sandbox.remove_vector("b", "3").unwrap();
    place.cloud.forget_calls();
    let report = place.run("verify --all --json").ends(4).json();
    assert_eq!(report["verb"], "verify");
    for (name, outcome) in [("a", "proven"), ("b", "differences"), ("c", "proven")] {
        assert_eq!(report["jobs"][name]["outcome"], outcome, "{report:#}");
    }
    assert_eq!(report["jobs"]["b"]["verification"]["missing"], 1);
    assert!(place.cloud.writes().is_empty());
    place.run("verify --job c").ends(0);
}

#[test]
fn the_embedded_sandbox_serves_all_jobs_too() {
    let mut place = Place::new();
    for name in ["CLOUDFLARE_ACCOUNT_ID", "CLOUDFLARE_API_TOKEN"] {
        place.shell.unset(name);
    }
    place.jobs(&["a", "b"], "");
    for sandbox in ["--sandbox", "--sandbox=box"] {
        let told = place.run(&format!("run --all {sandbox}"));
        told.ends(0).says("2 jobs: 2 proven");
        for name in ["a.migration", "b.migration"] {
            std::fs::remove_dir_all(place.shell.path(name)).unwrap();
        }
    }
    assert!(place.cloud.calls().is_empty());
}
