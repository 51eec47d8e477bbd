//! Whether what a process did, or left behind when it crashed, is as the model says.

use std::collections::BTreeMap;

use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use serde_json::Value;

use crate::binary::{INDEX, NAMESPACE};
use crate::model::same_vector;
use crate::play::Finding;
use crate::process::{Ended, Start, World};
use crate::scenario::Held;
use crate::watch::differing;

pub struct Judge<'a> {
    pub world: &'a World,
}

/// Things that are not as they should be.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn unless(&mut self, fine: bool, what: impl FnOnce() -> String) {
        if !fine {
            self.0.push(what());
        }
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, found: T, wanted: T) {
        self.unless(found == wanted, || {
            format!("{what}: {found:?} instead of {wanted:?}")
        });
    }

    fn none(&mut self, what: &str, found: Vec<String>) {
        let count = found.len();
        let shown = found.into_iter().take(4).collect::<Vec<_>>();
        self.unless(shown.is_empty(), || format!("{count} {what}: {shown:?}"));
    }

    fn conclude(mut self, ended: Option<&Ended>) -> Result<(), Finding> {
        if self.0.is_empty() {
            return Ok(());
        }
        if let Some(ended) = ended {
            self.0.push(format!(
                "{:?} {:#}\n{}",
                ended.error,
                ended.report,
                ended.said.join("\n")
            ));
        }
        Err(Finding { what: self.0 })
    }
}

impl Judge<'_> {
    /// Whether this start is to be refused because of what it does not allow.
    pub fn is_stern(&self, start: &Start) -> bool {
        let expected = &self.world.scenario.expected;
        let strict = start.allowed_rejects < expected.rejected.len() as u64;
        strict || !start.overwrite && expected.conflicts > 0
    }

    /// Whether this start can only be refused.
    fn is_refused(&self, start: &Start) -> bool {
        self.is_stern(start) || self.world.scenario.expected.refusal.is_some()
    }

    /// The exit code of a migration that comes to its end.
    fn good_code(&self) -> u64 {
        let scenario = &self.world.scenario;
        match scenario.expected.rejections() {
            _ if !scenario.expected.stale.is_empty() && !scenario.prune => 4,
            0 => 0,
            _ => 3,
        }
    }

    /// Whether some records may be otherwise in the end, as long as it is said:
    /// where the index altered them, or passed over a batch that only replaces.
    fn is_tolerant(&self) -> bool {
        let passed_over = || {
            self.world
                .sandbox
                .faults_met()
                .contains_key("never-applied")
        };
        let scenario = &self.world.scenario;
        scenario.altered || scenario.expected.conflicts > 0 && passed_over()
    }

    pub fn crashed(&self) -> Result<(), Finding> {
        let mut complaints = self.foreign();
        complaints.0.extend(self.world.watch.violations());
        complaints.conclude(None)
    }

    /// A start among faults: it may stop for what passes, and for nothing else.
    pub fn disturbed(&self, start: &Start, ended: &Ended) -> Result<(), Finding> {
        let mut complaints = self.foreign();
        complaints.0.extend(self.world.watch.violations());
        let code = ended.code();
        let passing = matches!(code, 5 | 6 | 130) || code == 1 && ended.disk_failed;
        let fine = match self.is_refused(start) {
            true => code == 7,
            false => code == self.good_code() || code == 4 && self.is_tolerant(),
        };
        complaints.unless(fine || passing, || {
            format!("a disturbed start ended with {code}")
        });
        if code == self.good_code() && !self.is_refused(start) && !self.is_tolerant() {
            complaints.0.extend(self.target().0);
            complaints.0.extend(self.report(ended).0);
        }
        complaints.conclude(Some(ended))
    }

    /// The last start.
    pub fn end(&self, start: &Start, ended: &Ended) -> Result<(), Finding> {
        let mut complaints = self.foreign();
        complaints.0.extend(self.world.watch.violations());
        complaints.equal("calls refused for too many", self.world.watch.limited(), 0);
        if self.is_refused(start) {
            complaints.equal(
                "exit code of a migration that must be refused",
                ended.code(),
                7,
            );
            complaints.0.extend(self.untouched().0);
            return complaints.conclude(Some(ended));
        }
        let different = self.different();
        if self.is_tolerant() && !different.is_empty() {
            complaints.equal("exit code where records differ", ended.code(), 4);
            let said = ended.number("/verification/values_different");
            complaints.equal(
                "records that differ, as verification says",
                said,
                different.len() as u64,
            );
            return complaints.conclude(Some(ended));
        }
        complaints.equal("exit code", ended.code(), self.good_code());
        complaints.0.extend(self.target().0);
        complaints.0.extend(self.report(ended).0);
        complaints.conclude(Some(ended))
    }

    /// The same command once more: nothing is sent.
    pub fn repetition(&self, start: &Start, ended: &Ended) -> Result<(), Finding> {
        self.end(start, ended)?;
        let mut complaints = Complaints::default();
        if ended.code() != 4 {
            complaints.equal("records sent again", ended.number("/points/settled"), 0);
            complaints.equal(
                "writes of a repeated run",
                self.world.watch.writes_of_this_start(),
                0,
            );
        }
        complaints.conclude(Some(ended))
    }

    /// A rollback among faults.
    pub fn disturbed_rollback(&self, ended: &Ended) -> Result<(), Finding> {
        let mut complaints = self.foreign();
        complaints.0.extend(self.world.watch.violations());
        let code = ended.code();
        let passing = matches!(code, 5 | 6 | 130) || code == 1 && ended.disk_failed;
        complaints.unless(passing || self.rollback_codes().contains(&code), || {
            format!("a disturbed rollback ended with {code}")
        });
        complaints.conclude(Some(ended))
    }

    /// How a rollback may end that comes to its end.
    fn rollback_codes(&self) -> Vec<u64> {
        let scenario = &self.world.scenario;
        let mut codes = vec![0];
        if scenario.expected.conflicts > 0 && !scenario.keep_overwritten {
            // What was replaced and not saved is lost.
            codes.push(4);
        }
        if !self.world.watch.wrote() {
            // There is nothing to take back.
            codes.push(7);
        }
        codes
    }

    /// The last rollback: everything is as it was.
    pub fn rolled_back(&self, ended: &Ended) -> Result<(), Finding> {
        let mut complaints = self.foreign();
        complaints.0.extend(self.world.watch.violations());
        let (scenario, held, code) = (&self.world.scenario, self.held(), ended.code());
        complaints.unless(self.rollback_codes().contains(&code), || {
            format!("a rollback ended with {code}")
        });
        let lost = |id: &String| {
            !scenario.keep_overwritten
                && scenario.expected.records.contains_key(id)
                && scenario.before.vectors.contains_key(id)
                && held.vectors.contains_key(id)
        };
        let mut wrong = differing(&held.vectors, &scenario.before.vectors, same_vector);
        let lost = wrong.extract_if(.., |id| lost(id)).count();
        complaints.none("vectors are not as they were", wrong);
        complaints.none(
            "entries are not as they were",
            differing(&held.entries, &scenario.before.entries, PartialEq::eq),
        );
        complaints.equal(
            "a rollback that lost something ends with 4",
            code == 4,
            lost > 0,
        );
        complaints.equal(
            "whether the index is there",
            self.world.sandbox.vectors(INDEX).is_ok(),
            scenario.index_exists,
        );
        complaints.equal(
            "whether the namespace is there",
            self.namespace().is_some(),
            !scenario.before.entries.is_empty(),
        );
        complaints.conclude(Some(ended))
    }

    fn namespace(&self) -> Option<String> {
        let namespaces = self.world.sandbox.namespaces().unwrap();
        let found = namespaces.into_iter().find(|(_, title)| title == NAMESPACE);
        found.map(|(id, _)| id)
    }

    fn held(&self) -> Held {
        let sandbox = &self.world.sandbox;
        let namespaces = sandbox.namespaces().unwrap();
        let namespace = namespaces.into_iter().find(|(_, title)| title == NAMESPACE);
        Held {
            vectors: sandbox.vectors(INDEX).unwrap_or_default(),
            entries: namespace
                .map(|(id, _)| sandbox.entries(&id).unwrap())
                .unwrap_or_default(),
        }
    }

    /// What is not ours must be as it was, at any moment.
    fn foreign(&self) -> Complaints {
        let mut complaints = Complaints::default();
        let (scenario, held) = (&self.world.scenario, self.held());
        let expected = &scenario.expected;
        for (id, vector) in &scenario.before.vectors {
            let ours = expected.records.contains_key(id) && scenario.overwrite;
            let same = held
                .vectors
                .get(id)
                .is_some_and(|now| same_vector(now, vector));
            complaints.unless(ours || same, || {
                format!("the foreign vector {id:?} was touched")
            });
        }
        let count = scenario.count_key.unwrap_or("_vector_count");
        for (key, entry) in &scenario.before.entries {
            let ours = scenario.file_index && (expected.files.contains_key(key) || key == count);
            let pruned = scenario.prune && expected.stale.contains(key);
            let same = held.entries.get(key) == Some(entry);
            complaints.unless(ours || pruned || same, || {
                format!("the foreign entry {key:?} was touched")
            });
        }
        complaints
    }

    fn untouched(&self) -> Complaints {
        let mut complaints = Complaints::default();
        let (before, held) = (&self.world.scenario.before, self.held());
        complaints.none(
            "vectors were touched",
            differing(&held.vectors, &before.vectors, same_vector),
        );
        complaints.none(
            "entries were touched",
            differing(&held.entries, &before.entries, PartialEq::eq),
        );
        complaints
    }

    fn different(&self) -> Vec<String> {
        let expected: &BTreeMap<String, StoredVector> = &self.world.scenario.expected.vectors;
        differing(&self.held().vectors, expected, same_vector)
    }

    /// Index and file index, as they must be in the end.
    fn target(&self) -> Complaints {
        let mut complaints = Complaints::default();
        complaints.none("vectors are not as they should be", self.different());
        let (scenario, held) = (&self.world.scenario, self.held());
        if !scenario.file_index {
            complaints.none(
                "entries were touched",
                differing(&held.entries, &scenario.before.entries, PartialEq::eq),
            );
            return complaints;
        }
        let mut wanted = scenario.before.entries.clone();
        if scenario.prune {
            wanted.retain(|key, _| !scenario.expected.stale.contains(key));
        }
        for (key, ids) in &scenario.expected.files {
            let value = Value::from(ids.clone()).to_string().into_bytes();
            self.replace(&mut wanted, key, value);
        }
        let count = scenario.expected.vectors.len().to_string().into_bytes();
        self.replace(
            &mut wanted,
            scenario.count_key.unwrap_or("_vector_count"),
            count,
        );
        let wrong = differing(&held.entries, &wanted, |now, wanted| {
            self.same_entry(now, wanted)
        });
        complaints.unless(wrong.is_empty(), || {
            let show = |entry: Option<&StoredEntry>| {
                entry.map(|entry| format!("{} {:?} {:?}", String::from_utf8_lossy(&entry.value), entry.expiration, entry.metadata))
            };
            let first = &wrong[0];
            format!("{} entries are not as they should be: {wrong:?}; the first is {:?} instead of {:?}", wrong.len(), show(held.entries.get(first)), show(wanted.get(first)))
        });
        complaints
    }

    /// An entry that is ours to write: others' metadata stays, and the expiry is as
    /// it was asked for.
    fn replace(&self, entries: &mut BTreeMap<String, StoredEntry>, key: &str, value: Vec<u8>) {
        let ttl = self.world.scenario.ttl;
        let there = entries.get(key);
        let as_it_was = there.is_some_and(|there| {
            let same = match (
                serde_json::from_slice::<Value>(&there.value),
                serde_json::from_slice::<Value>(&value),
            ) {
                (Ok(there), Ok(value)) => there == value,
                _ => false,
            };
            same && there.expiration.is_some() == ttl.is_some()
        });
        if as_it_was {
            return;
        }
        let entry = StoredEntry {
            value,
            // −1: some time after now, see `same_entry`.
            expiration: ttl.map(|_| -1),
            metadata: there.and_then(|there| there.metadata.clone()),
        };
        entries.insert(key.to_owned(), entry);
    }

    fn same_entry(&self, now: &StoredEntry, wanted: &StoredEntry) -> bool {
        let ttl = i64::try_from(self.world.scenario.ttl.unwrap_or(0)).unwrap();
        let seconds = i64::try_from(self.world.clock.wall_ms() / 1_000).unwrap();
        let expiry = match (now.expiration, wanted.expiration) {
            (Some(at), Some(-1)) => at > seconds && at <= seconds + ttl,
            (at, wanted) => at == wanted,
        };
        expiry && now.value == wanted.value && now.metadata == wanted.metadata
    }

    /// What the report says, and `rejected.ndjson`.
    fn report(&self, ended: &Ended) -> Complaints {
        let mut complaints = Complaints::default();
        let scenario = &self.world.scenario;
        let expected = &scenario.expected;
        let number = |name: &str| ended.number(&format!("/points/{name}"));
        let points = scenario.collection.current().len() as u64;
        complaints.equal("archived points", number("archived"), points);
        complaints.equal("points of the source", number("source"), points);
        complaints.equal("rejections", number("rejected"), expected.rejections());
        complaints.equal(
            "settled, unchanged and rejected points",
            number("settled") + number("unchanged") + number("rejected"),
            points,
        );
        complaints.equal(
            "foreign vectors",
            number("foreign"),
            expected.foreign(&scenario.before) as u64,
        );
        let stale = expected.stale.len() as u64;
        let verdict = ended.report["verification"]["verdict"]
            .as_str()
            .unwrap_or_default();
        complaints.equal(
            "verdict",
            verdict,
            if self.good_code() == 4 {
                "different"
            } else {
                "equal"
            },
        );
        if scenario.file_index {
            let entries = ended.number("/file_index/entries");
            complaints.equal("entries", entries, expected.files.len() as u64);
            let ids: usize = expected.files.values().map(Vec::len).sum();
            complaints.equal(
                "ids in entries",
                ended.number("/file_index/ids"),
                ids as u64,
            );
            if !scenario.prune {
                complaints.equal(
                    "stale entries",
                    ended.number("/verification/file_index_stale"),
                    stale,
                );
            }
        }
        complaints.equal(
            "rejected.ndjson",
            self.listed_rejections(),
            self.expected_rejections(),
        );
        complaints
    }

    fn expected_rejections(&self) -> Vec<(Option<String>, String, String)> {
        let expected = &self.world.scenario.expected;
        let checked = expected
            .rejected
            .iter()
            .map(|(name, reason)| (name, *reason));
        let refused = expected.refused.iter().map(|name| (name, "refused"));
        let mut all: Vec<_> = checked
            .chain(refused)
            .map(|(name, reason)| {
                (
                    name.namespace.clone(),
                    name.id.to_string(),
                    reason.to_owned(),
                )
            })
            .collect();
        all.sort();
        all
    }

    fn listed_rejections(&self) -> Vec<(Option<String>, String, String)> {
        let text =
            std::fs::read_to_string(self.world.folder.join("rejected.ndjson")).unwrap_or_default();
        let mut listed: Vec<_> = text
            .lines()
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let text = |name: &str| line[name].as_str().map(str::to_owned);
                let reason = match text("reason").unwrap().as_str() {
                    "refused_by_vectorize" | "refused_class" => "refused".to_owned(),
                    other => other.to_owned(),
                };
                (text("namespace"), text("source_id").unwrap(), reason)
            })
            .collect();
        listed.sort();
        listed
    }
}
