//! Source → archive. Every point that passes is dry-transformed where a
//! transform is known already, so that the check that follows need not read the
//! archive again.

use crate::archive::{Generation, GenerationNumber, GenerationWriter, Resume, SealedPart};
use crate::error::Error;
use crate::ledger::Milestone;
use crate::progress::Step;
use crate::source::{Cursor, Page, Source, SourceFacts};
use crate::stages::adopt::{adopt, adoptable};
use crate::stages::check::{Checker, Files};
use crate::stages::context::Migration;
use crate::stages::whole::Whole;
use crate::transform::Transform;

/// Copies what the archive does not hold yet, from the last sealed part on, and
/// returns the complete generation. A generation that is complete already is
/// returned as it is, without reading the source.
///
/// With a transform, the ledger is that of this archive: while it has sent
/// nothing, a source that was changed since, or whose points were refused and may
/// have been mended since, is exported anew.
///
/// Errors: the source's, the archive's, and interruption; what was sealed stays.
pub async fn export(
    migration: &Migration,
    source: &mut dyn Source,
    transform: Option<(&Transform, Files)>,
) -> Result<Generation, Error> {
    let sent = match transform {
        Some(_) => Sent::of(migration)?,
        None => Sent::Unknown,
    };
    if let Some(generation) = complete(migration, source, sent)? {
        if transform.is_some() {
            note_generation(migration, generation.manifest().generation)?;
        }
        return Ok(generation);
    }
    let writer = writer(migration, source, sent)?;
    if transform.is_some() {
        // Of this generation the ledger is to know, and of no other.
        migration
            .ledger
            .forget_checked_from(writer.sealed_points())?;
        note_generation(migration, writer.number())?;
    }
    migration.ledger.retract(Milestone::Refused)?;
    // An export that is asked for alone is as this version writes it.
    let other = transform.and_then(|_| adoptable(source, &writer));
    match other {
        Some(other) => adopt(migration, other, writer),
        None => copy(migration, source, writer, transform).await,
    }
}

/// Exports the generation behind `own`, that of the ledger, or goes on with it; one
/// that is complete already is returned as it is. Its points are not checked as they
/// pass: the ledger still speaks of the others.
///
/// Errors: as of [`export`].
pub(super) async fn next(
    migration: &Migration,
    source: &mut dyn Source,
    own: Option<GenerationNumber>,
) -> Result<Generation, Error> {
    let (archive, asked) = (&migration.archive, source.facts());
    let newest = archive
        .generations()?
        .pop()
        .filter(|newest| Some(*newest) > own);
    if let Some(newest) = newest
        && let Some(generation) = archive.generation(newest)?
        && is_same(&generation.manifest().source, asked)
    {
        return Ok(generation);
    }
    let begun = archive.unfinished_source()?.filter(|_| newest.is_some());
    let writer = match begun {
        Some(begun) if begun.name != asked.name => return Err(of_another_source(&begun, asked)),
        Some(begun) if (&begun.identity, &begun.shape) == (&asked.identity, &asked.shape) => {
            archive.write(asked, migration.clock)?
        }
        Some(_) => {
            migration.tell(format!(
                "{} is not what it was when the newest export was begun, which is given up for one from the beginning",
                asked.name
            ));
            archive.begin(asked, migration.clock)?
        }
        None => archive.begin(asked, migration.clock)?,
    };
    match adoptable(source, &writer) {
        Some(other) => adopt(migration, other, writer),
        None => copy(migration, source, writer, None).await,
    }
}

fn note_generation(migration: &Migration, number: GenerationNumber) -> Result<(), Error> {
    migration.ledger.set_generation(u64::from(number.get()))
}

/// Fills a generation and completes it.
async fn copy(
    migration: &Migration,
    source: &mut dyn Source,
    mut writer: GenerationWriter,
    transform: Option<(&Transform, Files)>,
) -> Result<Generation, Error> {
    // Lanes first: a source that is still busy with earlier writes waits for them
    // there, and counts exactly afterwards.
    along_lanes(source, &mut writer).await?;
    let before = source.count().await?;
    writer.set_count_before(before);
    writer.set_configuration(source.configuration().cloned());
    let whole = Whole::of(source).await?;
    migration.begin(Step::Export, before);
    migration
        .progress
        .advance(Step::Export, writer.sealed_points());

    let mut copy = Copy {
        migration,
        checker: transform
            .filter(|_| !whole.is_in_doubt())
            .map(|(transform, files)| Checker::new(transform, files, &source.facts().shape)),
        most_unsealed: source.sealed_points(),
        unsealed: 0,
    };
    let outcome = copy.all_pages(source, &mut writer).await;
    if let Err(error) = outcome {
        // What can still be kept is kept; why it stopped is what matters.
        if let Err(unsealed) = copy.seal(&mut writer) {
            migration.warn(format!("the last part could not be sealed: {unsealed}"));
        }
        return Err(error);
    }

    copy.seal(&mut writer)?;
    whole.complete(migration, source, &mut writer).await?;
    let after = source.count().await?;
    for held_back in source.held_back().await? {
        migration.warn(format!("at the end of the export: {held_back}"));
    }
    let generation = writer.finish(after)?;
    report_counts(migration, source, (before, after), generation.count());
    Ok(generation)
}

/// The complete generation of this very source, where the archive has one and
/// nothing newer was begun.
///
/// Errors: refused where the archive is of another source.
pub(super) fn kept(
    migration: &Migration,
    asked: &SourceFacts,
) -> Result<Option<Generation>, Error> {
    let begun = migration.archive.unfinished_source()?;
    let current = match begun {
        Some(_) => None,
        None => migration.archive.current()?,
    };
    let held = current
        .as_ref()
        .map(|generation| &generation.manifest().source);
    match begun.as_ref().or(held) {
        Some(held) if !is_same(held, asked) => Err(of_another_source(held, asked)),
        _ => Ok(current),
    }
}

pub(super) fn is_same(held: &SourceFacts, asked: &SourceFacts) -> bool {
    (&held.name, &held.identity) == (&asked.name, &asked.identity)
}

pub(super) fn of_another_source(held: &SourceFacts, asked: &SourceFacts) -> Error {
    Error::refused(format!(
        "the folder's archive is of another source: {} ({}), not {} ({})",
        held.name, held.identity, asked.name, asked.identity
    ))
    .advise(match held.name == asked.name {
        true => "what was begun has to be finished first: give the folder's archive/ as the source, then run this again; or give the changed source a folder of its own with --dir",
        false => "give this migration a folder of its own with --dir, or name the source that the folder is of",
    })
}

/// What was sent of what the archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// Nothing: another generation may take its place.
    Nothing,
    /// Something.
    Something,
    /// It is another ledger's business.
    Unknown,
}

impl Sent {
    fn of(migration: &Migration) -> Result<Self, Error> {
        match migration.ledger.has_sent_of_generation()? {
            true => Ok(Self::Something),
            false => Ok(Self::Nothing),
        }
    }
}

/// The current generation, where it is this source's and nothing newer was begun;
/// none where it is to be exported anew.
fn complete(
    migration: &Migration,
    source: &dyn Source,
    sent: Sent,
) -> Result<Option<Generation>, Error> {
    if migration.archive.unfinished()?.is_some() {
        return Ok(None);
    }
    let Some(generation) = migration.archive.current()? else {
        return Ok(None);
    };
    let (kept, asked) = (&generation.manifest().source, source.facts());
    if is_same(kept, asked) {
        let refused = sent == Sent::Nothing && migration.ledger.reached(Milestone::Refused)?;
        if refused && !source.is_pinned() {
            migration.tell("the last start was refused for its rejections, and nothing was written then: exporting the source anew, where they may have been mended");
            return Ok(None);
        }
        return Ok(Some(generation));
    }
    if sent == Sent::Nothing && kept.name == asked.name {
        tell_changed(migration, asked);
        return Ok(None);
    }
    Err(of_another_source(kept, asked))
}

fn tell_changed(migration: &Migration, source: &SourceFacts) {
    migration.tell(format!(
        "{} is not what it was at the last start; what was written then, if anything, was taken back since: it is exported anew",
        source.name
    ));
}

/// Goes on with what was begun, unless the source was changed since.
fn writer(
    migration: &Migration,
    source: &dyn Source,
    sent: Sent,
) -> Result<GenerationWriter, Error> {
    let (archive, asked) = (&migration.archive, source.facts());
    let begun = archive.unfinished_source()?;
    let changed = begun.is_some_and(|begun| {
        let same = (&begun.identity, &begun.shape) == (&asked.identity, &asked.shape);
        begun.name == asked.name && !same
    });
    if changed && sent == Sent::Nothing {
        tell_changed(migration, asked);
        return Ok(archive.begin(asked, migration.clock)?);
    }
    Ok(archive.write(asked, migration.clock)?)
}

/// The lanes of the generation: drawn where nothing was read of it yet.
async fn along_lanes(source: &mut dyn Source, writer: &mut GenerationWriter) -> Result<(), Error> {
    if writer.resume_from() == Resume::Start && writer.manifest().lanes.is_empty() {
        let lanes = source.draw_lanes().await?;
        if !lanes.is_empty() {
            writer.set_lanes(lanes)?;
        }
    }
    source.read_along(&writer.manifest().lanes);
    Ok(())
}

struct Copy<'a> {
    migration: &'a Migration,
    checker: Option<Checker<'a>>,
    /// What may be lost by a kill, where the source says so.
    most_unsealed: Option<u64>,
    unsealed: u64,
}

impl Copy<'_> {
    async fn all_pages(
        &mut self,
        source: &mut dyn Source,
        writer: &mut GenerationWriter,
    ) -> Result<(), Error> {
        let from = match writer.resume_from() {
            Resume::End => return Ok(()),
            Resume::Start => None,
            Resume::At(cursor) => Some(cursor),
        };
        let mut page = source.page(from.as_ref()).await?;
        loop {
            self.migration.stop.check()?;
            let next: Option<Cursor> = page.next.take();
            let Some(next) = next else {
                return self.add(page, writer);
            };
            // The next page is asked for before this one is written, so that
            // the source works while we compress.
            let (following, added) =
                tokio::join!(source.page(Some(&next)), async { self.add(page, writer) });
            added?;
            page = following?;
        }
    }

    fn add(&mut self, page: Page, writer: &mut GenerationWriter) -> Result<(), Error> {
        let points = page.points.len() as u64;
        for read in page.points {
            let sealed = writer.push_along(page.lane, &read)?;
            self.record(sealed)?;
            if let Some(checker) = &mut self.checker {
                checker.keep(checker.check(read.point));
            }
        }
        self.migration.progress.advance(Step::Export, points);
        self.unsealed += points;
        if self.most_unsealed.is_some_and(|most| self.unsealed >= most) {
            self.unsealed = 0;
            self.seal(writer)?;
        }
        Ok(())
    }

    fn seal(&mut self, writer: &mut GenerationWriter) -> Result<(), Error> {
        let sealed = writer.seal()?;
        self.record(sealed)
    }

    /// The ledger follows the sealed parts, never runs ahead of them.
    fn record(&mut self, sealed: Option<SealedPart>) -> Result<(), Error> {
        let (Some(part), Some(checker)) = (sealed, self.checker.as_mut()) else {
            return Ok(());
        };
        let outcomes = checker.take(part.first_ordinal);
        self.migration
            .ledger
            .add_checked(part.first_ordinal, &outcomes)
    }
}

/// Says what kind of view was taken. A file is one thing; a server is read point by
/// point while it may be written to.
fn report_counts(
    migration: &Migration,
    source: &dyn Source,
    (before, after): (Option<u64>, Option<u64>),
    archived: u64,
) {
    let summary = format!("{archived} points archived");
    migration.progress.end(Step::Export, &summary);
    match (before, after) {
        (Some(before), Some(after)) if before != after => migration.warn(format!(
            "the source counted {before} points before the export and {after} after it: it was written to meanwhile, and a scroll is not a point in time. {EXACT}"
        )),
        (_, Some(after)) if after != archived => migration.warn(format!(
            "the source counts {after} points, but {archived} could be read"
        )),
        (Some(before), Some(_)) if !source.is_pinned() => migration.tell(format!(
            "the source counted {before} points before and after the export; it was read page by page, which is not a point in time. {EXACT}"
        )),
        _ => {}
    }
}

/// What makes a view exact.
const EXACT: &str = "Pause its writers for an exact copy; run --final tells whether it is one";
