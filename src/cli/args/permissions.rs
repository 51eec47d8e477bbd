//! What a migration may do to what is there already.

use clap::Args;

/// What may be done without asking again.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Permissions")]
pub(in crate::cli) struct PermissionArgs {
    /// Replace vectors that are in the index already
    #[arg(long)]
    pub overwrite: bool,
    /// Save first what --overwrite replaces, so that a rollback can bring it back (20 vectors a request)
    #[arg(long, requires = "overwrite")]
    pub keep_overwritten: bool,
    /// Go on when up to so many points cannot become records [default: 0]
    #[arg(long, value_name = "COUNT")]
    pub allow_rejects: Option<u64>,
    /// Delete what vanished from the source since it was migrated, and file-index entries none
    /// of whose vectors exists
    #[arg(long)]
    pub prune: bool,
    /// As --prune, even when more than half vanished or rejected points may hide some of it
    #[arg(long)]
    pub prune_anyway: bool,
}
