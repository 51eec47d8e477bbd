//! `export`: a source into an archive.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::session::Setup;
use crate::archive::Archive;
use crate::cli::args::ExportArgs;
use crate::cli::open;
use crate::cli::outcome::{self, Ending};
use crate::cli::workspace::Workspace;
use crate::error::Error;
use crate::folder::MigrationFolder;
use crate::report::{PointFacts, Report};
use crate::stages::context::{Migration, Mode};
use crate::stages::export;

pub(super) async fn run(setup: &Setup, args: ExportArgs) -> Result<ExitCode, Error> {
    let mut source = open::source(&args.from, args.vector.as_deref(), setup).await?;
    let mut report = Report::of("export", setup.global.dry_run);
    let (lock, migration, _scratch) = workspace(setup, &args.archive)?;
    for warning in &source.facts().warnings {
        migration.warn(warning);
    }
    let begun = setup.clock.now();
    let exported = export(&migration, source.as_mut(), None).await;
    report.seconds.total = (setup.clock.now() - begun).as_secs_f64();
    report.seconds.export = Some(report.seconds.total);
    let error = match exported {
        Ok(generation) => {
            report.points = Some(PointFacts {
                source: generation.manifest().count_after,
                archived: generation.count(),
                ..PointFacts::default()
            });
            None
        }
        Err(error) => Some(error),
    };
    let resumable = error.as_ref().is_some_and(outcome::is_resumable);
    let safe = match (&error, setup.mode()) {
        (Some(_), Mode::Write) => vec!["safe: what was sealed stays in the archive".to_owned()],
        _ => Vec::new(),
    };
    drop(lock);
    let ending = Ending {
        safe,
        resumable,
        ..Ending::new(setup, &mut report, error)
    };
    Ok(ending.tell())
}

/// The archive, locked: by its migration folder where it lies in one, else by
/// itself.
fn workspace(
    setup: &Setup,
    archive: &Path,
) -> Result<
    (
        Option<MigrationFolder>,
        Migration,
        Option<tempfile::TempDir>,
    ),
    Error,
> {
    let root = archive_root(archive);
    let scratch = Workspace::scratch(&root)?;
    let mut open = setup.migration(scratch, setup.mode());
    if setup.mode() == Mode::DryRun {
        return Ok((None, open.migration, open.scratch));
    }
    let is_migrations = root.file_name().is_some_and(|name| name == "archive");
    let locked = match root.parent() {
        Some(folder) if is_migrations && !folder.as_os_str().is_empty() => folder.to_owned(),
        Some(_) if is_migrations => PathBuf::from("."),
        _ => root.clone(),
    };
    let folder = MigrationFolder::open(&locked)?;
    open.migration.archive = Archive::at(&root);
    Ok((Some(folder), open.migration, open.scratch))
}

/// A migration folder stands for the archive in it.
fn archive_root(path: &Path) -> PathBuf {
    let inner = path.join("archive");
    if path.join("ledger.db").is_file() || inner.is_dir() {
        inner
    } else {
        path.to_owned()
    }
}
