//! `export`: a source into an archive.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::setup::Setup;
use crate::archive::{Archive, Generation};
use crate::cli::args::ExportArgs;
use crate::cli::open;
use crate::cli::outcome::Ending;
use crate::cli::workspace::Workspace;
use crate::cloudflare::Vectorize;
use crate::error::Error;
use crate::folder::MigrationFolder;
use crate::locator::Locator;
use crate::report::{PointFacts, Report, RequestFacts};
use crate::source::{Source, SourceFacts, vectorize};
use crate::stages::backup::backup;
use crate::stages::context::{Migration, Mode};
use crate::stages::export;
use crate::stages::prepare::Accounts;

pub(super) async fn run(setup: &Setup, args: ExportArgs) -> Result<ExitCode, Error> {
    let mut from = From::open(setup, &args).await?;
    let mut report = Report::of("export", setup.global.dry_run);
    let (lock, migration, _scratch) = workspace(setup, &args.archive)?;
    let begun = setup.clock.now();
    let exported = from.export(&migration).await;
    report.requests = from.requests();
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
    let safe = match (&error, setup.mode()) {
        (Some(_), Mode::Write) => vec!["safe: what was sealed stays in the archive".to_owned()],
        _ => Vec::new(),
    };
    drop(lock);
    let ending = Ending {
        safe,
        ..Ending::resumable(setup, &mut report, error)
    };
    Ok(ending.tell())
}

/// What is exported.
enum From {
    /// A source that is read from its first page on.
    Source(Box<dyn Source>),
    /// An index, whose ids have to be listed first.
    Index(Box<(Accounts, Vectorize, SourceFacts)>),
}

impl From {
    async fn open(setup: &Setup, args: &ExportArgs) -> Result<Self, Error> {
        let columns = args.columns.choice();
        if matches!(args.from, Locator::Vectorize(_)) {
            open::check_columns(&args.from, &columns)?;
            return Self::open_index(setup, args).await;
        }
        let wanted = (args.vector.as_deref(), &columns);
        let source = open::source(&args.from, wanted, setup).await?;
        Ok(Self::Source(source))
    }

    async fn open_index(setup: &Setup, args: &ExportArgs) -> Result<Self, Error> {
        if args.vector.is_some() {
            return Err(Error::usage("--vector names one of several vectors")
                .advise("leave it out: the vectors of a Vectorize index have no names"));
        }
        let name = open::index_name(&args.from, &setup.settings)?;
        let accounts = setup.accounts(&setup.dir(&name), setup.mode())?;
        let index = accounts.vectorize.vectorize(&name);
        let description = index.describe().await?.ok_or_else(|| {
            Error::refused(format!("the index {name} does not exist"))
                .advise("there is nothing to export: name an existing index")
        })?;
        let facts = vectorize::facts(&description, &accounts.service);
        Ok(Self::Index(Box::new((accounts, index, facts))))
    }

    async fn export(&mut self, migration: &Migration) -> Result<Generation, Error> {
        match self {
            Self::Source(source) => {
                for warning in &source.facts().warnings {
                    migration.warn(warning);
                }
                export(migration, source.as_mut(), None).await
            }
            Self::Index(index) => {
                let (_, index, facts) = index.as_ref();
                backup(migration, index, facts.clone()).await
            }
        }
    }

    /// What was sent to the account, where there is one.
    fn requests(&self) -> Option<RequestFacts> {
        match self {
            Self::Source(_) => None,
            Self::Index(index) => Some(index.0.requests()),
        }
    }
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
