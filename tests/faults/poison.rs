//! Records that the service alone refuses: each is found by halving its batch,
//! kept in `rejected.ndjson` with the service's words, and the rest goes through.

use serde_json::{Value, json};

use cf_migrate::sandbox::{FaultKind, Operation, SandboxOptions, Unsettled};
use cf_migrate::settings::PaceOptions;

use crate::binary::{INDEX, Served, Workplace, create_index, expected_vector, point};
use crate::simulation::{Crash, DIMENSIONS, Simulation};
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
async fn what_is_left_of_a_batch_and_passed_over_with_its_barrier_is_sent_again() {
    for poison in [0, 1] {
        let simulation = refused_of(2, &[poison]);
        for _ in 0..2 {
            // The record that is left, and the same as the barrier.
            let (sandbox, fault) = (&simulation.sandbox, FaultKind::NeverApplied);
            sandbox.queue_fault(Operation::Upsert, fault);
        }
        let outcome = simulation.run().await.expect_code(3);
        assert!(simulation.sandbox.unused_faults().is_empty());
        assert_eq!(outcome.number("/verification/missing"), 0);
        assert_eq!(outcome.number("/points/settled"), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_costs_two_requests_for_each_halving() {
    let simulation = poisoned(&[37], Unsettled::Strict);
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.report["outcome"], "rejections");
    assert_eq!(outcome.number("/points/rejected"), 1);
    assert_eq!(outcome.number("/points/settled"), POINTS - 1);
    outcome.check_sum();

    let rejected = simulation.rejected();
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
    let named: Vec<_> = simulation
        .rejected()
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
async fn a_form_of_which_a_probe_was_taken_makes_no_class() {
    // After the third refusal probes follow: the first of them is refused, the second is
    // taken. The fifth refusal is the third of a form of which nothing else was taken.
    let refused = [0, 1, 2, 3, 4];
    let points = (0..POINTS).map(|number| {
        let mut point = point(number, DIMENSIONS);
        if number != 2 && number != 3 {
            point["payload"]["text"] = Value::Null;
        }
        point
    });
    let simulation = Simulation::of(points.collect::<Vec<_>>(), |options| {
        options.unsettled = Unsettled::Lenient;
    })
    .refusing(40_008, refused.map(quoted_id));
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.number("/points/rejected"), 5);
    assert_eq!(outcome.number("/points/settled"), POINTS - 5);
    assert_eq!(outcome.number("/verification/extra"), 0);
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
        max_poison: Some("60%".parse().unwrap()),
        ..PaceOptions::default()
    };
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.number("/points/rejected"), 200);
    assert_eq!(outcome.number("/points/settled"), 200);
    outcome.check_sum();
    let lines = simulation.rejected();
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
    for line in simulation.rejected() {
        assert_eq!(line["reason"], "refused_by_vectorize", "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_of_vectorizes_own_that_nobody_listed_is_about_a_record_too() {
    for code in [40001, 40017] {
        let simulation = Simulation::new(POINTS, |_| {}).refusing(code, ["\"f7_2\"".to_owned()]);
        simulation.run().await.expect_code(3).check_sum();
        assert_eq!(simulation.state().vectors.len() as u64, POINTS - 1);
        let message = simulation.rejected()[0]["message"].to_string();
        assert!(message.contains(&format!("code {code}")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_refuses_everything_leaves_the_settings_free() {
    let simulation = Simulation::new(200, |_| {}).refusing(40001, ["{".to_owned()]);
    let outcome = simulation.run().await.expect_code(1);
    let told = outcome.error.unwrap();
    assert!(
        told.contains("refuses every record that was tried"),
        "{told}"
    );
    assert!(told.contains("code 40001"), "{told}");
    assert_eq!(outcome.report["points"]["rejected"], 0);
    // The batch, eight halvings of two hundred, and ten records.
    let upserts = simulation.upserts.lock().unwrap().len();
    assert!(upserts <= 1 + 8 + 3 * 2 + 10, "{upserts}");

    let mut simulation = simulation.refusing(40001, []);
    simulation.mapping.id = Some("{id}".parse().unwrap());
    simulation.run().await.expect_code(0).check_sum();
}

/// So many points, of which an account refuses these, in one batch.
fn refused_of(points: u64, poison: &[u64]) -> Simulation {
    let texts: Vec<String> = poison.iter().map(|number| quoted_id(*number)).collect();
    let mut simulation = Simulation::new(points, |_| {}).refusing(40008, texts);
    simulation.file_index = false;
    simulation
}

fn quoted_id(number: u64) -> String {
    format!("\"f{}_{}\"", number / 5, number % 5)
}

#[tokio::test(start_paused = true)]
async fn each_bad_record_costs_at_most_two_requests_for_each_halving_of_a_batch() {
    for points in [1_000_u64, 5_000] {
        let last = points - 1;
        let clustered: Vec<u64> = (points / 2..points / 2 + 5).collect();
        let spread: Vec<u64> = (0..5).map(|part| part * points / 5 + 7).collect();
        let cases = [
            vec![0],
            vec![last],
            vec![points / 3],
            vec![0, last],
            clustered,
            spread,
        ];
        for poison in cases {
            let simulation = refused_of(points, &poison);
            let outcome = simulation.run().await.expect_code(3);
            outcome.check_sum();
            assert_eq!(outcome.number("/points/rejected"), poison.len() as u64);
            let upserts = simulation.upserts.lock().unwrap().len();
            let halvings = (points as f64).log2().ceil() as usize;
            // The batch itself, and the barrier.
            let most = 2 + poison.len() * 2 * halvings;
            assert!(upserts <= most, "{upserts} for {poison:?} of {points}");
            assert_eq!(outcome.number("/requests/retried"), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn more_than_the_stated_share_stops_and_a_larger_one_goes_on_where_it_stopped() {
    let poison: Vec<u64> = (0..30).map(|number| number * 30 + 3).collect();
    let mut simulation = refused_of(1_000, &poison);
    simulation.pace.batch_count = Some(100);
    simulation.pace.concurrency = Some(1);
    let outcome = simulation.run().await.expect_code(1);
    let told = outcome.error.as_deref().unwrap();
    assert!(
        told.contains("more than 10 of 1000 records, which is what --max-poison 1% tolerates"),
        "{told}"
    );
    assert!(
        told.contains("code 40008") && told.contains("nothing is lost"),
        "{told}"
    );
    assert_eq!(outcome.number("/points/rejected"), 11);
    assert_eq!(simulation.rejected().len(), 11, "each is named");

    let before = simulation.upserts.lock().unwrap().len();
    simulation.pace.max_poison = Some("5%".parse().unwrap());
    let outcome = simulation.run().await.expect_code(3);
    outcome.check_sum();
    assert_eq!(outcome.number("/points/rejected"), 30);
    let sent = simulation.upserts.lock().unwrap()[before..].to_vec();
    let known = |body: &bytes::Bytes| {
        let text = std::str::from_utf8(body).unwrap();
        poison[..11]
            .iter()
            .any(|number| text.contains(&quoted_id(*number)))
    };
    assert!(
        !sent.iter().any(known),
        "what is set aside is not tried again"
    );
}

#[tokio::test(start_paused = true)]
async fn a_share_of_nothing_stops_at_the_first() {
    let mut simulation = refused_of(1_000, &[500]);
    simulation.pace.max_poison = Some("0".parse().unwrap());
    simulation.run().await.expect_code(1);
}

#[tokio::test(start_paused = true)]
async fn bad_records_at_the_beginning_are_no_reason_to_doubt_all() {
    let poison: Vec<u64> = (0..9).collect();
    let simulation = refused_of(2_000, &poison);
    let outcome = simulation.run().await.expect_code(3);
    outcome.check_sum();
    assert_eq!(outcome.number("/points/rejected"), 9);
}

#[tokio::test(start_paused = true)]
async fn a_wholly_refused_first_batch_of_five_thousand_costs_a_few_requests() {
    let simulation = Simulation::new(20_000, |_| {}).refusing(40012, ["{".to_owned()]);
    let outcome = simulation.run().await.expect_code(1);
    assert!(outcome.error.unwrap().contains("settings are still free"));
    let upserts = simulation.upserts.lock().unwrap().len();
    // What else was on the wire is not taken apart.
    assert!(upserts <= 4 + 13 + 3 * 2 + 10, "{upserts}");
}

#[tokio::test(start_paused = true)]
async fn a_search_that_is_cut_off_anywhere_does_not_look_for_what_it_found() {
    let poison = [3, 200, 201, 390];
    for at in (12..60).step_by(3) {
        let mut simulation = refused_of(400, &poison);
        simulation.crash = Some(Crash::After(at));
        let ended = simulation.run_or_crash().await;
        let (before, known) = (simulation.upserts.lock().unwrap().len(), found(&simulation));
        simulation.crash = None;
        let outcome = simulation.run().await.expect_code(3);
        outcome.check_sum();
        assert_eq!(outcome.number("/points/rejected"), 4, "cut off at {at}");
        if ended.is_none() {
            let again = simulation.upserts.lock().unwrap().len() - before;
            let left = poison.len() - known;
            assert!(again <= 2 + left * 2 * 9, "{again} after {at}, {left} left");
        }
    }
}

/// A search that was cut off at its `at`-th call, in which something was taken and the
/// answer not kept; none where that call is not in the middle of one.
async fn cut_off(points: u64, poison: u64, at: usize) -> Option<Simulation> {
    let mut simulation = refused_of(points, &[poison]);
    create_index(&simulation.sandbox, DIMENSIONS).await;
    simulation.crash = Some(Crash::After(at));
    let ended = simulation.run_or_crash().await;
    simulation.crash = None;
    // The first upsert is the refused batch, the second its first half, which is taken.
    let taken = simulation.upserts.lock().unwrap().len() >= 2;
    let kept = simulation.ledger().has_accepted().unwrap();
    (ended.is_none() && taken && !kept).then_some(simulation)
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_start_may_have_brought_through_is_not_forgotten_over_a_refusal() {
    let mut cut = 0;
    for at in 1..20 {
        let Some(simulation) = cut_off(20, 13, at).await else {
            continue;
        };
        cut += 1;
        let simulation = simulation.refusing(40001, ["{".to_owned()]);
        let told = simulation.run().await.expect_code(1).error.unwrap();
        assert!(
            told.contains("what an earlier start sent may have"),
            "{told}"
        );
        let mut simulation = simulation.refusing(40008, [quoted_id(13)]);
        let there = |simulation: &Simulation| simulation.sandbox.vectors(INDEX).unwrap().len();
        if cut % 2 == 1 {
            simulation.run().await.expect_code(3).check_sum();
            assert_eq!(there(&simulation), 19, "cut off at {at}");
        }
        simulation.rollback().await.expect_code(0);
        assert_eq!(there(&simulation), 0, "cut off at {at}");
        simulation.mapping.id = Some("{id}".parse().unwrap());
        simulation.run().await.expect_code(0).check_sum();
    }
    assert!(cut > 3, "{cut}");
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_start_may_have_brought_through_and_is_refused_now_is_taken_back() {
    let mut cut = 0;
    for at in 1..20 {
        let Some(simulation) = cut_off(8, 6, at).await else {
            continue;
        };
        cut += 1;
        // Too few to be believed refused as a whole: each is set aside.
        let mut simulation = simulation.refusing(40001, ["{".to_owned()]);
        let outcome = simulation.run().await.expect_code(4);
        assert_eq!(outcome.number("/points/rejected"), 8);
        let there = |simulation: &Simulation| simulation.sandbox.vectors(INDEX).unwrap().len();
        assert!(there(&simulation) > 0, "cut off at {at}");
        let extra = outcome.number("/verification/extra");
        assert_eq!(extra, there(&simulation) as u64);
        // Nor are they taken for others' vectors by another start.
        simulation.run().await.expect_code(4);
        simulation.rollback().await.expect_code(0);
        assert_eq!(there(&simulation), 0, "cut off at {at}");
        simulation.mapping.id = Some("{id}".parse().unwrap());
        let simulation = simulation.refusing(40001, []);
        simulation.run().await.expect_code(0).check_sum();
    }
    assert!(cut > 3, "{cut}");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_refused_when_it_was_sent_again_is_nobodys_once_that_is_settled() {
    let mut simulation = cut_off_before_anything_else(20, 13).await;
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.number("/points/rejected"), 1);
    assert_eq!(simulation.ledger().next_doubted(1).unwrap(), []);
    // By somebody else, who mended it.
    let (id, vector) = expected_vector(13, DIMENSIONS);
    simulation.sandbox.put_vector(INDEX, &id, &vector).unwrap();
    simulation.file_index = false;
    simulation.rollback().await;
    let left = simulation.sandbox.vectors(INDEX).unwrap();
    assert_eq!(left.keys().collect::<Vec<_>>(), [&id]);
}

/// A search of which the first upsert's answer alone is known.
async fn cut_off_before_anything_else(points: u64, poison: u64) -> Simulation {
    for at in 1..20 {
        if let Some(simulation) = cut_off(points, poison, at).await {
            return simulation;
        }
    }
    panic!("no call is in the middle of the search");
}

/// How many records the ledger of a crashed run has set aside.
fn found(simulation: &Simulation) -> usize {
    simulation.ledger().rejected_at("vectorize").unwrap() as usize
}

#[tokio::test(start_paused = true)]
async fn faults_in_the_middle_of_a_search_do_not_blame_records() {
    let poison = [3, 200, 201, 390];
    for seed in 0..8 {
        let texts = poison.map(quoted_id);
        let mut simulation = Simulation::new(400, |options| {
            options.seed = seed;
            options.faults = ["503:0.2", "429:0.1", "drop-after:0.1"]
                .map(|fault| fault.parse().unwrap())
                .to_vec();
        })
        .refusing(40008, texts);
        simulation.file_index = false;
        let mut outcome = simulation.run().await;
        for _ in 0..20 {
            if outcome.report["exit_code"] == 3 {
                break;
            }
            assert!(outcome.number("/points/rejected") <= 4);
            outcome = simulation.run().await;
        }
        outcome.check_sum();
        assert_eq!(outcome.number("/points/rejected"), 4, "seed {seed}");
    }
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
