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

    pub(super) async fn facts(
        &mut self,
        migration: &Migration,
    ) -> Result<(SourceFacts, Option<u64>), Error> {
        match self {
            Self::Source(source) => Ok((source.facts().clone(), source.count().await?)),
            Self::OwnArchive => {
                let generation = own_archive(migration)?;
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
