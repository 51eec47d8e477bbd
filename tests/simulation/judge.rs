//! Whether what a process did, or left behind when it crashed, is as the model says.

use std::collections::BTreeMap;

use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use serde_json::Value;

use crate::account::Held;
use crate::binary::{INDEX, NAMESPACE};
use crate::complaints::Complaints;
use crate::model::same_vector;
use crate::play::Finding;
use crate::process::{Ended, Start, World};
use crate::watch::differing;

pub struct Judge<'a> {
    pub world: &'a World,
}

impl Judge<'_> {
    /// Whether this start is to be refused because of what it does not allow. What an
    /// earlier one was allowed to do, and may have begun, is gone on with.
    pub fn is_stern(&self, start: &Start) -> bool {
        let expected = &self.world.scenario.expected;
        let strict = start.allowed_rejects < expected.rejected.len() as u64;
        let refused = strict || !start.overwrite && expected.conflicts > 0;
        refused && !self.world.has_batches()
    }

    /// Whether the start that was begun last can only be refused.
    fn is_refused(&self) -> bool {
        self.world.watch.is_stern() || self.world.scenario.expected.refusal.is_some()
    }

    /// The exit code of a migration that comes to its end.
    pub fn good_code(&self) -> u64 {
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
        let replaces = scenario.expected.conflicts > 0 || !scenario.earlier.is_empty();
        scenario.altered || replaces && passed_over()
    }

    pub fn crashed(&self) -> Result<(), Finding> {
        let mut complaints = self.foreign();
        complaints.0.extend(self.world.watch.violations());
        complaints.conclude(None)
    }

    /// A start among faults: it may stop for what passes, and for nothing else.
    pub fn disturbed(&self, ended: &Ended) -> Result<(), Finding> {
        let mut complaints = self.foreign();
        complaints.0.extend(self.world.watch.violations());
        let code = ended.code();
        let passing = matches!(code, 5 | 6 | 130) || code == 1 && ended.disk_failed;
        let fine = match self.is_refused() {
            true => code == 7,
            false => code == self.good_code() || code == 4 && self.is_tolerant(),
        };
        complaints.unless(fine || passing, || {
            format!("a disturbed start ended with {code}")
        });
        if code == self.good_code() && !self.is_refused() && !self.is_tolerant() {
            complaints.0.extend(self.target().0);
            complaints.0.extend(self.report(ended).0);
        }
        complaints.conclude(Some(ended))
    }

    /// The last start.
    pub fn end(&self, ended: &Ended) -> Result<(), Finding> {
        let mut complaints = self.foreign();
        complaints.0.extend(self.world.watch.violations());
        complaints.equal("calls refused for too many", self.world.watch.limited(), 0);
        if self.is_refused() {
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
    pub fn repetition(&self, ended: &Ended) -> Result<(), Finding> {
        self.end(ended)?;
        let mut complaints = Complaints::default();
        // What the service refused is offered to it again.
        if ended.code() != 4 && self.world.scenario.expected.refused.is_empty() {
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
        let mut replaced = scenario.before.vectors.keys();
        let replaces = replaced.any(|id| scenario.ever_ours(id));
        if replaces && !scenario.keep_overwritten {
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
                && scenario.ever_ours(id)
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
        let told = self.never_replaced(ended, &held);
        complaints.equal(
            "a rollback that lost something, or cannot tell, ends with 4",
            code == 4,
            lost > 0 || told,
        );
        // What was made in the moment of a crash is not known to be ours, and stays.
        let unknown = self.world.watch.stumbled();
        let index = self.world.sandbox.vectors(INDEX).is_ok();
        let fine = index == scenario.index_exists || index && unknown;
        complaints.unless(fine, || format!("whether the index is there: {index}"));
        let (namespace, before) = (
            self.namespace().is_some(),
            !scenario.before.entries.is_empty(),
        );
        let fine = namespace == before || namespace && unknown;
        complaints.unless(fine, || {
            format!("whether the namespace is there: {namespace}")
        });
        complaints.conclude(Some(ended))
    }

    /// Whether the index passed over a replacement, which is told as a change: the old
    /// value was not saved, so nobody knows that it is there.
    fn never_replaced(&self, ended: &Ended, held: &Held) -> bool {
        let scenario = &self.world.scenario;
        let told = ended
            .report
            .pointer("/rollback/findings/overwritten_changed/count")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        let as_before = scenario.before.vectors.iter().filter(|(id, before)| {
            let now = held.vectors.get(*id);
            scenario.ever_ours(id) && now.is_some_and(|now| same_vector(now, before))
        });
        self.is_tolerant()
            && !scenario.keep_overwritten
            && (1..=as_before.count() as u64).contains(&told)
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
            let ours = scenario.ever_ours(id) && scenario.overwrite;
            let same = held
                .vectors
                .get(id)
                .is_some_and(|now| same_vector(now, vector));
            complaints.unless(ours || same, || {
                format!("the foreign vector {id:?} was touched")
            });
        }
        for (key, entry) in &scenario.before.entries {
            let ours = scenario.is_our_key(key);
            // An earlier generation may have removed it.
            let removed = !scenario.base.entries.contains_key(key);
            let pruned = scenario.prune && (removed || expected.stale.contains(key));
            let same = held.entries.get(key) == Some(entry);
            complaints.unless(ours || pruned || same, || {
                format!("the foreign entry {key:?} was touched")
            });
        }
        complaints
    }

    fn untouched(&self) -> Complaints {
        let mut complaints = Complaints::default();
        let (base, held) = (&self.world.scenario.base, self.held());
        let vectors = differing(&held.vectors, &base.vectors, same_vector);
        complaints.none("vectors were touched", vectors);
        let same = |now: &StoredEntry, wanted: &StoredEntry| self.same_entry(now, wanted);
        let entries = differing(&held.entries, &base.entries, same);
        complaints.none("entries were touched", entries);
        complaints
    }

    /// Records that are not in the index as they should be.
    pub fn different(&self) -> Vec<String> {
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
        let wanted = &scenario.expected.entries;
        let wrong = differing(&held.entries, wanted, |now, wanted| {
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

    fn same_entry(&self, now: &StoredEntry, wanted: &StoredEntry) -> bool {
        let ttl = i64::try_from(self.world.scenario.ttl.unwrap_or(0)).unwrap();
        let seconds = i64::try_from(self.world.clock.wall_ms() / 1_000).unwrap();
        let expiry = match (now.expiration, wanted.expiration) {
            (Some(at), Some(-1)) => at > seconds && at <= seconds + ttl,
            (at, wanted) => at == wanted,
        };
        expiry && now.value == wanted.value && now.metadata == wanted.metadata
    }
}
