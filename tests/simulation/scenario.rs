//! One simulated migration: what the source holds, what the account holds before,
//! and what the operator asks for. What must be there in the end is in
//! [`crate::expected`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cf_migrate::point::{Distance, PointName};
use cf_migrate::sandbox::{SandboxOptions, Unsettled};

use crate::account::{self, Held};
use crate::choices::Choices;
use crate::collection::{collection, evolve, taste};
use crate::dice::Dice;
use crate::expected::{Expected, TOO_MANY_VANISHED};
use crate::model::{Made, Rules};
use crate::points::Taste;
use crate::source::Collection;

/// Everything about one migration that does not change from start to start; a change
/// of the source makes another one of it.
#[derive(Clone)]
pub struct Scenario {
    pub taste: Taste,
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
    pub earlier_files: BTreeSet<String>,
    /// Every id that an earlier generation had a record of.
    pub earlier_ids: BTreeSet<String>,
    pub sandbox: SandboxOptions,
    pub expected: Expected,
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
            sandbox: account::sandbox(&mut dice.part()),
            expected: Expected::default(),
            choices,
            taste,
        };
        scenario.expect();
        if scenario.expected.records.values().all(|made| made.doubtful) {
            scenario.sandbox.unsettled = Unsettled::Lenient;
        }
        scenario.settle_doubts();
        scenario.before = account::before(&scenario, &mut dice.part());
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

    pub fn rules(&self) -> Rules<'_> {
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
}
