//! `transform`: an archive into NDJSON, without any account.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::session::Setup;
use crate::archive::Archive;
use crate::cli::args::TransformArgs;
use crate::cli::outcome::Ending;
use crate::cli::workspace::Workspace;
use crate::cloudflare::IndexName;
use crate::error::Error;
use crate::plan::{IndexState, Wishes, choose_target};
use crate::report::{PointFacts, Report};
use crate::source::file;
use crate::stages::context::{Migration, Mode};
use crate::stages::prepare::resolve;
use crate::stages::{export, to_file, write_rejections};
use crate::transform::Mapping;

pub(super) async fn run(setup: &Setup, args: TransformArgs) -> Result<ExitCode, Error> {
    let folder = out_folder(&args.out)?;
    let scratch = Workspace::scratch(&folder.join("none.migration"))?;
    let mut open = setup.migration(scratch, Mode::Write);
    let mut report = Report::of("transform", setup.global.dry_run);
    let begun = setup.clock.now();
    let outcome = work(setup, &args, &folder, &mut open.migration, &mut report).await;
    report.seconds.total = (setup.clock.now() - begun).as_secs_f64();
    Ok(Ending::new(setup, &mut report, outcome.err()).tell())
}

async fn work(
    setup: &Setup,
    args: &TransformArgs,
    folder: &Path,
    migration: &mut Migration,
    report: &mut Report,
) -> Result<(), Error> {
    let options = setup.settings.mapping(&args.mapping);
    let generation = match complete_archive(&args.archive)? {
        Some(archive) => {
            migration.archive = archive;
            migration
                .archive
                .current()?
                .ok_or_else(|| no_archive(&args.archive))?
        }
        None => export(migration, file::open(&args.archive)?.as_mut(), None).await?,
    };
    if let Some(damage) = generation.check()?.into_iter().next() {
        return Err(damage.error.into());
    }
    let source = &generation.manifest().source;
    let mapping = options.over(&Mapping::default());
    // The records are made for an index that would be created for them.
    let wishes = Wishes {
        create: true,
        metric: options.metric,
    };
    let name = IndexName::new("new")?;
    let vector = mapping.vector.as_deref();
    let missing = (&name, &IndexState::Missing);
    let target = choose_target(&source.shape, vector, missing, wishes, &mut Vec::new())
        .map_err(|blocker| Error::refused(blocker.what).advise(blocker.advice))?;
    let transform = resolve(mapping, source, target)?;
    let mut out = Output::begin(&args.out, folder, setup.mode())?;
    to_file::to_file(migration, &generation, &transform, out.writer())?;
    out.finish(&args.out)?;
    let totals = migration.ledger.totals()?;
    if setup.mode() == Mode::Write {
        write_rejections(&migration.ledger, folder)?;
    }
    report.points = Some(PointFacts {
        source: Some(generation.points()),
        archived: generation.points(),
        rejected: totals.rejected,
        ..PointFacts::default()
    });
    Ok(())
}

fn complete_archive(path: &Path) -> Result<Option<Archive>, Error> {
    let inner = path.join("archive");
    let root = if Archive::is_archive(&inner) {
        inner
    } else {
        path.to_owned()
    };
    if !Archive::is_archive(&root) {
        return Ok(None);
    }
    Ok(Some(Archive::at(root)))
}

fn no_archive(path: &Path) -> Error {
    Error::failed(format!(
        "the export into {} is not complete",
        path.display()
    ))
    .advise("run the export again with the source that it was begun from")
}

fn out_folder(out: &Path) -> Result<PathBuf, Error> {
    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if folder.is_dir() && !out.is_dir() {
        return Ok(folder);
    }
    Err(Error::usage(format!("{} cannot be written", out.display()))
        .advise("give the path of a file in a folder that exists"))
}

/// The file to write, complete or not at all; in a dry run nothing.
enum Output {
    File(tempfile::NamedTempFile),
    Nothing(std::io::Sink),
}

impl Output {
    fn begin(out: &Path, folder: &Path, mode: Mode) -> Result<Self, Error> {
        match mode {
            Mode::DryRun => Ok(Self::Nothing(std::io::sink())),
            Mode::Write => tempfile::NamedTempFile::new_in(folder)
                .map(Self::File)
                .map_err(|error| unwritable(out, error)),
        }
    }

    fn writer(&mut self) -> &mut dyn std::io::Write {
        match self {
            Self::File(file) => file,
            Self::Nothing(sink) => sink,
        }
    }

    fn finish(self, out: &Path) -> Result<(), Error> {
        let Self::File(file) = self else {
            return Ok(());
        };
        let synced: std::io::Result<File> = file
            .as_file()
            .sync_all()
            .and_then(|()| file.persist(out).map_err(|error| error.error));
        synced.map(drop).map_err(|error| unwritable(out, error))
    }
}

fn unwritable(out: &Path, error: std::io::Error) -> Error {
    Error::failed(format!("{} cannot be written", out.display()))
        .advise("give a path in a folder that this user can write to")
        .because(error)
}
