//! The flags that every verb takes.

use std::path::PathBuf;

use clap::Args;

use crate::settings::PaceOptions;

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub(in crate::cli) struct Global {
    /// The migration folder [default: ./INDEX.migration]
    #[arg(long, global = true, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Do everything but write
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Use the embedded local Cloudflare instead of the real one [default DIR: sandbox/ in the migration folder]
    #[arg(long, global = true, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[expect(
        clippy::option_option,
        reason = "absent, bare, and with a folder are three things"
    )]
    pub sandbox: Option<Option<PathBuf>>,
    /// Create the index and KV namespace where they are missing
    #[arg(long, global = true)]
    pub create: bool,
    /// Print one result object on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Also write a log to this file, a JSON object a line; RUST_LOG=trace for all there is
    #[arg(long, global = true, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// The settings file [default: cf-migrate.toml, where there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Allow plain http to other machines: tokens travel readable
    #[arg(long, global = true)]
    pub insecure_http: bool,
    /// How fast.
    #[command(flatten)]
    pub pace: PaceOptions,
}
