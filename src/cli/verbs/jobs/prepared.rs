//! A job with everything resolved that can be without asking anybody: its
//! settings, its folder, its index. What is wrong in it is told with its name.

use std::path::PathBuf;

use super::Wanted;
use crate::cli::args::{
    CatchUpArgs, ColumnArgs, DepthArgs, EntryArgs, FileIndexArgs, Global, PermissionArgs,
    RunOptions,
};
use crate::cli::open;
use crate::cli::verbs::setup::Setup;
use crate::error::Error;
use crate::progress::{Level, Progress as _};
use crate::settings::{JobSection, MappingOptions, NamedJob};
use crate::stages::prepare::FileIndexWish;

/// A job, ready to begin.
pub(in crate::cli::verbs) struct Prepared {
    pub(super) name: String,
    /// The command's own, with this job's settings.
    pub(in crate::cli::verbs) setup: Setup,
    pub(in crate::cli::verbs) wanted: Wanted,
    pub(super) index: String,
    pub(super) dir: PathBuf,
    pub(super) file_index: Option<FileIndexWish>,
    pub(super) mapping: MappingOptions,
    /// Keys of it that variables win over.
    overruled: Vec<String>,
}

impl Prepared {
    /// The job with the flags of the command line above it.
    ///
    /// # Errors
    ///
    /// Usage: what is wrong in it, with its name.
    pub(super) fn new(setup: &Setup, job: &NamedJob, flags: &RunOptions) -> Result<Self, Error> {
        Self::under(&setup.global, setup, job, flags)
            .map_err(|error| error.about(&format!("job {}", job.name)))
    }

    /// The same under other flags than the command's.
    pub(super) fn under(
        global: &Global,
        setup: &Setup,
        job: &NamedJob,
        flags: &RunOptions,
    ) -> Result<Self, Error> {
        let section = &job.section;
        if section.keep_overwritten && !section.overwrite {
            return Err(Error::usage(
                "keep-overwritten saves what overwrite replaces, which is not set",
            )
            .advise("add overwrite = true, or leave out keep-overwritten"));
        }
        let settings = setup.settings.of_job(section)?;
        let setup = setup.with(of_job(global, section), settings)?;
        let options = merged(flags.clone(), section);
        let index = open::index_name(&section.to, &setup.settings)?;
        if setup.global.sandbox.is_none() {
            setup.settings.cloudflare()?;
        }
        Ok(Self {
            name: job.name.clone(),
            dir: setup.dir(&index),
            index: index.as_str().to_owned(),
            file_index: open::file_index(&options.file_index, &setup.settings)?,
            mapping: setup.settings.mapping(&options.mapping)?,
            overruled: setup.settings.overruled(section)?,
            wanted: Wanted {
                from: section.from.clone(),
                to: section.to.clone(),
                options,
            },
            setup,
        })
    }

    /// Says whatever of it is not as its section says.
    pub(in crate::cli::verbs) fn begin(&self) {
        self.setup.progress.forget();
        for told in &self.overruled {
            self.setup.progress.remark(Level::Warning, told);
        }
    }
}

fn of_job(global: &Global, section: &JobSection) -> Global {
    Global {
        dir: global.dir.clone().or_else(|| section.dir.clone()),
        create: global.create || section.create,
        ..global.clone()
    }
}

/// The flags, and the job's own keys where they say nothing; its mapping and pace
/// are in its settings.
fn merged(flags: RunOptions, job: &JobSection) -> RunOptions {
    let own = job.clone();
    RunOptions {
        mapping: flags.mapping,
        columns: ColumnArgs {
            id_column: flags.columns.id_column.or(own.id_column),
            vector_column: flags.columns.vector_column.or(own.vector_column),
        },
        file_index: FileIndexArgs {
            file_index: flags.file_index.file_index.or(own.file_index),
            entries: EntryArgs {
                count_key: flags.file_index.entries.count_key.or(own.count_key),
                kv_ttl: flags.file_index.entries.kv_ttl.or(own.kv_ttl),
            },
        },
        permissions: permissions(&flags.permissions, job),
        depth: DepthArgs {
            sample: flags.depth.sample.or(own.sample.map(Into::into)),
            sample_seed: flags.depth.sample_seed.or(own.sample_seed),
        },
        catch_up: CatchUpArgs {
            keep_generations: flags.catch_up.keep_generations.or(own.keep_generations),
            ..flags.catch_up
        },
    }
}

fn permissions(flags: &PermissionArgs, job: &JobSection) -> PermissionArgs {
    PermissionArgs {
        overwrite: flags.overwrite || job.overwrite,
        keep_overwritten: flags.keep_overwritten || job.keep_overwritten,
        allow_rejects: flags.allow_rejects.or(job.allow_rejects),
        prune: flags.prune || job.prune,
        prune_anyway: flags.prune_anyway || job.prune_anyway,
    }
}
