//! Starts that were refused before their first write, and what mends them: the
//! same folder takes a mended source, other settings, another verb.

use std::collections::BTreeSet;

use cf_migrate::sandbox::{SandboxOptions, Unsettled};
use serde_json::Value;

use crate::binary::{Served, Workplace, point, write_lines};
use crate::simulation::{Crash, DIMENSIONS, Simulation, Verb};
use crate::support::qdrant::{Id, QdrantDouble, Server};

#[tokio::test(start_paused = true)]
async fn many_points_of_one_id_are_each_named_with_another_of_them() {
    let points = (0..5_000).map(|number| {
        let mut point = point(number, DIMENSIONS);
        point["payload"]["kind"] = Value::from(if number == 4_999 { "alone" } else { "same" });
        point
    });
    let mut simulation = Simulation::of(points, |_| {});
    simulation.mapping.id = Some("{kind}".parse().unwrap());
    let outcome = simulation.run().await.expect_code(7);
    assert_eq!(outcome.number("/points/rejected"), 4_999);
    let rejected = simulation.rejected();
    let ids: BTreeSet<_> = rejected
        .iter()
        .map(|line| line["source_id"].as_str())
        .collect();
    assert_eq!(ids.len(), 4_999);
    for line in &rejected {
        let message = line["message"].as_str().unwrap();
        let other = if line["source_id"] == "0" { "1" } else { "0" };
        assert!(message.contains(&format!("the point '{other}'")), "{line}");
    }
}

/// Points of which the third's id is too long, or as it should be.
fn points(third: &str) -> Vec<Value> {
    let third_id = third.to_owned();
    let named = move |number: u64| {
        let mut point = point(number, DIMENSIONS);
        let id = if number == 2 {
            third_id.clone()
        } else {
            number.to_string()
        };
        point["payload"]["name"] = Value::from(id);
        point
    };
    (0..20).map(named).collect()
}

/// A simulation that was refused because of its third point.
async fn refused() -> Simulation {
    let mut simulation = Simulation::of(points(&"x".repeat(65)), |_| {});
    simulation.mapping.id = Some("{name}".parse().unwrap());
    let outcome = simulation.run().await.expect_code(7);
    assert_eq!(outcome.number("/points/rejected"), 1);
    simulation
}

#[tokio::test(start_paused = true)]
async fn a_file_that_was_mended_after_a_refusal_is_exported_anew() {
    let simulation = refused().await;
    write_lines(&simulation.source, points("two"));
    let outcome = simulation.run().await.expect_code(0);
    outcome.check_sum();
    assert!(simulation.state().vectors.contains_key("two"));
    assert!(!simulation.folder.join("rejected.ndjson").exists());
    let said = outcome.said.join("\n");
    assert!(
        said.contains("is not what it was at the last start"),
        "{said}"
    );
    simulation.run().await.expect_code(0).check_sum();
    assert!(!simulation.folder.join("archive/0003").exists());
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_changed_after_all_was_written_is_caught_up_with() {
    let simulation = refused().await;
    write_lines(&simulation.source, points("two"));
    simulation.run().await.expect_code(0);
    write_lines(&simulation.source, points("three"));
    let outcome = simulation.run().await.expect_code(0);
    assert_eq!(outcome.number("/points/settled"), 1);
    assert_eq!(outcome.number("/points/vanished"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_whose_export_broke_off_at_a_bad_line_is_begun_anew_once_mended() {
    let simulation = Simulation::of(points("two"), |_| {});
    let good = std::fs::read_to_string(&simulation.source).unwrap();
    std::fs::write(&simulation.source, good.repeat(60) + "{\"id\"\n").unwrap();
    let told = simulation.run().await.expect_code(1).error.unwrap();
    assert!(told.contains("line 1201"), "{told}");
    std::fs::write(&simulation.source, good).unwrap();
    simulation.run().await.expect_code(0).check_sum();
    assert_eq!(simulation.state().vectors.len(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_new_export_that_is_killed_is_gone_on_with() {
    for crash in 1..6 {
        let mut simulation = refused().await;
        write_lines(&simulation.source, points("two"));
        simulation.crash = Some(Crash::Before(crash));
        assert!(simulation.run_or_crash().await.is_none());
        simulation.crash = None;
        simulation.run().await.expect_code(0).check_sum();
        assert_eq!(simulation.state().vectors.len(), 20);
    }
}

/// A collection some of whose points are refused, and the place of its migration.
fn refused_collection() -> (Server, Workplace, Served) {
    let server = QdrantDouble::recorded("kinds").start();
    let lenient = SandboxOptions {
        unsettled: Unsettled::Lenient,
        ..SandboxOptions::default()
    };
    let served = Served::new(lenient);
    let place = Workplace::of(&served)
        .with("QDRANT_URL", server.grpc_url())
        .with("QDRANT_REST_PORT", server.rest_port().to_string());
    place.run(&RUN).expect_code(7);
    (server, place, served)
}

const RUN: [&str; 4] = ["run", "qdrant:kinds", "vectorize:docs", "--create"];

/// Takes the points out of the collection that were rejected.
fn mend(server: &Server, place: &Workplace) {
    let text = std::fs::read_to_string(place.path("docs.migration/rejected.ndjson")).unwrap();
    for line in text.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let id = line["source_id"].as_str().unwrap();
        let id = match id.parse() {
            Ok(number) => Id::Number(number),
            Err(_) => Id::Uuid(id.parse::<uuid::Uuid>().unwrap().as_u128()),
        };
        server.delete("kinds", id);
    }
}

#[test]
fn a_collection_that_was_mended_after_a_refusal_is_exported_anew() {
    let (server, place, _served) = refused_collection();
    place.run(&RUN).expect_code(7);
    mend(&server, &place);
    let dry = place.run(&[&RUN[..], &["--dry-run"]].concat());
    dry.expect_code(0);
    assert!(!place.path("docs.migration/archive/0003").exists());
    let ended = place.run(&RUN);
    ended.expect_code(0);
    let said = "refused for its rejections, and nothing was written then";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert!(!place.path("docs.migration/rejected.ndjson").exists());
}

#[tokio::test(start_paused = true)]
async fn the_unnamed_vector_beside_a_named_one_is_migrated() {
    let points = (0..5).map(|number| {
        let mut point = point(number, DIMENSIONS);
        let values = point["vector"].take();
        point["vector"] = serde_json::json!({"": values, "other": values});
        point
    });
    let simulation = Simulation::of(points, |_| {});
    simulation.run().await.expect_code(0).check_sum();
}

/// Points of which one belongs to a file whose key KV cannot hold.
fn with_a_long_key() -> Simulation {
    let points = (0..20).map(|number| {
        let mut point = point(number, DIMENSIONS);
        if number == 7 {
            point["payload"]["file_id"] = Value::from("f".repeat(600));
        }
        point
    });
    let mut simulation = Simulation::of(points, |_| {});
    simulation.mapping.id = Some("{id}".parse().unwrap());
    simulation
}

#[tokio::test(start_paused = true)]
async fn points_are_checked_again_when_a_file_index_is_wanted_later() {
    let mut simulation = with_a_long_key();
    simulation.file_index = false;
    simulation.crash = Some(Crash::Before(3));
    assert!(simulation.run_or_crash().await.is_none());
    let archived = simulation.folder.join("archive/0001/manifest.json");
    assert!(archived.is_file(), "every point was checked");
    assert!(simulation.upserts.lock().unwrap().is_empty());
    simulation.crash = None;
    simulation.file_index = true;
    let outcome = simulation.run().await.expect_code(7);
    assert_eq!(outcome.number("/points/rejected"), 1);
    // And what only the file index refuses is none of a run without one.
    simulation.file_index = false;
    simulation.run().await.expect_code(0).check_sum();
}

#[tokio::test(start_paused = true)]
async fn records_that_are_written_are_not_left_out_of_the_file_index_in_silence() {
    let mut simulation = with_a_long_key();
    simulation.file_index = false;
    simulation.run().await.expect_code(0);
    simulation.file_index = true;
    for verb in [Verb::Run, Verb::Index] {
        let told = simulation.verb(verb).await.expect_code(7).error.unwrap();
        assert!(told.contains("7: the file key has 605 bytes"), "{told}");
    }
    simulation.allowed_rejects = 1;
    let outcome = simulation.run().await.expect_code(0);
    let said = outcome.said.join("\n");
    assert!(said.contains("no place in the file index"), "{said}");
}
