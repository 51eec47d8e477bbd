//! What every write is held against before it is carried out: nothing before
//! everything was checked, nothing that is not ours, no entry that names what is not
//! there.

use std::collections::BTreeMap;

use bytes::Bytes;
use cf_migrate::sandbox::inspect::StoredEntry;
use serde::Deserialize;

use crate::binary::{INDEX, NAMESPACE};
use crate::called::{Called, Kind};
use crate::expected::ids_of;
use crate::model::same_vector;
use crate::scenario::Scenario;
use crate::watch::Watch;

impl Watch {
    pub fn before_a_write(&self, call: &Called, body: &Bytes) {
        let scenario = self.scenario();
        self.only_after_the_check(&scenario, call);
        match call.kind {
            Kind::Upsert => self.only_our_vectors(&scenario, body),
            Kind::Delete => self.only_what_vanished(&scenario, body),
            Kind::BulkPut => self.only_our_entries(&scenario, body),
            Kind::BulkDelete => self.only_needless_entries(&scenario, body),
            Kind::Make | Kind::Read => {}
            Kind::Unmake => {
                self.violation(format!("a run does not {} {}", call.method, call.what));
            }
        }
    }

    /// Only what the migration brought is taken away, and only what it replaced is
    /// put back.
    pub fn before_taking_back(&self, call: &Called, body: &Bytes) {
        let scenario = self.scenario();
        let before = &scenario.before;
        match call.kind {
            Kind::Upsert => {
                for id in vector_ids(body) {
                    if !before.vectors.contains_key(&id) || !scenario.ever_ours(&id) {
                        self.violation(format!("puts back {id:?}, which was not replaced"));
                    }
                }
            }
            Kind::Delete => {
                for id in deleted_ids(body) {
                    let ours = scenario.ever_ours(&id) && !before.vectors.contains_key(&id);
                    if !ours && !is_marker(&id) {
                        self.violation(format!(
                            "takes away {id:?}, which the migration did not bring"
                        ));
                    }
                }
            }
            Kind::Unmake if call.what.contains("indexes") && scenario.index_exists => {
                self.violation("takes away an index that was there before".to_owned());
            }
            Kind::Unmake if call.what.contains("namespaces") && !before.entries.is_empty() => {
                self.violation("takes away a namespace that was there before".to_owned());
            }
            Kind::Make => self.violation("makes something while taking back".to_owned()),
            Kind::Unmake | Kind::BulkPut | Kind::BulkDelete | Kind::Read => {}
        }
    }

    /// No write before every point was checked, and none at all where the run is
    /// to be refused.
    fn only_after_the_check(&self, scenario: &Scenario, call: &Called) {
        if let Some(refusal) = scenario.expected.refusal {
            self.violation(format!("{refusal}, and yet: {} {}", call.method, call.what));
        }
        if self.seen().stern {
            self.violation(format!(
                "not allowed, and yet: {} {}",
                call.method, call.what
            ));
        }
        if self.seen().checked {
            return;
        }
        let points = scenario.collection.points().count() as u64;
        let checked = checked_points(&self.ledger);
        if checked < points {
            self.violation(format!(
                "{} {} after {checked} of {points} points were checked",
                call.method, call.what
            ));
        }
        self.seen().checked = true;
    }

    /// Only records of ours, and none that the index holds as it is already.
    fn only_our_vectors(&self, scenario: &Scenario, body: &[u8]) {
        for id in vector_ids(body) {
            let Some(record) = scenario.expected.records.get(&id) else {
                self.violation(format!(
                    "upserts {id:?}, which is no record of this migration"
                ));
                continue;
            };
            let earlier = scenario.earlier.get(&id);
            if earlier.is_some_and(|earlier| same_vector(&earlier.vector, &record.vector)) {
                self.violation(format!("sends {id:?} again, which has not changed"));
            }
        }
    }

    /// Only what is to be deleted, and when no entry of ours names it any more.
    fn only_what_vanished(&self, scenario: &Scenario, body: &[u8]) {
        let entries = self.entries();
        for id in deleted_ids(body).into_iter().filter(|id| !is_marker(id)) {
            if !scenario.expected.deleted.contains(&id) {
                self.violation(format!("deletes {id:?}"));
            }
            let names = |key: &&String| {
                let ids = entries.get(*key).and_then(ids_of).unwrap_or_default();
                ids.contains(&id)
            };
            if let Some(key) = scenario.expected.files.keys().find(names) {
                self.violation(format!(
                    "deletes {id:?}, which the entry {key:?} still names"
                ));
            }
        }
    }

    fn entries(&self) -> BTreeMap<String, StoredEntry> {
        let namespaces = self.sandbox.namespaces().unwrap();
        let namespace = namespaces.into_iter().find(|(_, title)| title == NAMESPACE);
        namespace
            .map(|(id, _)| self.sandbox.entries(&id).unwrap())
            .unwrap_or_default()
    }

    /// Entries of our files only, with every id of others that exists, and none
    /// that names a vector that is not there.
    fn only_our_entries(&self, scenario: &Scenario, body: &[u8]) {
        let pairs: Vec<Pair> = serde_json::from_slice(body).unwrap();
        let held = self.sandbox.vectors(INDEX).unwrap();
        for Pair { key, value } in pairs {
            if key == scenario.count_key() {
                continue;
            }
            if !scenario.expected.files.contains_key(&key) {
                self.violation(format!(
                    "writes the entry {key:?}, which is of no file of this migration"
                ));
            }
            let ids: Vec<String> = serde_json::from_str(&value).unwrap_or_default();
            for id in ids.iter().filter(|id| !held.contains_key(*id)) {
                self.violation(format!(
                    "the entry {key:?} is to name {id:?}, which is not in the index"
                ));
            }
            let before = scenario.before.entries.get(&key).and_then(ids_of);
            for id in before.unwrap_or_default() {
                let theirs = scenario.before.vectors.contains_key(&id) && !scenario.ever_ours(&id);
                if theirs && !ids.contains(&id) {
                    self.violation(format!(
                        "the entry {key:?} is to lose {id:?}, which is not ours"
                    ));
                }
            }
        }
    }

    fn only_needless_entries(&self, scenario: &Scenario, body: &[u8]) {
        let keys: Vec<String> = serde_json::from_slice(body).unwrap();
        for key in keys {
            let stale = scenario.prune && scenario.expected.stale.contains(&key);
            if !stale && !scenario.expected.left.contains(&key) {
                self.violation(format!("deletes the entry {key:?}"));
            }
        }
    }
}

/// Deleting an id that nobody has is how a deletion is waited for.
fn is_marker(id: &str) -> bool {
    id.starts_with("cf-migrate-marker-")
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    value: String,
}

fn deleted_ids(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Ids {
        ids: Vec<String>,
    }
    serde_json::from_slice::<Ids>(body).unwrap().ids
}

fn checked_points(ledger: &std::path::Path) -> u64 {
    let ledger = rusqlite::Connection::open(ledger).unwrap();
    let points: i64 = ledger
        .query_row("SELECT points FROM checked", [], |row| row.get(0))
        .unwrap();
    u64::try_from(points).unwrap()
}

/// The ids of the vectors in an upsert's body.
pub fn vector_ids(body: &[u8]) -> Vec<String> {
    #[derive(Deserialize)]
    struct Line {
        id: String,
    }
    let lines = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice::<Line>(line).unwrap().id)
        .collect()
}
