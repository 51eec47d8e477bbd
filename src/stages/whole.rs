//! What makes an export whole where a single pass does not: points that came twice
//! are taken once, and ids that the pass missed are asked for by name. Everything is
//! found from what is sealed, so that it comes out the same after a kill.

use std::collections::BTreeMap;

use crate::archive::{Generation, GenerationWriter, NamespaceCount, Resume, Superseded};
use crate::error::Error;
use crate::point::{Point, PointName};
use crate::progress::Step;
use crate::source::{Cursor, Lane, ReadPoint, Source};
use crate::stages::context::Migration;
use crate::stages::names::{Names, Repeat};

/// Points that are asked for by name at a time.
const FETCHED_AT_ONCE: usize = 100;
/// Repeats whose content is compared at a time.
const COMPARED_AT_ONCE: usize = 16;
/// Namespaces that are named in a warning each; the rest is a number.
const NAMESPACES_NAMED: usize = 20;

/// How many points a source says each namespace has.
type Counts = BTreeMap<Option<String>, u64>;

/// What a source is to be held against at the end of its export.
pub(super) struct Whole {
    may_repeat: bool,
    before: Option<Counts>,
}

impl Whole {
    /// Asked before the first page.
    pub(super) async fn of(source: &mut dyn Source) -> Result<Self, Error> {
        Ok(Self {
            may_repeat: source.may_repeat(),
            before: source.count_by_namespace().await?,
        })
    }

    /// Whether one pass may give points twice or leave some out: what it gave is
    /// judged when all of it is there, and points are not checked as they pass.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.may_repeat || self.before.is_some()
    }

    /// Sorts out what the pass sealed, which has come to its end.
    pub(super) async fn complete(
        self,
        migration: &Migration,
        source: &mut dyn Source,
        writer: &mut GenerationWriter,
    ) -> Result<(), Error> {
        if !self.is_in_doubt() {
            return Ok(());
        }
        let sealed = writer.sealed()?;
        let mut names = Names::of(&sealed)?;
        let superseded = superseded(migration, &sealed, &mut names)?;
        writer.set_superseded(superseded);
        let after = match &self.before {
            Some(_) => source.count_by_namespace().await?,
            None => None,
        };
        let (Some(before), Some(after)) = (self.before, after) else {
            return Ok(());
        };
        let doubtful = differing(&names.by_namespace()?, &before, &after);
        let mut gaps = Gaps {
            migration,
            source,
            end: end_of(writer),
            next: writer.sealed_points(),
            writer,
            names: &mut names,
        };
        for namespace in doubtful {
            gaps.fill(namespace).await?;
        }
        gaps.seal()?;
        tell_shortfalls(migration, &names.by_namespace()?, &after);
        writer.set_namespaces(counted(after));
        Ok(())
    }
}

fn counted(counts: Counts) -> Vec<NamespaceCount> {
    let counts = counts.into_iter();
    counts
        .map(|(name, points)| NamespaceCount { name, points })
        .collect()
}

/// The points that came again, of which the operator is told.
fn superseded(
    migration: &Migration,
    generation: &Generation,
    names: &mut Names,
) -> Result<Superseded, Error> {
    let mut superseded = Superseded::default();
    let mut changed = 0;
    let mut pending: Vec<Repeat> = Vec::new();
    names.for_each_repeat(|repeat| {
        superseded.add(repeat.ordinal);
        pending.push(repeat);
        if pending.len() == COMPARED_AT_ONCE {
            migration.stop.check()?;
            changed += changed_among(generation, &pending)?;
            pending.clear();
        }
        Ok(())
    })?;
    changed += changed_among(generation, &pending)?;
    tell_repeats(migration, superseded.count(), changed);
    Ok(superseded)
}

/// How many of these points hold something else when they come again.
fn changed_among(generation: &Generation, repeats: &[Repeat]) -> Result<u64, Error> {
    let both = |repeat: &Repeat| [repeat.ordinal, repeat.later];
    let ordinals: Vec<u64> = repeats.iter().flat_map(both).collect();
    let points: BTreeMap<u64, Point> = generation.points_at(&ordinals)?.into_iter().collect();
    let changed = repeats
        .iter()
        .filter(|repeat| points[&repeat.ordinal] != points[&repeat.later]);
    Ok(changed.count() as u64)
}

fn tell_repeats(migration: &Migration, repeats: u64, changed: u64) {
    if repeats == 0 {
        return;
    }
    let came = match repeats {
        1 => "1 point came again on a later page and was taken once".to_owned(),
        _ => format!("{repeats} points came again on a later page and were taken once"),
    };
    if changed == 0 {
        return migration.tell(came);
    }
    migration.warn(format!(
        "{came}; {changed} of them with another content: the source was written to meanwhile, the later one was kept"
    ));
}

/// The namespaces of which the pass read fewer than the source counts, or that the
/// source counted differently before and after it. One that it counts no more has
/// nothing that could have been missed.
fn differing(read: &Counts, before: &Counts, after: &Counts) -> Vec<Option<String>> {
    let differs = |name: &&Option<String>| {
        let of = |counts: &Counts| counts.get(*name).copied().unwrap_or(0);
        of(after) != of(before) || of(after) > of(read)
    };
    after.keys().filter(differs).cloned().collect()
}

/// Behind everything that the pass read; none where nothing can begin there.
fn end_of(writer: &GenerationWriter) -> Option<Cursor> {
    match writer.resume_from() {
        Resume::At(cursor) => Some(cursor),
        Resume::Start | Resume::End => None,
    }
}

/// Looks for ids that the pass missed, and adds their points behind it.
struct Gaps<'a> {
    migration: &'a Migration,
    source: &'a mut dyn Source,
    writer: &'a mut GenerationWriter,
    names: &'a mut Names,
    end: Option<Cursor>,
    /// The place of the next point.
    next: u64,
}

impl Gaps<'_> {
    async fn fill(&mut self, namespace: Option<String>) -> Result<(), Error> {
        let lane = Lane::Namespace(namespace);
        let mut from = None;
        loop {
            self.migration.stop.check()?;
            let Some(page) = self.source.names_page(&lane, from.as_ref()).await? else {
                return Ok(());
            };
            let missing = self.names.missing(page.names)?;
            for names in missing.chunks(FETCHED_AT_ONCE) {
                self.add(names).await?;
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(()),
            }
        }
    }

    async fn add(&mut self, names: &[PointName]) -> Result<(), Error> {
        let Some(found) = self.source.fetch(names).await? else {
            return Ok(());
        };
        let named = found.into_iter().map(|point| (point.name(), point));
        let mut found: BTreeMap<PointName, Point> = named.collect();
        let mut added = Vec::new();
        // In the order of the names, so that the archive does not depend on the answer's.
        for name in names {
            let Some(point) = found.remove(name) else {
                continue;
            };
            let resume = self.end.clone();
            self.writer.push(&ReadPoint { point, resume })?;
            added.push((self.next, name.clone()));
            self.next += 1;
        }
        self.names.add(&added)?;
        let progress = &self.migration.progress;
        progress.advance(Step::Export, added.len() as u64);
        Ok(())
    }

    /// Where nothing can begin behind the pass, the end of the export seals them.
    fn seal(&mut self) -> Result<(), Error> {
        if self.end.is_some() {
            self.writer.seal()?;
        }
        Ok(())
    }
}

fn tell_shortfalls(migration: &Migration, read: &Counts, after: &Counts) {
    let of = |name: &Option<String>| read.get(name).copied().unwrap_or(0);
    let differing = after.iter().filter(|(name, count)| of(name) != **count);
    let mut untold = 0;
    for (position, (name, count)) in differing.enumerate() {
        if position >= NAMESPACES_NAMED {
            untold += 1;
            continue;
        }
        migration.warn(format!(
            "{}: the source counts {count}, {} could be read",
            shown(name.as_deref()),
            of(name)
        ));
    }
    if untold > 0 {
        migration.warn(format!(
            "of {untold} more namespaces another number could be read than the source counts"
        ));
    }
}

/// How messages call a namespace.
pub(super) fn shown(namespace: Option<&str>) -> String {
    match namespace {
        Some(name) => format!("namespace '{name}'"),
        None => "the default namespace".to_owned(),
    }
}

#[cfg(test)]
mod tests;
