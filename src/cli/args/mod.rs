//! What can be given on the command line: the command, its verbs, and the flags of
//! each, grouped as the help shows them. Flags are valid anywhere. Those that are keys
//! of the settings file under `[mapping]` and `[pace]` too stand in `settings::options`.

mod archive;
mod catch_up;
mod columns;
mod file_index;
mod global;
mod jobs;
mod migration;
mod permissions;
mod sandbox;
#[cfg(test)]
mod tests;
mod verb;
mod verification;

use clap::Parser;

pub(super) use archive::{ExportArgs, RestoreArgs, TransformArgs, UpsertArgs};
pub(super) use catch_up::CatchUpArgs;
pub(super) use columns::ColumnArgs;
pub(super) use file_index::{EntryArgs, FileIndexArgs, IndexArgs};
pub(super) use global::Global;
pub(super) use jobs::WhichArgs;
pub(super) use migration::{PlanArgs, RollbackArgs, RunArgs, RunOptions, VerifyArgs};
pub(super) use permissions::PermissionArgs;
pub(super) use sandbox::SandboxArgs;
pub(super) use verb::Verb;
pub(super) use verification::DepthArgs;

/// Moves vector collections into Cloudflare Vectorize, rebuilds their Workers KV
/// file index, and proves that nothing was lost.
#[derive(Debug, Parser)]
#[command(
    name = "cf-migrate",
    version,
    max_term_width = 100,
    after_help = "Places: qdrant:COLLECTION, upstash:[NAMESPACE], an archive folder, a .ndjson file (also .gz, .zst),\n  \
        a .parquet file or a folder of them, vectorize:INDEX, kv:NAMESPACE\n\
        Example: cf-migrate run qdrant:docs vectorize:docs --file-index kv:files --id '{file_id}_{chunk_index}'\n\
        Exit codes: 0 done and proven, 1 failed, 2 usage, 3 done with rejections, 4 differences, 5 run again to resume,\n  \
        6 not allowed, 7 the plan refused, 130 interrupted"
)]
pub(super) struct Cli {
    /// What every verb takes.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}
