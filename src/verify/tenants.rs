//! That every namespace is in the sample: a few large ones would otherwise hide
//! what happened to a small one.

use std::collections::{BTreeMap, HashMap, HashSet};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::Depth;
use crate::error::Error;
use crate::ledger::RecordRow;
use crate::stages::context::Migration;

/// Records of each namespace that are compared at least: one call's.
const OF_EACH: usize = 20;
/// Records that are compared for their namespaces' sake at most: a hundred calls.
const FOR_NAMESPACES: usize = 2_000;

/// Records drawn from a namespace, each with the same chance.
#[derive(Default)]
struct Draw {
    records: usize,
    ordinals: Vec<u64>,
}

/// Adds records of namespaces that have too few in `rows`, which come out by ordinal.
pub(super) fn cover(
    migration: &Migration,
    mut rows: Vec<RecordRow>,
    depth: Depth,
) -> Result<Vec<RecordRow>, Error> {
    let ledger = &migration.ledger;
    let namespaces = ledger.count_record_namespaces()?;
    let many = usize::try_from(namespaces).unwrap_or(usize::MAX);
    if many < 2 || rows.is_empty() {
        return Ok(rows);
    }
    let each = (FOR_NAMESPACES / many).clamp(1, OF_EACH);
    let draws = draw(migration, each, depth.seed)?;
    if many > draws.len() {
        migration.tell(format!(
            "records of {} namespaces are compared for each, of {many}",
            draws.len()
        ));
    }
    let mut drawn: HashMap<&Option<String>, usize> = HashMap::new();
    for row in &rows {
        *drawn.entry(&row.namespace).or_default() += 1;
    }
    let few = draws
        .iter()
        .filter(|(namespace, _)| drawn.get(namespace).is_none_or(|drawn| *drawn < each));
    let wanted: Vec<u64> = few.flat_map(|(_, draw)| draw.ordinals.clone()).collect();
    let known: HashSet<u64> = rows.iter().map(|row| row.ordinal).collect();
    for ordinal in wanted.into_iter().filter(|wanted| !known.contains(wanted)) {
        rows.extend(ledger.first_record_between(ordinal, ordinal)?);
    }
    rows.sort_unstable_by_key(|row| row.ordinal);
    Ok(rows)
}

/// `each` records of every namespace, of as many namespaces as may be.
fn draw(
    migration: &Migration,
    each: usize,
    seed: u64,
) -> Result<BTreeMap<Option<String>, Draw>, Error> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut draws: BTreeMap<Option<String>, Draw> = BTreeMap::new();
    migration.ledger.for_each_namespace(|ordinal, namespace| {
        let namespace = namespace.map(str::to_owned);
        if draws.len() == FOR_NAMESPACES && !draws.contains_key(&namespace) {
            return;
        }
        let draw = draws.entry(namespace).or_default();
        draw.records += 1;
        if draw.ordinals.len() < each {
            draw.ordinals.push(ordinal);
        } else if let Some(place) = draw.ordinals.get_mut(random.random_range(0..draw.records)) {
            *place = ordinal;
        }
    })?;
    Ok(draws)
}
