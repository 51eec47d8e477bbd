//! What others have brought into the account before, and how the account behaves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use cf_migrate::sandbox::{Budget, SandboxOptions, Unsettled};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::points;
use crate::scenario::Scenario;

/// What an account holds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pub vectors: BTreeMap<String, StoredVector>,
    pub entries: BTreeMap<String, StoredEntry>,
}

pub fn sandbox(dice: &mut Dice) -> SandboxOptions {
    SandboxOptions {
        apply_delay: Duration::from_millis(dice.scale(120_000)),
        stale: match dice.chance(0.4) {
            true => Duration::from_millis(dice.scale(60_000)),
            false => Duration::ZERO,
        },
        unsettled: dice.weighted(&[(1, Unsettled::Strict), (2, Unsettled::Lenient)]),
        budget: Some(Budget::default()),
        seed: dice.number(),
        ..SandboxOptions::default()
    }
}

/// What others have brought there.
pub fn before(scenario: &Scenario, dice: &mut Dice) -> Held {
    let mut held = Held::default();
    if scenario.index_exists && dice.chance(0.7) {
        foreign_vectors(&mut held, scenario, dice);
    }
    if scenario.file_index && dice.chance(0.7) {
        foreign_entries(&mut held, scenario, dice);
    }
    held
}

fn foreign_vectors(held: &mut Held, scenario: &Scenario, dice: &mut Dice) {
    let mut ids: Vec<String> = (0..dice.scale(30))
        .map(|number| format!("theirs_{number}"))
        .collect();
    if dice.chance(0.3) {
        // As after an earlier migration.
        ids.extend(scenario.expected.records.keys().cloned());
    } else if dice.chance(0.3) {
        let ours: Vec<&String> = scenario.expected.records.keys().collect();
        ids.extend(
            (0..dice.scale(20))
                .filter(|_| !ours.is_empty())
                .map(|_| (*dice.pick(&ours)).clone()),
        );
    }
    for id in ids {
        let vector = StoredVector {
            namespace: dice.chance(0.3).then(|| "theirs".to_owned()),
            values: points::vector(scenario.dimensions, dice),
            metadata: dice.chance(0.7).then(|| json!({"owner": "application"})),
        };
        held.vectors.insert(id, vector);
    }
}

fn foreign_entries(held: &mut Held, scenario: &Scenario, dice: &mut Dice) {
    let theirs: Vec<String> = held.vectors.keys().cloned().collect();
    let ours: Vec<String> = scenario.expected.records.keys().cloned().collect();
    for number in 0..dice.scale(8) {
        let ids = some_ids(&theirs, &ours, dice);
        held.entries
            .insert(format!("file:theirs-{number}"), entry(json!(ids), dice));
    }
    for number in 0..dice.index(3) {
        held.entries.insert(
            format!("other:{number}"),
            entry(json!({"a": [number]}), dice),
        );
    }
    for key in scenario.expected.checked_files() {
        if dice.chance(0.3) {
            let ids = some_ids(&theirs, &ours, dice);
            held.entries.insert(key, entry(json!(ids), dice));
        } else if dice.chance(0.002) {
            held.entries
                .insert(key, entry(json!({"not": "a list"}), dice));
        }
    }
    if dice.chance(0.4) {
        let count = scenario.count_key.unwrap_or("_vector_count");
        let value = dice.pick(&[json!(3), json!("many"), json!([])]).clone();
        held.entries.insert(count.to_owned(), entry(value, dice));
    }
}

fn some_ids(theirs: &[String], ours: &[String], dice: &mut Dice) -> Vec<String> {
    let mut ids = BTreeSet::new();
    for _ in 0..dice.index(5) {
        match dice.index(3) {
            0 if !theirs.is_empty() => ids.insert(dice.pick(theirs).clone()),
            1 if !ours.is_empty() => ids.insert(dice.pick(ours).clone()),
            _ => ids.insert(format!("gone_{}", dice.index(9))),
        };
    }
    let mut ids: Vec<String> = ids.into_iter().collect();
    if dice.chance(0.5) {
        ids.reverse();
    }
    ids
}

fn entry(value: Value, dice: &mut Dice) -> StoredEntry {
    StoredEntry {
        value: value.to_string().into_bytes(),
        // Far behind the end of every simulation.
        expiration: dice.chance(0.2).then_some(4_000_000_000),
        metadata: dice.chance(0.3).then(|| json!({"by": "application"})),
    }
}
