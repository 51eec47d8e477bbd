//! An archive as the source of a migration: its parts are copied as they are.
//! Its points are checked afterwards, as of every generation.

use crate::archive::{Generation, GenerationWriter};
use crate::error::Error;
use crate::progress::Step;
use crate::source::Source;
use crate::stages::context::Migration;

/// The archive behind the source, where the generation that is to be filled can have its
/// parts.
pub(super) fn adoptable<'s>(
    source: &'s dyn Source,
    writer: &GenerationWriter,
) -> Option<&'s Generation> {
    source.generation().filter(|other| writer.can_adopt(other))
}

/// Fills a generation with the parts of another, from what is sealed on.
///
/// Errors: the archive's, and interruption; what was sealed stays.
pub(super) fn adopt(
    migration: &Migration,
    other: &Generation,
    mut writer: GenerationWriter,
) -> Result<Generation, Error> {
    let points = other.count();
    writer.set_count_before(Some(points));
    writer.set_configuration(other.manifest().configuration.clone());
    migration.begin(Step::Export, Some(points));
    migration
        .progress
        .advance(Step::Export, writer.sealed_points());
    migration.stop.check()?;
    while let Some(sealed) = writer.adopt_next(other)? {
        migration.progress.advance(Step::Export, sealed.points);
        migration.stop.check()?;
    }
    let generation = writer.finish(Some(points))?;
    let summary = format!("{points} points archived, in the parts that they were in");
    migration.progress.end(Step::Export, &summary);
    Ok(generation)
}
