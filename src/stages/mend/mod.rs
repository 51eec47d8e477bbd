//! Damaged or missing parts of the archive are found before anything is made of
//! them, and exported again from where they began in the source; they take their
//! place only when they come out byte for byte the same.

mod reread;

use self::reread::reread;
use crate::archive::{Generation, PartDamage, Rewritten};
use crate::error::Error;
use crate::source::Source;
use crate::stages::context::Migration;

/// Checks every part, and exports damaged ones again; in a dry run it refuses
/// them instead, for that would write to the archive.
///
/// Errors: when there is no source to ask, or it no longer gives the same points.
pub(super) async fn mend(
    migration: &Migration,
    generation: &Generation,
    source: Option<&mut (dyn Source + 'static)>,
) -> Result<(), Error> {
    let damages = generation.check()?;
    if damages.is_empty() {
        return Ok(());
    }
    let Some(source) = source else {
        return Err(unmendable(generation, &damages));
    };
    if migration.is_dry_run() {
        return Err(left_alone(&damages));
    }
    source.read_along(&generation.manifest().lanes);
    for damage in &damages {
        migration.warn(format!("{}; exporting that part again", damage.error));
        again(migration, generation, damage, source).await?;
    }
    Ok(())
}

async fn again(
    migration: &Migration,
    generation: &Generation,
    damage: &PartDamage,
    source: &mut dyn Source,
) -> Result<(), Error> {
    let mut repair = generation.repair(damage.index)?;
    let file = repair.part().file.clone();
    reread(migration, generation, &mut repair, source).await?;
    match repair.finish()? {
        Rewritten::Same => Ok(()),
        Rewritten::Different => Err(Error::failed(format!(
            "the archive's part {file} is damaged, and the source no longer gives the points it held"
        ))
        .advise("put the file back from another copy, or start over in a new folder with --dir (ids that are in the index already then need --overwrite)")),
    }
}

fn unmendable(generation: &Generation, damages: &[PartDamage]) -> Error {
    Error::failed(named(damages)).advise(match generation.manifest().source.is_archive() {
        true => "put the file back from another copy; it may be the same file as in the archive that was named as the source, and then what changes one in place changes both. Where no copy is left, export the original source again and begin in a new folder with --dir",
        false => "put the file back from another copy, or name the source that it was exported from: only what is damaged is exported again",
    })
}

fn left_alone(damages: &[PartDamage]) -> Error {
    Error::failed(named(damages))
        .advise("the real run exports that part again before it goes on; a rehearsal leaves the archive as it is")
}

fn named(damages: &[PartDamage]) -> String {
    let named: Vec<String> = damages
        .iter()
        .map(|damage| damage.error.to_string())
        .collect();
    named.join("; ")
}

#[cfg(test)]
mod tests;
