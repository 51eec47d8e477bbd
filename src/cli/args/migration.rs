//! The verbs that work on whole migrations, from a source to an index: given by
//! their places, as jobs, or by their folder.

use std::path::PathBuf;

use clap::Args;

use super::catch_up::CatchUpArgs;
use super::columns::ColumnArgs;
use super::file_index::FileIndexArgs;
use super::jobs::WhichArgs;
use super::permissions::PermissionArgs;
use super::verification::DepthArgs;
use crate::locator::Locator;
use crate::settings::MappingOptions;

/// `plan`
#[derive(Debug, Args)]
pub(in crate::cli) struct PlanArgs {
    /// Where the points are
    #[arg(required_unless_present_any = ["job", "all"])]
    pub from: Option<Locator>,
    /// Where they would go: vectorize:INDEX
    #[arg(required_unless_present_any = ["job", "all"])]
    pub to: Option<Locator>,
    /// Read every point, not only the collection's description
    #[arg(long)]
    pub full: bool,
    #[command(flatten)]
    pub which: WhichArgs,
    #[command(flatten)]
    pub mapping: MappingOptions,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub file_index: FileIndexArgs,
    #[command(flatten)]
    pub permissions: PermissionArgs,
}

/// `verify`
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// The source, an archive folder or a file
    #[arg(required_unless_present_any = ["job", "all"])]
    pub from: Option<Locator>,
    /// What to compare it with: vectorize:INDEX
    #[arg(required_unless_present_any = ["job", "all"])]
    pub to: Option<Locator>,
    #[command(flatten)]
    pub which: WhichArgs,
    #[command(flatten)]
    pub mapping: MappingOptions,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub file_index: FileIndexArgs,
    #[command(flatten)]
    pub depth: DepthArgs,
}

/// `run`
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArgs {
    /// Where the points are
    #[arg(required_unless_present_any = ["job", "all"])]
    pub from: Option<Locator>,
    /// Where they go: vectorize:INDEX
    #[arg(required_unless_present_any = ["job", "all"])]
    pub to: Option<Locator>,
    #[command(flatten)]
    pub which: WhichArgs,
    #[command(flatten)]
    pub options: RunOptions,
}

/// What `run` is told beside the places.
#[derive(Debug, Clone, Default, Args)]
pub(in crate::cli) struct RunOptions {
    #[command(flatten)]
    pub mapping: MappingOptions,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub file_index: FileIndexArgs,
    #[command(flatten)]
    pub permissions: PermissionArgs,
    #[command(flatten)]
    pub depth: DepthArgs,
    #[command(flatten)]
    pub catch_up: CatchUpArgs,
}

/// `rollback`
#[derive(Debug, Args)]
pub(in crate::cli) struct RollbackArgs {
    /// The migration folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Do not ask for the index's name to be typed
    #[arg(long)]
    pub yes: bool,
    /// Also take back a migration that is sealed (run --final)
    #[arg(long)]
    pub reopen: bool,
}
