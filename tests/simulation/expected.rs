//! What the model says of a scenario: which points become records, what the index and
//! every entry of KV hold in the end, or why nothing may be written.

use std::collections::{BTreeMap, BTreeSet};

use cf_migrate::point::PointName;
use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use serde_json::Value;

use crate::account::Held;
use crate::model::{Made, Rules};
use crate::scenario::Scenario;
use crate::source::Collection;

/// What the model says.
#[derive(Debug, Default, Clone)]
pub struct Expected {
    /// Records that pass the check, by id.
    pub records: BTreeMap<String, Made>,
    /// Points that do not, sorted, each with the reason.
    pub rejected: Vec<(PointName, &'static str)>,
    /// Points whose records the service refuses, sorted.
    pub refused: Vec<PointName>,
    /// The ids of those.
    pub refused_ids: BTreeSet<String>,
    /// Ids to be written that are there before.
    pub conflicts: usize,
    /// Why nothing may be written at all.
    pub refusal: Option<&'static str>,
    /// The index in the end.
    pub vectors: BTreeMap<String, StoredVector>,
    /// Ids that vanished from the source and are to be deleted.
    pub deleted: BTreeSet<String>,
    /// The ids of every entry in the end that is ours to write, by key.
    pub files: BTreeMap<String, Vec<String>>,
    /// How many of those are of files that there are now.
    pub current_files: usize,
    /// And how many ids those name.
    pub current_ids: usize,
    /// Entries of former files of which nothing is left.
    pub left: BTreeSet<String>,
    /// All entries in the end; −1 as an expiration is some time after now.
    pub entries: BTreeMap<String, StoredEntry>,
    /// Entries that name nothing that exists.
    pub stale: BTreeSet<String>,
}

impl Expected {
    /// Points that no record is of, in the end.
    pub fn rejections(&self) -> u64 {
        (self.rejected.len() + self.refused.len()) as u64
    }

    /// Records that are in the index in the end.
    pub fn written(&self) -> impl Iterator<Item = (&String, &Made)> {
        self.records
            .iter()
            .filter(|(id, _)| !self.refused_ids.contains(*id))
    }
}

impl Scenario {
    /// Concludes what must be there in the end.
    pub fn conclude(&mut self) {
        let mut expected = std::mem::take(&mut self.expected);
        let new = expected
            .records
            .keys()
            .filter(|id| !self.earlier.contains_key(*id));
        let conflicting = new.filter(|id| self.before.vectors.contains_key(*id));
        expected.conflicts = conflicting.count();
        expected.deleted = self.deleted(&expected);
        expected.vectors = self.base.vectors.clone();
        expected
            .vectors
            .retain(|id, _| !expected.deleted.contains(id));
        let written: Vec<_> = expected
            .written()
            .map(|(id, made)| (id.clone(), made.vector.clone()))
            .collect();
        expected.vectors.extend(written);
        expected.entries = self.base.entries.clone();
        if self.file_index {
            self.file(&mut expected);
        }
        expected.refusal = self.refusal(&expected);
        self.expected = expected;
    }

    /// What vanished and nothing keeps: nothing at all where a rejected point does not
    /// tell which record it once was.
    fn deleted(&self, expected: &Expected) -> BTreeSet<String> {
        let rules = self.rules();
        let current = self.collection.current();
        let rejected: BTreeSet<&PointName> =
            expected.rejected.iter().map(|(name, _)| name).collect();
        let rejected = current
            .into_iter()
            .filter(|point| rejected.contains(&point.name()));
        let ids: Option<BTreeSet<String>> = rejected.map(|point| rules.id_of(point)).collect();
        let Some(kept) = ids.filter(|_| self.prune) else {
            return BTreeSet::new();
        };
        let vanished = self
            .earlier
            .keys()
            .filter(|id| !expected.records.contains_key(*id));
        vanished
            .filter(|id| !kept.contains(*id) && !self.before.vectors.contains_key(*id))
            .cloned()
            .collect()
    }

    /// The file index in the end.
    fn file(&self, expected: &mut Expected) {
        expected.files = files(expected, &self.base);
        expected.current_files = expected.files.len();
        expected.current_ids = expected.files.values().map(Vec::len).sum();
        self.former_files(expected);
        if self.choices.file_key.starts_with("file:") {
            expected.stale = stale(expected, &self.base);
        }
        let mut entries = std::mem::take(&mut expected.entries);
        entries.retain(|key, _| !expected.left.contains(key));
        if self.prune {
            entries.retain(|key, _| !expected.stale.contains(key));
        }
        for (key, ids) in &expected.files {
            let value = Value::from(ids.clone()).to_string().into_bytes();
            replace(&mut entries, key, value, self.ttl);
        }
        let count = expected.vectors.len().to_string().into_bytes();
        replace(&mut entries, self.count_key(), count, self.ttl);
        expected.entries = entries;
    }

    /// What is left of the entries of files that there are no longer: ids that exist
    /// and belong to no other file.
    fn former_files(&self, expected: &mut Expected) {
        let filed: BTreeSet<String> = expected
            .written()
            .filter(|(_, made)| made.file.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        for key in &self.earlier_files {
            let there = self.base.entries.get(key).and_then(ids_of);
            let Some(there) = there.filter(|_| !expected.files.contains_key(key)) else {
                continue;
            };
            let stays = |id: &&String| !filed.contains(*id) && expected.vectors.contains_key(*id);
            let left: Vec<String> = there.iter().filter(stays).cloned().collect();
            if left.is_empty() && !there.is_empty() {
                expected.left.insert(key.clone());
            } else if left != there {
                expected.files.insert(key.clone(), left);
            }
        }
    }

    fn refusal(&self, expected: &Expected) -> Option<&'static str> {
        let unreadable = expected.checked_files().into_iter().any(|key| {
            let entry = self.base.entries.get(&key);
            entry.is_some_and(|entry| ids_of(entry).is_none())
        });
        if self.collection.current().is_empty() {
            Some("no points")
        } else if expected.records.is_empty() {
            Some("no records")
        } else if self.file_index && unreadable {
            Some("an entry that is no list")
        } else if expected.conflicts > 0 && !self.overwrite {
            Some("ids that are there")
        } else if expected.deleted.len() > self.earlier.len() / 2 {
            Some(TOO_MANY_VANISHED)
        } else {
            None
        }
    }
}

pub const TOO_MANY_VANISHED: &str = "more than half has vanished";

/// An entry that is ours to write: others' metadata stays, and the expiry is as it
/// was asked for.
fn replace(
    entries: &mut BTreeMap<String, StoredEntry>,
    key: &str,
    value: Vec<u8>,
    ttl: Option<u64>,
) {
    let there = entries.get(key);
    let json = |value: &[u8]| serde_json::from_slice::<Value>(value).ok();
    let as_it_was = there.is_some_and(|there| {
        let same = json(&there.value).is_some() && json(&there.value) == json(&value);
        same && there.expiration.is_some() == ttl.is_some()
    });
    if as_it_was {
        return;
    }
    let entry = StoredEntry {
        value,
        expiration: ttl.map(|_| -1),
        metadata: there.and_then(|there| there.metadata.clone()),
    };
    entries.insert(key.to_owned(), entry);
}

impl Expected {
    pub fn check(&mut self, rules: &Rules<'_>, collection: &Collection) {
        let mut made: BTreeMap<String, Vec<(PointName, Made)>> = BTreeMap::new();
        for point in collection.current() {
            match rules.make(point) {
                Ok(record) => made
                    .entry(record.id.clone())
                    .or_default()
                    .push((point.name(), record)),
                Err(reason) => self.rejected.push((point.name(), reason)),
            }
        }
        for (id, mut points) in made {
            match points.len() {
                1 => drop(self.records.insert(id, points.remove(0).1)),
                _ => self
                    .rejected
                    .extend(points.into_iter().map(|(name, _)| (name, "collision"))),
            }
        }
        self.rejected.sort();
    }

    /// The keys of the files of all records that pass the check.
    pub fn checked_files(&self) -> BTreeSet<String> {
        self.records
            .values()
            .filter_map(|made| made.file.clone())
            .collect()
    }
}

/// The ids that an entry names; none where it is no list of them.
pub fn ids_of(entry: &StoredEntry) -> Option<Vec<String>> {
    serde_json::from_slice(&entry.value).ok()
}

/// Our ids in chunk order, then those of others that exist and were there.
fn files(expected: &Expected, before: &Held) -> BTreeMap<String, Vec<String>> {
    let mut files: BTreeMap<String, Vec<&Made>> = BTreeMap::new();
    for (_, made) in expected.written() {
        if let Some(key) = &made.file {
            files.entry(key.clone()).or_default().push(made);
        }
    }
    let filed: BTreeSet<&str> = files
        .values()
        .flatten()
        .map(|made| made.id.as_str())
        .collect();
    let merged = files.iter().map(|(key, chunks)| {
        let mut chunks = chunks.clone();
        chunks.sort_by(|one, other| {
            let ((a, b, c), (x, y, z)) = (one.order.key(), other.order.key());
            (a.cmp(&x))
                .then(b.total_cmp(&y))
                .then(c.cmp(z))
                .then(one.id.cmp(&other.id))
        });
        let mut ids: Vec<String> = chunks.iter().map(|made| made.id.clone()).collect();
        let there = before.entries.get(key).and_then(ids_of).unwrap_or_default();
        let kept = |id: &String| !filed.contains(id.as_str()) && expected.vectors.contains_key(id);
        ids.extend(there.into_iter().filter(kept));
        (key.clone(), ids)
    });
    merged.collect()
}

fn stale(expected: &Expected, before: &Held) -> BTreeSet<String> {
    let strangers = before
        .entries
        .iter()
        .filter(|(key, _)| !expected.files.contains_key(*key));
    strangers
        .filter(|(key, _)| key.starts_with("file:"))
        .filter(|(_, entry)| {
            let ids = ids_of(entry).unwrap_or_default();
            !ids.is_empty() && !ids.iter().any(|id| expected.vectors.contains_key(id))
        })
        .map(|(key, _)| key.clone())
        .collect()
}
