//! What the mapping changed over all points: counted as they are checked, kept
//! in the ledger, told to the operator and reported.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Error;
use crate::ledger::{ChangeCount, Ledger};
use crate::report::{CutFacts, FixedKeyFacts, MappingFacts};
use crate::stages::context::Migration;
use crate::transform::{Change, ChangeKind, Mapping, Note};

/// The most keys that one sentence names.
const NAMED: usize = 10;

/// The changes of the points that the ledger has not heard of yet.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<(ChangeKind, String), ChangeCount>);

impl Tally {
    /// Counts one point's changes, of which each names another thing.
    pub(super) fn add(&mut self, changes: Vec<Change>) {
        for change in changes {
            let key = (change.kind(), change.subject().to_owned());
            let count = self.0.entry(key).or_insert_with(|| ChangeCount {
                kind: change.kind().name().to_owned(),
                name: Some(change.subject().to_owned()),
                ..ChangeCount::default()
            });
            count.points += 1;
            count.bytes += change.bytes();
            count.most = count.most.max(change.bytes());
        }
    }

    /// What was counted.
    pub(super) fn into_counts(self) -> Vec<ChangeCount> {
        self.0.into_values().collect()
    }
}

/// What the mapping did to the checked points.
pub fn facts(ledger: &Ledger, mapping: &Mapping) -> Result<MappingFacts, Error> {
    let (mut facts, mut found) = (MappingFacts::default(), BTreeSet::new());
    for count in ledger.changes()? {
        let is = |kind: ChangeKind| count.kind == kind.name();
        match count.name {
            Some(key) if is(ChangeKind::KeyFixed) => facts.fixed_keys.push(FixedKeyFacts {
                becomes: mapping.fixed_key(&key),
                key,
                points: count.points,
            }),
            None if is(ChangeKind::KeyFixed) => facts.fixed_keys_more = count.points,
            Some(key) if is(ChangeKind::KeyFound) => drop(found.insert(key)),
            Some(_) if is(ChangeKind::Cut) => {
                facts.truncated = Some(CutFacts {
                    field: mapping.truncate.clone().unwrap_or_default(),
                    points: count.points,
                    bytes: count.bytes,
                    most_bytes: count.most,
                });
            }
            _ => {}
        }
    }
    for (name, count) in ledger.notes()? {
        if name == Note::IdHashed.name() {
            facts.hashed_ids = count;
        } else if name == Note::NullsDropped.name() {
            facts.nulls_dropped = count;
        }
    }
    // A hundred names are kept apart; beyond them nothing can be said to be absent.
    if ledger.totals()?.records > 0 && found.len() < crate::ledger::MAX_NAMES as usize {
        facts.keys_not_found = not_found(mapping, &found);
    }
    Ok(facts)
}

/// Keys that options name and no record's payload had.
fn not_found(mapping: &Mapping, found: &BTreeSet<String>) -> Vec<String> {
    let renamed = mapping.rename.iter().map(|rename| &rename.from);
    let renamed = renamed.map(|key| format!("--rename {key}"));
    let kept = mapping.keep.iter().map(|key| format!("--keep {key}"));
    let dropped = mapping.drop.iter().map(|key| format!("--drop {key}"));
    let named = renamed.chain(kept).chain(dropped);
    named.filter(|named| !found.contains(named)).collect()
}

/// Tells the operator.
pub(super) fn tell(migration: &Migration, facts: &MappingFacts) {
    if !facts.fixed_keys.is_empty() {
        migration.tell(format!("keys changed by --fix-keys: {}", fixed_keys(facts)));
    }
    if let Some(cut) = &facts.truncated {
        migration.tell(format!(
            "--truncate {} cut {} bytes in all, at most {} of a point ({})",
            cut.field,
            cut.bytes,
            cut.most_bytes,
            points(cut.points)
        ));
    }
    for key in &facts.keys_not_found {
        migration.warn(format!(
            "{key}: no point that became a record has this key; is it misspelt?"
        ));
    }
}

fn fixed_keys(facts: &MappingFacts) -> String {
    let named = facts.fixed_keys.iter().take(NAMED).map(|fixed| {
        format!(
            "{:?} is now {:?} ({})",
            fixed.key,
            fixed.becomes,
            points(fixed.points)
        )
    });
    let mut text = named.collect::<Vec<_>>().join(", ");
    let unnamed = facts.fixed_keys.len().saturating_sub(NAMED);
    if unnamed > 0 || facts.fixed_keys_more > 0 {
        let rest = match facts.fixed_keys_more {
            0 => format!("{unnamed} more"),
            _ => format!("more than {unnamed} more"),
        };
        text.push_str(&format!(", and {rest}; the report lists them"));
    }
    text
}

fn points(count: u64) -> String {
    match count {
        1 => "1 point".to_owned(),
        _ => format!("{count} points"),
    }
}
