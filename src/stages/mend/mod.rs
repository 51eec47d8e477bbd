//! Damaged or missing parts of the archive are found before anything is made of
//! them. A source that is an archive and has the part gives its file; else the part
//! is exported again from where it began in the source. Either takes the place only
//! when it is byte for byte the same.

mod reread;

use std::path::PathBuf;

use self::reread::reread;
use crate::archive::{Generation, PartDamage, Rewritten};
use crate::error::Error;
use crate::source::Source;
use crate::stages::context::Migration;

/// Checks every part, and takes damaged ones from the source again; in a dry run it
/// refuses them instead, for that would write to the archive.
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
        return Err(unmendable(&damages));
    };
    if migration.is_dry_run() {
        return Err(left_alone(&damages));
    }
    source.read_along(&generation.manifest().lanes);
    for damage in &damages {
        if let Some(file) = same_file(generation, damage, source) {
            migration.warn(format!("{}; copying {}", damage.error, file.display()));
            generation.put_back(damage.index, &file)?;
            continue;
        }
        migration.warn(format!("{}; exporting that part again", damage.error));
        again(migration, generation, damage, source).await?;
    }
    Ok(())
}

/// The source's own file of the part. What this version would make of its points is
/// another file where another version wrote it.
fn same_file(generation: &Generation, damage: &PartDamage, source: &dyn Source) -> Option<PathBuf> {
    let sealed = generation.manifest().parts.get(damage.index)?;
    source.generation()?.file_with(&sealed.sha256)
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

fn unmendable(damages: &[PartDamage]) -> Error {
    Error::failed(named(damages))
        .advise("put the file back from another copy, or name the source that it was exported from: only what is damaged is exported again")
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
