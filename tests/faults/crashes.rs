//! A crash at every single call, before it is carried out and after it, its answer
//! lost; then the same command. (Kills of the real process at random moments are in
//! `tests/kill`; here none of the calls is left out.)

use serde_json::{Value, json};

use cf_migrate::sandbox::inspect::StoredVector;
use cf_migrate::settings::PaceOptions;

use crate::binary::{INDEX, State, create_index, create_namespace, entry, point, values};
use crate::simulation::{Crash, DIMENSIONS, Outcome, Simulation};

const POINTS: u64 = 60;

/// A live application's account, and points some of which cannot become records:
/// by our own check at the beginning, within, and at the end, and by the service.
async fn simulation() -> Simulation {
    let points = (0..POINTS).map(|number| {
        let mut point = point(number, DIMENSIONS);
        match number {
            0 | 29 | 30 | 59 => drop(point["payload"].as_object_mut().unwrap().remove("file_id")),
            17 | 41 => point["payload"]["text"] = Value::Null,
            _ => {}
        }
        point
    });
    let mut simulation =
        Simulation::of(points.collect::<Vec<_>>(), |options| options.budget = None);
    simulation.allowed_rejects = 4;
    simulation.pace = PaceOptions {
        batch_count: Some(10),
        ..PaceOptions::default()
    };
    let sandbox = &simulation.sandbox;
    create_index(sandbox, DIMENSIONS).await;
    let namespace = create_namespace(sandbox).await;
    for number in 0..5 {
        let metadata = Some(json!({"owner": "application"}));
        let vector = StoredVector {
            namespace: None,
            values: values(900 + number, DIMENSIONS),
            metadata,
        };
        sandbox
            .put_vector(INDEX, &format!("theirs_{number}"), &vector)
            .unwrap();
    }
    let mixed = entry(&["theirs_0", "f1_3", "gone"]);
    sandbox.put_entry(&namespace, "file:f1", &mixed).unwrap();
    sandbox
        .put_entry(&namespace, "file:theirs", &entry(&["theirs_1"]))
        .unwrap();
    simulation
}

async fn undisturbed() -> (State, usize) {
    let simulation = simulation().await;
    let outcome = simulation.run().await.expect_code(3);
    assert_eq!(outcome.number("/points/rejected"), 6);
    assert_eq!(outcome.number("/points/foreign"), 5);
    (simulation.state(), simulation.sandbox.calls().total())
}

#[track_caller]
fn check(outcome: Outcome, simulation: &Simulation, wanted: &State, what: &str) {
    let found = wanted.differences(&simulation.state());
    assert_eq!(found, Vec::<String>::new(), "{what}");
    let outcome = outcome.expect_code(3);
    outcome.check_sum();
    assert_eq!(outcome.number("/points/rejected"), 6, "{what}");
    assert_eq!(outcome.number("/points/foreign"), 5, "{what}");
    assert_eq!(outcome.report["verification"]["verdict"], "equal", "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_call_leaves_nothing_undone_and_nothing_doubled() {
    let (wanted, calls) = undisturbed().await;
    assert!(calls > 30, "{calls} calls");
    let mut crashes = 0;
    for number in 1..=calls {
        for crash in [Crash::Before(number), Crash::After(number)] {
            let mut simulation = simulation().await;
            simulation.crash = Some(crash);
            if simulation.run_or_crash().await.is_some() {
                continue;
            }
            crashes += 1;
            simulation.crash = None;
            let outcome = simulation.run().await;
            check(outcome, &simulation, &wanted, &format!("{crash:?}"));
        }
    }
    // Only how often the index is asked how far it is may vary.
    assert!(
        crashes >= 2 * (calls - 3),
        "{crashes} crashes of {calls} calls"
    );
}

#[tokio::test(start_paused = true)]
async fn crash_after_crash_comes_to_the_same_end() {
    let (wanted, _) = undisturbed().await;
    for stride in [9, 13, 19, 23] {
        let mut simulation = simulation().await;
        let mut crashes = 0;
        let outcome = loop {
            // Far enough to get a little further each time.
            let number = stride + crashes % 3;
            simulation.crash = Some(match crashes % 2 {
                0 => Crash::Before(number),
                _ => Crash::After(number),
            });
            if crashes > 12 {
                simulation.crash = None;
            }
            match simulation.run_or_crash().await {
                Some(outcome) => break outcome,
                None => crashes += 1,
            }
        };
        assert!(crashes > 1, "{crashes} crashes");
        check(
            outcome,
            &simulation,
            &wanted,
            &format!("a crash about every {stride} calls"),
        );
    }
}
