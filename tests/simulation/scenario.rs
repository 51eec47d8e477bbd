//! One simulated migration: what the source holds, what the account holds before,
//! what the operator asks for, and what must be there in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cf_migrate::point::{DenseField, Distance, Point, PointName, Shape};
use cf_migrate::sandbox::inspect::{StoredEntry, StoredVector};
use cf_migrate::sandbox::{Budget, SandboxOptions, Unsettled};
use cf_migrate::source::SourceFacts;
use serde_json::{Value, json};

use crate::choices::Choices;
use crate::dice::Dice;
use crate::model::{Made, Rules};
use crate::points::{self, IdStyle, Taste};
use crate::source::{self, Collection};

/// Everything about one migration that does not change from start to start; a change
/// of the source makes another one of it.
#[derive(Clone)]
pub struct Scenario {
    taste: Taste,
    pub collection: Arc<Collection>,
    pub choices: Choices,
    pub file_index: bool,
    pub ttl: Option<u64>,
    pub count_key: Option<&'static str>,
    pub prune: bool,
    /// Whether ids that are in the index already may be replaced.
    pub overwrite: bool,
    /// Whether what they replace is saved before.
    pub keep_overwritten: bool,
    /// Whether every record is compared in the end.
    pub whole_sample: bool,
    /// Whether the index alters a number now and then.
    pub altered: bool,
    /// The dimensions of the index.
    pub dimensions: usize,
    pub metric: Distance,
    /// Whether the index is there before.
    pub index_exists: bool,
    /// What the account held before anything.
    pub before: Held,
    /// What it holds when this generation begins.
    pub base: Held,
    /// What earlier generations brought there and is there still, by id.
    pub earlier: BTreeMap<String, Made>,
    /// The keys of files that earlier generations had.
    earlier_files: BTreeSet<String>,
    /// Every id that an earlier generation had a record of.
    earlier_ids: BTreeSet<String>,
    pub sandbox: SandboxOptions,
    pub expected: Expected,
}

/// What an account holds.
#[derive(Debug, Clone, Default)]
pub struct Held {
    pub vectors: BTreeMap<String, StoredVector>,
    pub entries: BTreeMap<String, StoredEntry>,
}

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
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let mut choices = Choices::random(&mut dice.part());
        let metric = dice.weighted(&[
            (4, Distance::Cosine),
            (1, Distance::Euclid),
            (1, Distance::Dot),
        ]);
        let taste = taste(&mut choices, &mut dice.part());
        let collection = collection(&taste, metric, &mut dice.part());
        let file_index = dice.chance(0.75);
        let knows_its_keys = choices.file_key.starts_with("file:");
        let mut scenario = Self {
            collection: Arc::new(collection),
            file_index,
            ttl: dice.chance(0.15).then(|| dice.between(200, 400) * 86_400),
            count_key: dice.chance(0.1).then_some("vectors in docs"),
            prune: file_index && knows_its_keys && dice.chance(0.3),
            overwrite: dice.chance(0.85),
            keep_overwritten: dice.chance(0.6),
            whole_sample: dice.chance(0.7),
            altered: dice.chance(0.04),
            dimensions: choices.dims.unwrap_or(taste.dimensions[taste.chosen]),
            metric,
            index_exists: dice.chance(0.6),
            before: Held::default(),
            base: Held::default(),
            earlier: BTreeMap::new(),
            earlier_files: BTreeSet::new(),
            earlier_ids: BTreeSet::new(),
            sandbox: sandbox(&mut dice.part()),
            expected: Expected::default(),
            choices,
            taste,
        };
        scenario.expect();
        if scenario.expected.records.values().all(|made| made.doubtful) {
            scenario.sandbox.unsettled = Unsettled::Lenient;
        }
        scenario.settle_doubts();
        scenario.before = before(&scenario, &mut dice.part());
        scenario.base = scenario.before.clone();
        scenario.conclude();
        // What verification says of differences is then exact.
        scenario.whole_sample |= scenario.altered || scenario.expected.conflicts > 0;
        scenario
    }

    /// The same migration once the source has changed; none where nothing can be
    /// expected of it.
    pub fn changed(&self, dice: &mut Dice) -> Option<Self> {
        let mut next = self.clone();
        next.collection = Arc::new(evolve(&self.collection, &self.taste, dice));
        next.base = Held {
            vectors: self.expected.vectors.clone(),
            entries: self.expected.entries.clone(),
        };
        next.earlier
            .retain(|id, _| !self.expected.deleted.contains(id));
        let written = self.expected.written();
        next.earlier
            .extend(written.map(|(id, made)| (id.clone(), made.clone())));
        next.earlier_ids
            .extend(self.expected.records.keys().cloned());
        next.earlier_files
            .extend(self.expected.files.keys().cloned());
        // What verification says of differences is then exact.
        next.whole_sample = true;
        next.expect();
        next.settle_doubts();
        next.conclude();
        let ends = |refusal| matches!(refusal, None | Some(TOO_MANY_VANISHED));
        (ends(next.expected.refusal) && next.is_plain()).then_some(next)
    }

    /// Whether no entry of a former file has to go that others wrote as it is.
    fn is_plain(&self) -> bool {
        self.prune
            || self
                .expected
                .left
                .iter()
                .all(|key| self.before.entries.get(key) != self.base.entries.get(key))
    }

    pub fn count_key(&self) -> &'static str {
        self.count_key.unwrap_or("_vector_count")
    }

    /// Whether any generation had a record of this id.
    pub fn ever_ours(&self, id: &str) -> bool {
        self.expected.records.contains_key(id) || self.earlier_ids.contains(id)
    }

    /// Whether the entry of this key is ours to write, or once was.
    pub fn is_our_key(&self, key: &str) -> bool {
        self.file_index
            && (self.expected.files.contains_key(key)
                || self.earlier_files.contains(key)
                || key == self.count_key())
    }

    /// Vectors of the index that are not ours in the end.
    pub fn foreign(&self) -> usize {
        let written: BTreeSet<&String> = self.expected.written().map(|(id, _)| id).collect();
        let theirs = |id: &&String| !written.contains(id) && !self.earlier.contains_key(*id);
        self.before.vectors.keys().filter(theirs).count()
    }

    fn rules(&self) -> Rules<'_> {
        Rules {
            choices: &self.choices,
            chosen: self.taste.chosen,
            length: self.taste.dimensions[self.taste.chosen],
            cosine: self.metric == Distance::Cosine,
            file_index: self.file_index,
        }
    }

    fn expect(&mut self) {
        let mut expected = Expected::default();
        expected.check(&self.rules(), &self.collection);
        self.expected = expected;
    }

    /// What the service will refuse, where it is strict.
    fn settle_doubts(&mut self) {
        let records = self.expected.records.values();
        if self.sandbox.unsettled == Unsettled::Lenient {
            return;
        }
        let refused: Vec<&Made> = records.filter(|made| made.doubtful).collect();
        let ids = refused.iter().map(|made| made.id.clone()).collect();
        let mut names: Vec<PointName> = refused.iter().map(|made| made.source.clone()).collect();
        names.sort();
        self.expected.refused = names;
        self.expected.refused_ids = ids;
    }

    fn conclude(&mut self) {
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

const TOO_MANY_VANISHED: &str = "more than half has vanished";

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
    fn check(&mut self, rules: &Rules<'_>, collection: &Collection) {
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
    fn checked_files(&self) -> BTreeSet<String> {
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

fn taste(choices: &mut Choices, dice: &mut Dice) -> Taste {
    let target = dice.weighted(&[(8, 32_usize), (3, 33), (2, 64), (1, 1_536)]);
    let length = match dice.chance(0.25) {
        true => target + dice.index(60) + 1,
        false => target,
    };
    if length != target || dice.chance(0.05) {
        choices.dims = Some(target);
    }
    let others = dice.weighted(&[(6, 0_usize), (1, 1), (1, 2)]);
    let mut dimensions = vec![length; 1 + others];
    let chosen = dice.index(dimensions.len());
    for (position, other) in dimensions.iter_mut().enumerate() {
        if position != chosen {
            *other = 3 + position;
        }
    }
    if others > 0 {
        choices.vector = Some(format!("v{chosen}"));
    }
    Taste {
        dimensions,
        chosen,
        sparse: usize::from(dice.chance(0.1)),
        data: dice.chance(0.15),
        odd: dice.weighted(&[(4, 0.0), (3, 0.03), (2, 0.3)]),
        doubtful: dice.weighted(&[(5, 0.0), (2, 0.05), (1, 0.4)]),
        files: dice.scale(60),
        file_field: if choices.rename { "doc" } else { "file_id" },
        ids: *dice.pick(&[
            IdStyle::Integers,
            IdStyle::Uuids,
            IdStyle::Texts,
            IdStyle::Mixed,
        ]),
    }
}

/// The collection some time later: points have changed, come and gone.
fn evolve(collection: &Collection, taste: &Taste, dice: &mut Dice) -> Collection {
    let [changed, gone, new, moved] = match dice.index(4) {
        0 => [0.0; 4],
        1 => [0.05, 0.02, 0.05, 0.01],
        2 => [0.3, 0.1, 0.2, 0.05],
        _ => [0.5, dice.between(0, 8) as f64 / 10.0, 0.3, 0.2],
    };
    let mut lanes = Vec::new();
    for (name, points) in &collection.lanes {
        let mut later = Vec::new();
        for point in points {
            if dice.chance(gone) {
                continue;
            }
            let mut point = point.clone();
            if dice.chance(changed) {
                point
                    .payload
                    .insert("title".to_owned(), points::words(dice).into());
            }
            if dice.chance(changed / 3.0) {
                point.dense[taste.chosen] =
                    Some(points::vector(taste.dimensions[taste.chosen], dice));
            }
            if dice.chance(moved) {
                let file = points::file_id(dice.between(0, taste.files));
                point.payload.insert(taste.file_field.to_owned(), file);
            }
            later.push(point);
        }
        for _ in 0..points.len() {
            if dice.chance(new) {
                let number = 1_000 + dice.between(0, 1_000_000);
                later.push(points::point(number, name.as_deref(), taste, dice));
            }
        }
        lanes.push((name.clone(), later));
    }
    if !collection.may_repeat {
        // An id is there once.
        for (_, points) in &mut lanes {
            let mut known = BTreeSet::new();
            points.retain(|point| known.insert(point.name()));
        }
    }
    Collection {
        facts: collection.facts.clone(),
        lanes,
        ..*collection
    }
}

fn collection(taste: &Taste, metric: Distance, dice: &mut Dice) -> Collection {
    let most = if taste.dimensions[taste.chosen] > 1_000 {
        12
    } else {
        400
    };
    let size = if dice.chance(0.01) {
        0
    } else {
        dice.scale(most)
    };
    let laned = dice.chance(0.35);
    let may_repeat = dice.chance(0.2);
    let doubled = !laned && !may_repeat && dice.chance(0.1);
    let mut lanes = empty_lanes(laned, dice);
    for number in 0..size {
        let lane = dice.index(lanes.len());
        let namespace = match laned {
            true => lanes[lane].0.clone(),
            false => flat_namespace(dice),
        };
        // Ids need not be unique beyond their namespace.
        let number = if lanes.len() > 1 && dice.chance(0.02) {
            number / 2
        } else {
            number
        };
        let point = points::point(number, namespace.as_deref(), taste, dice);
        push(&mut lanes[lane].1, point, may_repeat || doubled, dice);
    }
    if laned && !may_repeat {
        // A namespace holds an id once.
        for (_, points) in &mut lanes {
            let mut known = BTreeSet::new();
            points.retain(|point| known.insert(point.name()));
        }
    }
    Collection {
        facts: facts(taste, metric),
        laned,
        counts_by_namespace: laned && dice.chance(0.5),
        may_repeat,
        fetches: !has_doubles(&lanes, may_repeat) && dice.chance(0.8),
        pinned: !laned && dice.chance(0.3),
        sealed_points: dice.chance(0.5).then(|| dice.scale(100)),
        lanes,
    }
}

/// A point, and sometimes one of those before it again.
fn push(points: &mut Vec<Point>, point: Point, repeats: bool, dice: &mut Dice) {
    if repeats && !points.is_empty() && dice.chance(0.05) {
        let earlier = points[dice.index(points.len())].clone();
        points.push(source::repeat(&earlier, dice));
    }
    points.push(point);
}

fn has_doubles(lanes: &[(Option<String>, Vec<Point>)], may_repeat: bool) -> bool {
    let points: Vec<&Point> = lanes.iter().flat_map(|(_, points)| points).collect();
    let names: BTreeSet<PointName> = points.iter().map(|point| point.name()).collect();
    !may_repeat && names.len() < points.len()
}

fn empty_lanes(laned: bool, dice: &mut Dice) -> Vec<(Option<String>, Vec<Point>)> {
    if !laned {
        return vec![(None, Vec::new())];
    }
    let mut names = vec![None, Some("a".to_owned()), Some("ß b".to_owned())];
    names.extend((0..dice.index(4)).map(|number| Some(format!("tenant-{number}"))));
    if dice.chance(0.1) {
        names.push(Some("x".repeat(65)));
    }
    let begin = dice.index(names.len());
    let names = names.split_off(begin);
    names.into_iter().map(|name| (name, Vec::new())).collect()
}

fn flat_namespace(dice: &mut Dice) -> Option<String> {
    match dice.index(300) {
        0 => Some(String::new()),
        1 => Some("n".repeat(64)),
        2 => Some("ü".repeat(33)),
        _ => None,
    }
}

fn facts(taste: &Taste, metric: Distance) -> SourceFacts {
    let single = taste.dimensions.len() == 1;
    let fields = taste
        .dimensions
        .iter()
        .enumerate()
        .map(|(position, length)| DenseField {
            name: if single {
                String::new()
            } else {
                format!("v{position}")
            },
            dimensions: *length,
            distance: Some(metric),
        });
    SourceFacts {
        name: "simulated:points".to_owned(),
        identity: "the first".to_owned(),
        shape: Shape {
            dense: fields.collect(),
            sparse: (0..taste.sparse)
                .map(|number| format!("s{number}"))
                .collect(),
            data: taste.data,
        },
        warnings: Vec::new(),
    }
}

fn sandbox(dice: &mut Dice) -> SandboxOptions {
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
fn before(scenario: &Scenario, dice: &mut Dice) -> Held {
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
