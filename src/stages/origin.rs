//! Where a verb's points come from: a source, or the archive that the migration
//! folder holds already.

use crate::archive::Generation;
use crate::error::Error;
use crate::source::{Source, SourceFacts};
use crate::stages::context::Migration;

/// Where the points come from.
pub enum Origin {
    /// A source that is read, and asked again when verifying.
    Source(Box<dyn Source>),
    /// The folder's own archive, complete already.
    OwnArchive,
}

impl Origin {
    pub(super) fn source(&mut self) -> Option<&mut (dyn Source + 'static)> {
        match self {
            Self::Source(source) => Some(source.as_mut()),
            Self::OwnArchive => None,
        }
    }

    /// Whether that identity is the source's as it was before it was changed.
    pub(super) fn was_changed_since(&self, identity: &str) -> bool {
        match self {
            Self::Source(source) => source.was_changed_since(identity),
            // One generation of the folder's own archive after the other.
            Self::OwnArchive => true,
        }
    }

    /// The source's facts and its count; those of the folder's own archive where that
    /// stands for it, of `archived` where that was chosen.
    pub(super) async fn facts(
        &mut self,
        migration: &Migration,
        archived: Option<&Generation>,
    ) -> Result<(SourceFacts, Option<u64>), Error> {
        match self {
            Self::Source(source) => Ok((source.facts().clone(), source.count().await?)),
            Self::OwnArchive => {
                let generation = match archived {
                    Some(generation) => generation.clone(),
                    None => own_archive(migration)?,
                };
                Ok((
                    generation.manifest().source.clone(),
                    Some(generation.count()),
                ))
            }
        }
    }
}

/// The folder's own archive, which must be complete.
pub(super) fn own_archive(migration: &Migration) -> Result<Generation, Error> {
    if migration.archive.unfinished()?.is_some() {
        return Err(Error::failed(format!(
            "the export into {} is not complete",
            migration.archive.root().display()
        ))
        .advise("run the export again with the source that it was begun from"));
    }
    migration.archive.current()?.ok_or_else(|| {
        Error::usage(format!(
            "{} holds no archive",
            migration.archive.root().display()
        ))
        .advise("export into it first, or name a source")
    })
}
