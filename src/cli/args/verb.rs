//! The verbs, each with an example in its help that works.

use clap::Subcommand;

use super::archive::{ExportArgs, RestoreArgs, TransformArgs, UpsertArgs};
use super::file_index::IndexArgs;
use super::migration::{PlanArgs, RollbackArgs, RunArgs, VerifyArgs};
use super::sandbox::SandboxArgs;

/// What to do.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Verb {
    /// Look at both ends and say what stands in the way; writes nothing
    #[command(
        override_usage = usage("plan"),
        after_help = "Examples: cf-migrate plan qdrant:docs vectorize:docs --create\n          \
        cf-migrate plan --all"
    )]
    Plan(PlanArgs),
    /// Copy a source into an archive; resumable
    #[command(
        after_help = "Examples: cf-migrate export qdrant:docs docs.archive\n          \
        cf-migrate export vectorize:docs docs.backup"
    )]
    Export(ExportArgs),
    /// Turn an archive into NDJSON in Vectorize's own form
    #[command(
        after_help = "Examples: cf-migrate transform docs.archive docs.ndjson --id '{file_id}_{chunk_index}'\n          \
        cf-migrate transform docs.archive --show 3 --drop text --fix-keys _"
    )]
    Transform(TransformArgs),
    /// Write an archive's records to Vectorize; resumable
    #[command(after_help = "Example: cf-migrate upsert points.ndjson vectorize:docs --create")]
    Upsert(UpsertArgs),
    /// Build the file index in Workers KV, from an archive or from Vectorize itself
    #[command(
        after_help = "Examples: cf-migrate index docs.migration/archive kv:files\n          \
        cf-migrate index vectorize:docs kv:files --id '{file_id}_{chunk_index}'"
    )]
    Index(IndexArgs),
    /// Compare the index (and the file index) with the source
    #[command(
        override_usage = usage("verify"),
        after_help = "Examples: cf-migrate verify qdrant:docs vectorize:docs --file-index kv:files\n          \
        cf-migrate verify --all"
    )]
    Verify(VerifyArgs),
    /// The whole migration; the same command again resumes, and once complete catches up with the source
    #[command(
        override_usage = usage("run"),
        after_help = "Examples: cf-migrate run fixtures/project_docs.ndjson vectorize:docs --file-index kv:files \\\n           \
        --id '{file_id}_{chunk_index}' --create --sandbox\n          \
        cf-migrate run qdrant:docs vectorize:docs --follow 15m --prune\n          \
        cf-migrate run qdrant:docs vectorize:docs --prune --final\n          \
        cf-migrate run --all\n          \
        cf-migrate run --job docs"
    )]
    Run(RunArgs),
    /// Print the names of the jobs in cf-migrate.toml, one a line
    #[command(
        after_help = "Example: cf-migrate jobs --config tenants.toml\n\nFor engines that spread them: docs/scaling.md"
    )]
    Jobs,
    /// Take back what a migration wrote, where it still is what was written; resumable
    #[command(
        after_help = "Examples: cf-migrate rollback docs.migration --dry-run\n          \
        cf-migrate rollback docs.migration"
    )]
    Rollback(RollbackArgs),
    /// Put an archive back into Qdrant, as it was; the same command again resumes
    #[command(
        after_help = "Examples: cf-migrate restore docs.archive qdrant:docs\n          \
        cf-migrate restore points.ndjson qdrant:docs --distance cosine --sample all"
    )]
    Restore(RestoreArgs),
    /// Serve the local Cloudflare on loopback, for any client
    #[command(
        after_help = "Example: cf-migrate sandbox --listen 127.0.0.1:8787 --dir sandbox --token T --account A"
    )]
    Sandbox(SandboxArgs),
}

/// How a verb is given that takes places or jobs.
fn usage(verb: &str) -> String {
    let given = ["<FROM> <TO>", "--job <NAME>", "--all"];
    let lines = given.map(|given| format!("cf-migrate {verb} {given} [OPTIONS]"));
    lines.join("\n       ")
}
