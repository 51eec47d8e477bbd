//! `transform`: an archive into NDJSON, without any account.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::setup::Setup;
use super::standalone;
use crate::archive::Generation;
use crate::cli::args::TransformArgs;
use crate::cli::outcome::{self, Ending};
use crate::cli::show;
use crate::cli::workspace::Workspace;
use crate::disk::{self, Trouble};
use crate::error::{Error, Kind};
use crate::report::{PointFacts, Report};
use crate::stages::context::{Migration, Mode};
use crate::stages::show::show as show_points;
use crate::stages::{dimensions, left_behind, mapping_facts, to_file, write_rejections};
use crate::transform::Transform;

pub(super) async fn run(setup: &Setup, args: TransformArgs) -> Result<ExitCode, Error> {
    // What contradicts itself is told before anything is opened.
    setup.settings.mapping(&args.mapping)?;
    let folder = match &args.out {
        Some(out) => out_folder(out)?,
        None => PathBuf::from("."),
    };
    let scratch = Workspace::scratch(&folder.join("none.migration"))?;
    let mut open = setup.migration(scratch, Mode::Write);
    let mut report = Report::of("transform", setup.global.dry_run);
    let begun = setup.clock.now();
    let outcome = work(setup, &args, &folder, &mut open.migration, &mut report).await;
    report.seconds.total = (setup.clock.now() - begun).as_secs_f64();
    let ending = Ending::new(setup, &mut report, outcome.err()).tell();
    if let Some(points) = report.shown.filter(|_| !setup.global.json) {
        let text = show::render(&points, show::width());
        return Ok(outcome::print(&text, report.exit_code));
    }
    Ok(ending)
}

async fn work(
    setup: &Setup,
    args: &TransformArgs,
    folder: &Path,
    migration: &mut Migration,
    report: &mut Report,
) -> Result<(), Error> {
    let generation = standalone::archive(migration, &args.archive, &args.columns.choice()).await?;
    let transform = standalone::transform(setup, &args.mapping, &generation)?;
    dimensions::tell_shortening(migration, &transform);
    report.dimensions = dimensions::of_archive(migration, &generation, &transform)?;
    if let Some(wanted) = args.show {
        let wanted = usize::from(wanted);
        report.shown = Some(show_points(migration, &generation, &transform, wanted)?);
    }
    match &args.out {
        Some(out) => write(
            setup,
            (out, folder),
            migration,
            (&generation, &transform),
            report,
        ),
        None => Ok(()),
    }
}

/// Writes the records to `out`, and the rejections into its folder.
fn write(
    setup: &Setup,
    (path, folder): (&Path, &Path),
    migration: &Migration,
    (generation, transform): (&Generation, &Transform),
    report: &mut Report,
) -> Result<(), Error> {
    let mut out = Output::begin(path, setup.mode())?;
    to_file::to_file(migration, generation, transform, out.writer())?;
    out.finish(path, folder)?;
    let totals = migration.ledger.totals()?;
    report.left_behind = Some(left_behind(&migration.ledger)?);
    report.mapping = Some(mapping_facts(&migration.ledger, transform.mapping())?);
    if setup.mode() == Mode::Write {
        write_rejections(&migration.ledger, folder)?;
    }
    report.points = Some(PointFacts {
        source: Some(generation.count()),
        archived: generation.count(),
        rejected: totals.rejected,
        ..PointFacts::default()
    });
    Ok(())
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
    File(Unfinished),
    Nothing(std::io::Sink),
}

/// A file that is removed unless it gets its name.
struct Unfinished {
    file: disk::File,
    named: bool,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.named {
            // What is left of it has a name that says so.
            let _ = disk::remove(self.file.path());
        }
    }
}

impl Output {
    fn begin(out: &Path, mode: Mode) -> Result<Self, Error> {
        if mode == Mode::DryRun {
            return Ok(Self::Nothing(std::io::sink()));
        }
        let mut name = out.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let file = disk::File::create(Path::new(&name)).map_err(|error| unwritable(out, error))?;
        Ok(Self::File(Unfinished { file, named: false }))
    }

    fn writer(&mut self) -> &mut dyn std::io::Write {
        match self {
            Self::File(unfinished) => &mut unfinished.file,
            Self::Nothing(sink) => sink,
        }
    }

    fn finish(self, out: &Path, folder: &Path) -> Result<(), Error> {
        let Self::File(mut unfinished) = self else {
            return Ok(());
        };
        let file = &unfinished.file;
        let named = file.sync().and_then(|()| disk::rename(file.path(), out));
        unfinished.named = named.is_ok();
        let synced = named.and_then(|()| disk::sync_folder(folder));
        synced.map_err(|error| unwritable(out, error))
    }
}

fn unwritable(out: &Path, error: std::io::Error) -> Error {
    let message = format!("{} cannot be written", out.display());
    let (kind, advice) = Trouble::of(&error).end().unwrap_or((
        Kind::Failed,
        "give a path in a folder that this user can write to",
    ));
    Error::new(kind, message).advise(advice).because(error)
}
