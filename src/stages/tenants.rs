//! The report by namespace, where points have more than one: as each step does for
//! the whole, it is told what became of the points of each.

use std::collections::BTreeMap;

use crate::archive::Generation;
use crate::error::Error;
use crate::ledger::{Ledger, NamespaceTotals};
use crate::report::{MAX_NAMESPACES, NamespaceFacts, VerificationFacts};
use crate::stages::context::Migration;
use crate::transform::Mapping;

/// What is known once every point was checked; none where there is one namespace.
pub(super) fn checked(
    migration: &Migration,
    generation: &Generation,
    mapping: &Mapping,
) -> Result<Option<Vec<NamespaceFacts>>, Error> {
    let counted = counted(generation, mapping);
    let uncounted = |totals: &NamespaceTotals| !counted.contains_key(&totals.namespace);
    let totals = totals(&migration.ledger)?;
    let all = counted.len() + totals.iter().filter(|totals| uncounted(totals)).count();
    if all < 2 {
        return Ok(None);
    }
    let many = migration.ledger.count_namespaces()?.max(all as u64);
    if many > MAX_NAMESPACES as u64 {
        migration.tell(format!(
            "the report names {MAX_NAMESPACES} of {many} namespaces"
        ));
    }
    let unread = counted.iter().map(|(name, source)| {
        let facts = NamespaceFacts {
            name: name.clone(),
            source: Some(*source),
            ..NamespaceFacts::default()
        };
        (name.clone(), facts)
    });
    let mut facts: BTreeMap<Option<String>, NamespaceFacts> = unread.collect();
    for totals in totals {
        let row = facts.entry(totals.namespace.clone()).or_default();
        row.name = totals.namespace;
        row.archived = totals.records + totals.rejected;
        row.rejected = totals.rejected;
        row.unchanged = totals.settled;
    }
    Ok(Some(facts.into_values().take(MAX_NAMESPACES).collect()))
}

/// What the source counted, where its namespaces are those of the records.
fn counted(generation: &Generation, mapping: &Mapping) -> BTreeMap<Option<String>, u64> {
    if mapping.namespace.is_some() {
        return BTreeMap::new();
    }
    let namespaces = generation.manifest().namespaces.iter();
    let filled = namespaces.filter(|namespace| namespace.points > 0);
    filled
        .map(|namespace| (namespace.name.clone(), namespace.points))
        .collect()
}

fn totals(ledger: &Ledger) -> Result<Vec<NamespaceTotals>, Error> {
    ledger.namespaces(MAX_NAMESPACES)
}

/// What the index has applied by now beyond what it had at the start.
pub(super) fn written(
    migration: &Migration,
    facts: Option<&mut Vec<NamespaceFacts>>,
) -> Result<(), Error> {
    let Some(facts) = facts else {
        return Ok(());
    };
    let totals = totals(&migration.ledger)?;
    let totals: BTreeMap<&Option<String>, &NamespaceTotals> = totals
        .iter()
        .map(|totals| (&totals.namespace, totals))
        .collect();
    for row in facts {
        // What Vectorize refused is rejected by now.
        let Some(totals) = totals.get(&row.name) else {
            continue;
        };
        row.rejected = totals.rejected;
        row.unchanged = row.unchanged.min(totals.records);
        row.settled = totals.records - row.unchanged;
        row.archived = totals.records + totals.rejected;
    }
    Ok(())
}

/// What verification found.
pub(super) fn verified(facts: Option<&mut Vec<NamespaceFacts>>, found: &VerificationFacts) {
    for row in facts.into_iter().flatten() {
        if let Some(found) = found.namespaces.get(&row.name) {
            row.missing = found.missing;
            row.values_sampled = found.values_sampled;
            row.values_different = found.values_different;
        }
    }
}

/// Whoever wrote them: records that were found as they should be.
pub(super) fn found_unchanged(facts: Option<&mut Vec<NamespaceFacts>>) {
    for row in facts.into_iter().flatten() {
        let records = row.archived - row.rejected;
        row.unchanged = records.saturating_sub(row.missing + row.values_different);
    }
}
