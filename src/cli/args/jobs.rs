//! The jobs of the settings file.

use clap::Args;

/// Which jobs of the settings file, in the place of FROM and TO.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Jobs of cf-migrate.toml")]
pub(in crate::cli) struct WhichArgs {
    /// Do this job, by its name or its place in the file, counted from 0
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// Do every job, one after the other
    #[arg(long)]
    pub all: bool,
}
