//! A server that fails for a while, that is full, or that lets nobody write; and an
//! operator who stops.

use std::time::Duration;

use crate::Bench;
use crate::support::qdrant::{QdrantDouble, Switch};

/// `project_docs` exported into `first`, the switch set afterwards.
fn exported(switch: Switch) -> Bench {
    let bench = Bench::recorded("project_docs");
    bench.export("project_docs", "first", "");
    bench.server.set(switch);
    bench
}

#[test]
fn passing_failures_are_waited_out() {
    for switch in [
        Switch::Unavailable { calls: 3 },
        Switch::Internal { calls: 1 },
        Switch::RateLimit {
            calls: 2,
            retry_after_s: 1,
        },
        Switch::SlowFor { calls: 2 },
        Switch::LoseReplies { calls: 1 },
        Switch::LoseReplies { calls: 4 },
    ] {
        let bench = exported(switch.clone());
        let report = bench.restore("first", "copy", "");
        assert_eq!(report["restore"]["points"], 269, "{switch:?}");
        assert_eq!(bench.server.ids("copy"), bench.server.ids("project_docs"));
    }
}

#[test]
fn calls_that_are_too_large_for_someone_on_the_way_are_halved() {
    let bench = exported(Switch::RefuseUpsertsAbove { points: 40 });
    bench.restore("first", "copy", "");
    let upserts = bench.server.upserts();
    assert!(upserts.iter().any(|points| *points > 40), "{upserts:?}");
    assert_eq!(bench.server.ids("copy"), bench.server.ids("project_docs"));
}

#[test]
fn a_full_server_stops_it_and_the_same_command_goes_on() {
    // Enough calls for the look, the creation and some of the points.
    let bench = Bench::of(QdrantDouble::generated("many", 12_000, 64, 5));
    bench.export("many", "first", "");
    bench.server.set(Switch::FullAfter { points: 4_000 });
    let told = bench
        .run("restore first qdrant:copy --readers 1 --json")
        .ends(5);
    let told = told
        .says("Qdrant's disk or memory is full")
        .says("of 12000 points are known to be in the collection")
        .says("to go on, run:");
    let written = told.json()["restore"]["written"].as_u64().unwrap();
    assert!((1..12_000).contains(&written), "{written}");
    let there = bench.server.ids("copy").len() as u64;
    assert_eq!(there, written);
    bench.server.set(Switch::Healthy);
    let report = bench.restore("first", "copy", "--readers 1");
    assert_eq!(report["restore"]["unchanged"], there);
    assert_eq!(report["restore"]["written"], 12_000 - there);
    assert_eq!(bench.server.ids("copy"), bench.server.ids("many"));
}

#[test]
fn a_key_that_may_only_read_is_told_what_it_lacks() {
    let bench = exported(Switch::ReadOnly);
    bench
        .run("restore first qdrant:copy")
        .ends(6)
        .says("the API key has no right to what was asked while creating collection \"copy\"")
        .says("a read-only key is not enough");
}

#[cfg(unix)]
#[test]
fn an_interrupted_restore_ends_with_130_and_the_same_command_ends_equal() {
    use std::process::Command;

    use cf_migrate::clock::Clock;

    let bench = Bench::of(QdrantDouble::generated("many", 12_000, 64, 5));
    bench.export("many", "first", "");
    // The writes after the first ones never end.
    bench.server.set(Switch::StallAfter { points: 3_000 });
    let child = bench.shell.start("restore first qdrant:copy --readers 2");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        while bench.server.upserts().len() < 4 {
            Clock::real().sleep(Duration::from_millis(10)).await;
        }
    });
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    let output = child.wait_with_output().unwrap();
    let told = crate::cli::Told::from(output).ends(130);
    told.says("safe: the archive is as it was")
        .says("to go on, run:");
    bench.server.set(Switch::Healthy);
    let report = bench.restore("first", "copy", "");
    let restore = &report["restore"];
    let count = |of: &str| restore[of].as_u64().unwrap();
    assert!((3_000..12_000).contains(&count("unchanged")), "{restore}");
    assert_eq!(count("unchanged") + count("written"), 12_000);
    bench.export("copy", "second", "");
    assert!(bench.points("first") == bench.points("second"));
}

#[test]
fn calls_stay_below_the_usual_limit_of_a_message() {
    // The double takes 4 MiB, as servers of gRPC do unless told otherwise.
    let bench = Bench::of(QdrantDouble::default());
    let text = "x".repeat(1_500_000);
    let lines: Vec<String> = (0..6)
        .map(|id| {
            format!("{{\"id\": {id}, \"vector\": [1.0], \"payload\": {{\"t\": \"{text}\"}}}}")
        })
        .collect();
    bench.shell.write("points.ndjson", lines.join("\n"));
    let report = bench.restore("points.ndjson", "copy", "--distance dot --sample all");
    assert_eq!(report["restore"]["written"], 6);
    assert!(bench.server.upserts().iter().all(|points| *points <= 2));
}
