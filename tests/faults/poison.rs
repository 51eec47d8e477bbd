//! Records that the service alone refuses: each is found by halving its batch,
//! kept in `rejected.ndjson` with the service's words, and the rest goes through.

use serde_json::{Value, json};

use cf_migrate::sandbox::{Operation, SandboxOptions, Unsettled};
use cf_migrate::settings::PaceOptions;

use crate::binary::{Served, Workplace, point};
use crate::simulation::{DIMENSIONS, Simulation};
use crate::support::qdrant::QdrantDouble;

const POINTS: u64 = 64;

fn poisoned(poison: &[u64], unsettled: Unsettled) -> Simulation {
    let points = (0..POINTS).map(|number| {
        let mut point = point(number, DIMENSIONS);
        if poison.contains(&number) {
            point["payload"]["text"] = Value::Null;
        }
        point
    });
    Simulation::of(points.collect::<Vec<_>>(), |options| {
        options.unsettled = unsettled
    })
}

fn rejected(simulation: &Simulation) -> Vec<Value> {
    let text = std::fs::read_to_string(simulation.folder.join("rejected.ndjson")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_costs_two_requests_for_each_halving() {
    let simulation = poisoned(&[37], Unsettled::Strict);
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.report["outcome"], "rejections");
    assert_eq!(outcome.number("/points/rejected"), 1);
    assert_eq!(outcome.number("/points/settled"), POINTS - 1);
    outcome.check_sum();

    let rejected = rejected(&simulation);
    assert_eq!(rejected.len(), 1);
    assert_eq!(rejected[0]["source_id"], "37");
    let message = rejected[0]["message"].as_str().unwrap();
    assert!(
        message.contains("f7_2") && message.contains("code 40018"),
        "{message}"
    );

    let state = simulation.state();
    assert_eq!(state.vectors.len() as u64, POINTS - 1);
    assert!(!state.vectors.contains_key("f7_2"));
    assert_eq!(
        state.entries["file:f7"].value,
        br#"["f7_0","f7_1","f7_3","f7_4"]"#
    );
    assert_eq!(state.entries["_vector_count"].value, b"63");

    // The whole batch, two halves for each of six halvings, and the barrier.
    let upserts = simulation.sandbox.calls().count(Operation::Upsert);
    assert_eq!(upserts, 1 + 2 * POINTS.ilog2() as usize + 1);

    simulation.run().await.expect_code(3).check_sum();
    assert_eq!(
        simulation.sandbox.calls().count(Operation::Upsert),
        upserts,
        "nothing was sent again"
    );
}

#[tokio::test(start_paused = true)]
async fn several_bad_records_of_one_batch_are_each_found() {
    let poison = [0, 1, 31, 32, 63];
    let simulation = poisoned(&poison, Unsettled::Strict);
    simulation.run().await.expect_code(3).check_sum();
    let named: Vec<_> = rejected(&simulation)
        .iter()
        .map(|line| line["source_id"].clone())
        .collect();
    assert_eq!(named, poison.map(|number| json!(number.to_string())));
    assert_eq!(simulation.state().vectors.len() as u64, POINTS - 5);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_bad_records_alone_leaves_nothing_to_wait_for() {
    let mut simulation = poisoned(&[4, 5, 6, 7], Unsettled::Strict);
    simulation.pace = PaceOptions {
        batch_count: Some(4),
        ..PaceOptions::default()
    };
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.number("/points/rejected"), 4);
    assert_eq!(outcome.number("/points/settled"), POINTS - 4);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_takes_them_gets_them() {
    let simulation = poisoned(&[37], Unsettled::Lenient);
    simulation.run().await.expect_code(0).check_sum();
    assert_eq!(simulation.state().vectors.len() as u64, POINTS);
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_halving_was_cut_off_is_halved_again() {
    let mut simulation = poisoned(&[37], Unsettled::Strict);
    simulation.pace = PaceOptions {
        batch_count: Some(16),
        concurrency: Some(1),
        ..PaceOptions::default()
    };
    simulation.interrupt_after = Some(32);
    simulation.run().await.expect_code(130);
    simulation.interrupt_after = None;
    let outcome = simulation.run().await.expect_code(3);
    outcome.check_sum();
    assert_eq!(simulation.state().vectors.len() as u64, POINTS - 1);
}

#[test]
fn a_real_collection_of_oddities_goes_as_far_as_a_strict_service_takes_it() {
    let server = QdrantDouble::recorded("kinds").start();
    let served = Served::new(SandboxOptions::default());
    let place = Workplace::of(&served)
        .with("QDRANT_URL", server.grpc_url())
        .with("QDRANT_REST_PORT", server.rest_port().to_string());
    let run = [
        "run",
        "qdrant:kinds",
        "vectorize:docs",
        "--create",
        "--json",
    ];
    let refused = place.run(&run);
    refused.expect_code(7);
    assert!(served.sandbox.vectors("docs").is_err(), "nothing was made");

    let ended = place.run(&[run.as_slice(), &["--allow-rejects", "16"]].concat());
    ended.expect_code(3);
    let report = ended.report();
    let points = &report["points"];
    let number = |name: &str| points[name].as_u64().unwrap();
    assert_eq!(number("archived"), 16);
    assert_eq!(number("settled") + number("rejected"), 16, "{report:#}");
    assert_eq!(report["verification"]["verdict"], "equal");
    let stored = served.sandbox.vectors("docs").unwrap();
    assert_eq!(stored.len() as u64, number("settled"));

    let text = std::fs::read_to_string(place.path("docs.migration/rejected.ndjson")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len() as u64, number("rejected"));
    for line in &lines {
        assert!(
            !stored.contains_key(line["source_id"].as_str().unwrap()),
            "{line}"
        );
    }
    // Null, nested and mixed metadata are known to be refused only by asking.
    let by_service = lines
        .iter()
        .filter(|line| line["message"].as_str().unwrap().contains("code 4"));
    assert!(by_service.count() >= 3, "{text}");
}
