//! Records that the service alone refuses: each is found by halving its batch,
//! kept in `rejected.ndjson` with the service's words, and the rest goes through.

use serde_json::{Value, json};

use cf_migrate::sandbox::{FaultKind, Operation, SandboxOptions, Unsettled};
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
async fn a_part_of_a_split_batch_that_is_passed_over_is_sent_again() {
    let simulation = poisoned(&[37], Unsettled::Strict);
    // The first upsert is the refused batch, the second its first half.
    for fault in [FaultKind::Slow, FaultKind::NeverApplied] {
        simulation.sandbox.queue_fault(Operation::Upsert, fault);
    }
    let outcome = simulation.run().await.expect_code(3);
    assert!(simulation.sandbox.unused_faults().is_empty());
    assert_eq!(outcome.number("/verification/missing"), 0);
    assert_eq!(simulation.state().vectors.len() as u64, POINTS - 1);
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

/// 400 points, every second with null in its metadata, under a strict service.
fn half_null() -> Simulation {
    let points = (0..400).map(|number| {
        let mut point = point(number, DIMENSIONS);
        if number % 2 == 1 {
            point["payload"]["text"] = Value::Null;
        }
        point
    });
    Simulation::of(points.collect::<Vec<_>>(), |options| {
        options.unsettled = Unsettled::Strict;
    })
}

#[tokio::test(start_paused = true)]
async fn a_form_that_the_service_refuses_is_set_aside_as_a_class() {
    let mut simulation = half_null();
    simulation.pace = PaceOptions {
        batch_count: Some(100),
        concurrency: Some(1),
        ..PaceOptions::default()
    };
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.number("/points/rejected"), 200);
    assert_eq!(outcome.number("/points/settled"), 200);
    outcome.check_sum();
    let lines = rejected(&simulation);
    let of = |reason: &str| lines.iter().filter(|line| line["reason"] == reason).count();
    assert_eq!(of("refused_by_vectorize"), 3);
    assert_eq!(of("refused_class"), 197);
    for line in &lines {
        let message = line["message"].as_str().unwrap();
        assert!(
            message.contains("code 40018"),
            "the service's words: {line}"
        );
        let is_class = line["reason"] == "refused_class";
        assert_eq!(message.contains("null_metadata"), is_class, "{line}");
    }
    // Of the first batch three were found alone; the others cost their refusal and
    // one more request at most, and the last the barrier.
    let upserts = simulation.sandbox.calls().count(Operation::Upsert);
    assert!(upserts <= 3 * 2 * 7 + 2 + 2 * 3 + 1, "{upserts}");

    let calls = simulation.sandbox.calls().count(Operation::Upsert);
    simulation.run().await.expect_code(3).check_sum();
    assert_eq!(simulation.sandbox.calls().count(Operation::Upsert), calls);
}

#[tokio::test(start_paused = true)]
async fn what_the_service_also_takes_is_no_class() {
    // Alike in form, but refused for something else: the service takes null.
    let points = (0..64).map(|number| {
        let mut point = point(number, DIMENSIONS);
        point["payload"]["text"] = Value::Null;
        point
    });
    let simulation = Simulation::of(points.collect::<Vec<_>>(), |options| {
        options.unsettled = Unsettled::Lenient;
    });
    let refused = [3, 5, 8, 13, 21].map(|number| format!("\"f{}_{}\"", number / 5, number % 5));
    let simulation = simulation.refusing(40017, refused);
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.number("/points/rejected"), 5);
    for line in rejected(&simulation) {
        assert_eq!(line["reason"], "refused_by_vectorize", "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_of_vectorizes_own_that_nobody_listed_is_about_a_record_too() {
    for code in [40001, 40017] {
        let simulation = Simulation::new(POINTS, |_| {}).refusing(code, ["\"f7_2\"".to_owned()]);
        simulation.run().await.expect_code(3).check_sum();
        assert_eq!(simulation.state().vectors.len() as u64, POINTS - 1);
        let message = rejected(&simulation)[0]["message"].to_string();
        assert!(message.contains(&format!("code {code}")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_everything_leaves_the_settings_free() {
    let simulation = Simulation::new(200, |_| {}).refusing(40001, ["{".to_owned()]);
    let outcome = simulation.run().await.expect_code(1);
    let told = outcome.error.unwrap();
    assert!(told.contains("more than 50 records of one batch"), "{told}");
    assert!(told.contains("code 40001"), "{told}");
    assert_eq!(outcome.report["points"]["rejected"], 0);

    let mut simulation = simulation.refusing(40001, []);
    simulation.mapping.id = Some("{id}".parse().unwrap());
    simulation.run().await.expect_code(0).check_sum();
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
