//! A live application's account before the migration, and what is expected of it
//! after the rollback.

use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use cf_migrate::sandbox::{Operation, SandboxOptions};
use cf_migrate::settings::PaceOptions;
use serde_json::json;

use crate::binary::{INDEX, State, create_index, create_namespace, entry, namespace_id, values};
use crate::simulation::{DIMENSIONS, Outcome, Simulation};

pub(crate) const POINTS: u64 = 45;

/// The simulated clock begins here.
pub(crate) const BEGIN: i64 = 1_800_000_000;

/// A vector that somebody else wrote.
pub(crate) fn theirs(number: u64) -> StoredVector {
    StoredVector {
        namespace: number.is_multiple_of(2).then(|| "tenant".to_owned()),
        values: values(900 + number, DIMENSIONS),
        metadata: Some(json!({"owner": "application", "number": number, "half": 0.5})),
    }
}

/// A migration into an account that holds nothing and has neither index nor
/// namespace.
pub(crate) fn empty(change: impl FnOnce(&mut SandboxOptions)) -> Simulation {
    let mut simulation = Simulation::new(POINTS, |options| {
        options.budget = None;
        change(options);
    });
    simulation.pace = PaceOptions {
        batch_count: Some(10),
        ..PaceOptions::default()
    };
    simulation
}

/// The same into an account that an application uses: with vectors and entries of
/// its own, and entries under keys that the migration writes too.
pub(crate) async fn lived_in(change: impl FnOnce(&mut SandboxOptions)) -> Simulation {
    let simulation = empty(change);
    live_in(&simulation).await;
    simulation
}

/// What the application has.
pub(crate) async fn live_in(simulation: &Simulation) {
    let sandbox = &simulation.sandbox;
    create_index(sandbox, DIMENSIONS).await;
    let namespace = create_namespace(sandbox).await;
    for number in 0..5 {
        let id = format!("theirs_{number}");
        sandbox.put_vector(INDEX, &id, &theirs(number)).unwrap();
    }
    let with = |ids: &[&str], expiration: Option<i64>| StoredEntry {
        expiration,
        metadata: Some(json!({"seen": 1.5})),
        ..entry(ids)
    };
    let entries = [
        ("file:f1", with(&["theirs_0", "f1_3", "gone"], None)),
        ("file:f2", with(&["theirs_1"], Some(BEGIN + 86_400 * 30))),
        ("file:theirs", with(&["theirs_1"], None)),
        (
            "_vector_count",
            StoredEntry {
                value: b"5".to_vec(),
                expiration: None,
                metadata: None,
            },
        ),
    ];
    for (key, stored) in &entries {
        sandbox.put_entry(&namespace, key, stored).unwrap();
    }
}

/// Some ids that the migration writes are there already.
pub(crate) async fn with_conflicts(change: impl FnOnce(&mut SandboxOptions)) -> Simulation {
    let simulation = lived_in(change).await;
    add_conflicts(&simulation);
    simulation
}

/// Vectors of the application under ids that the migration writes.
pub(crate) fn add_conflicts(simulation: &Simulation) {
    for (number, id) in ["f0_0", "f3_2", "f8_4"].into_iter().enumerate() {
        let vector = theirs(50 + number as u64);
        simulation.sandbox.put_vector(INDEX, id, &vector).unwrap();
    }
}

#[track_caller]
pub(crate) fn same(wanted: &State, simulation: &Simulation, what: &str) {
    let found = wanted.differences(&simulation.state());
    assert_eq!(found, Vec::<String>::new(), "{what}");
}

/// The kinds of findings of a rollback.
pub(crate) fn kinds(outcome: &Outcome) -> Vec<String> {
    let findings = outcome.report["rollback"]["findings"].as_object().unwrap();
    findings.keys().cloned().collect()
}

pub(crate) fn put_entry(simulation: &Simulation, key: &str, stored: &StoredEntry) {
    let namespace = namespace_id(&simulation.sandbox);
    let sandbox = &simulation.sandbox;
    sandbox.put_entry(&namespace, key, stored).unwrap();
}

/// Calls that change the account, so far.
pub(crate) fn writes(simulation: &Simulation) -> usize {
    use Operation as O;
    let calls = simulation.sandbox.calls();
    [
        O::CreateIndex,
        O::DeleteIndex,
        O::Upsert,
        O::DeleteByIds,
        O::CreateNamespace,
        O::DeleteNamespace,
        O::BulkPut,
        O::BulkDelete,
    ]
    .into_iter()
    .map(|operation| calls.count(operation))
    .sum()
}
