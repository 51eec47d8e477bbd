//! What verbs without a migration share: an archive or file on its own, and the
//! transform for an index that would be made for it.

use std::path::Path;

use super::setup::Setup;
use crate::archive::{Archive, Generation};
use crate::cloudflare::IndexName;
use crate::error::Error;
use crate::plan::{IndexState, Wishes, choose_target};
use crate::settings::MappingOptions;
use crate::source::file::{self, ColumnChoice};
use crate::stages::context::Migration;
use crate::stages::export;
use crate::stages::prepare::resolve;
use crate::transform::{Mapping, Transform};

/// The archive at `path`, checked; a file is first exported into the migration's
/// scratch archive.
pub(super) async fn archive(
    migration: &mut Migration,
    path: &Path,
    columns: &ColumnChoice,
) -> Result<Generation, Error> {
    let inner = path.join("archive");
    let root = if Archive::is_archive(&inner) {
        inner
    } else {
        path.to_owned()
    };
    if !Archive::is_archive(&root) {
        let mut source = file::open(path, columns)?;
        for warning in &source.facts().warnings {
            migration.warn(warning);
        }
        return export(migration, source.as_mut(), None).await;
    }
    file::refuse_columns(path, columns)?;
    migration.archive = Archive::at(root);
    let generation = migration.archive.current()?.ok_or_else(|| {
        Error::failed(format!(
            "the export into {} is not complete",
            path.display()
        ))
        .advise("run the export again with the source that it was begun from")
    })?;
    match generation.check()?.into_iter().next() {
        Some(damage) => Err(damage.error.into()),
        None => Ok(generation),
    }
}

/// The transform of these options for an index that would be created for the
/// archive's points.
pub(super) fn transform(
    setup: &Setup,
    options: &MappingOptions,
    generation: &Generation,
) -> Result<Transform, Error> {
    let options = setup.settings.mapping(options)?;
    let source = &generation.manifest().source;
    let mapping = options.over(&Mapping::default());
    let wishes = Wishes {
        create: true,
        metric: options.metric,
        dims: mapping.dims,
    };
    let name = IndexName::new("new")?;
    let vector = mapping.vector.as_deref();
    let missing = (&name, &IndexState::Missing);
    let target = choose_target(&source.shape, vector, missing, wishes, &mut Vec::new())
        .map_err(|blocker| Error::refused(blocker.what).advise(blocker.advice))?;
    resolve(mapping, source, target)
}
