//! What every verb begins with: settings, clock, listener.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::cli::args::Global;
use crate::cli::workspace::Workspace;
use crate::cli::{interrupt, log, open, progress};
use crate::clock::Clock;
use crate::cloudflare::IndexName;
use crate::error::Error;
use crate::folder::MigrationFolder;
use crate::http::Budget;
use crate::progress::{Progress, Remembering};
use crate::settings::{ConfigFile, Environment, Pace, Settings};
use crate::stages::context::{Migration, Mode, Stop};
use crate::stages::prepare::Accounts;

/// What every verb begins with.
pub(in crate::cli) struct Setup {
    pub(in crate::cli) global: Global,
    pub(in crate::cli) settings: Settings,
    pub(in crate::cli) pace: Pace,
    pub(in crate::cli) clock: Clock,
    pub(in crate::cli) progress: Arc<Remembering>,
    pub(in crate::cli) stop: Stop,
    /// What all jobs of the command may call together; none where there is only one.
    pub(in crate::cli) together: Option<Budget>,
}

impl Setup {
    pub(super) fn new(global: &Global) -> Result<Self, Error> {
        if let Some(path) = &global.log {
            log::start(path)?;
        }
        let environment = Environment::read(|name| std::env::var(name).ok());
        let settings = Settings::new(environment, ConfigFile::load(global.config.as_deref())?);
        let clock = Clock::real();
        Ok(Self {
            global: global.clone(),
            pace: settings.pace(&global.pace)?,
            settings,
            clock,
            progress: Arc::new(Remembering::new(progress::listener(clock))),
            stop: interrupt::listen(),
            together: None,
        })
    }

    /// The same for a part of the command that has settings of its own.
    pub(super) fn with(&self, global: Global, settings: Settings) -> Result<Self, Error> {
        Ok(Self {
            pace: settings.pace(&global.pace)?,
            global,
            settings,
            clock: self.clock,
            progress: Arc::clone(&self.progress),
            stop: self.stop.clone(),
            together: self.together.clone(),
        })
    }

    pub(super) fn mode(&self) -> Mode {
        if self.global.dry_run {
            Mode::DryRun
        } else {
            Mode::Write
        }
    }

    /// The migration folder of an index.
    pub(super) fn dir(&self, index: &IndexName) -> PathBuf {
        let default = || PathBuf::from(format!("{index}.migration"));
        self.global.dir.clone().unwrap_or_else(default)
    }

    /// The account, or the embedded sandbox.
    pub(super) fn accounts(&self, dir: &Path, mode: Mode) -> Result<Accounts, Error> {
        open::accounts(self, dir, mode)
    }

    /// A migration in that workspace.
    pub(super) fn migration(&self, workspace: Workspace, mode: Mode) -> OpenMigration {
        let (folder, ledger, archive, scratch) = workspace.into_parts();
        let migration = Migration {
            ledger,
            archive,
            clock: self.clock,
            progress: Arc::clone(&self.progress) as Arc<dyn Progress>,
            stop: self.stop.clone(),
            pace: self.pace.clone(),
            mode,
        };
        OpenMigration {
            migration,
            folder,
            scratch,
        }
    }
}

/// A migration, and what keeps its folder.
pub(super) struct OpenMigration {
    pub(super) migration: Migration,
    pub(super) folder: Option<MigrationFolder>,
    pub(super) scratch: Option<TempDir>,
}
