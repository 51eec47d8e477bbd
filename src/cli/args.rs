//! Every verb's arguments. Flags are valid anywhere; each help shows an example
//! that works.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::locator::Locator;
use crate::point::Distance;
use crate::sandbox::{FaultRate, Unsettled};
use crate::settings::{MappingOptions, PaceOptions, Pause};
use crate::source::file::ColumnChoice;
use crate::stages::restore::Sample;

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
pub struct Cli {
    /// What every verb takes.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Flags of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Global {
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

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
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

/// `plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Where the points are
    #[arg(required_unless_present_any = ["job", "all"])]
    pub from: Option<Locator>,
    /// Where they would go: vectorize:INDEX
    #[arg(required_unless_present_any = ["job", "all"])]
    pub to: Option<Locator>,
    #[command(flatten)]
    pub(super) which: WhichArgs,
    /// Read every point, not only the collection's description
    #[arg(long)]
    pub full: bool,
    #[command(flatten)]
    pub(super) mapping: MappingOptions,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
    #[command(flatten)]
    pub(super) file_index: FileIndexArgs,
    #[command(flatten)]
    pub(super) permissions: PermissionArgs,
}

/// `export`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Where the points are; vectorize:INDEX for a backup of an index
    pub from: Locator,
    /// The archive folder
    pub archive: PathBuf,
    /// Which named vector is meant for Vectorize; all are archived
    #[arg(long, value_name = "NAME")]
    pub vector: Option<String>,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
}

/// `transform`
#[derive(Debug, Args)]
pub struct TransformArgs {
    /// The archive folder, or a file
    pub archive: PathBuf,
    /// The file to write; rejections go to rejected.ndjson beside it
    #[arg(required_unless_present = "show")]
    pub out: Option<PathBuf>,
    /// Show so many points before and after, those first that are rejected or changed; without OUT nothing is written
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub show: Option<u16>,
    #[command(flatten)]
    pub(super) mapping: MappingOptions,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
}

/// `upsert`
#[derive(Debug, Args)]
pub struct UpsertArgs {
    /// The archive folder, or a file
    pub archive: Locator,
    /// Where the records go: vectorize:INDEX
    pub to: Locator,
    #[command(flatten)]
    pub(super) mapping: MappingOptions,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
    #[command(flatten)]
    pub(super) permissions: PermissionArgs,
}

/// `index`
#[derive(Debug, Args)]
pub struct IndexArgs {
    /// The archive folder, or vectorize:INDEX
    pub from: Locator,
    /// Where the entries go: kv:NAMESPACE
    pub to: Locator,
    #[command(flatten)]
    pub(super) mapping: MappingOptions,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
    #[command(flatten)]
    pub(super) entries: EntryArgs,
    /// Remove entries none of whose vectors exists
    #[arg(long)]
    pub prune: bool,
}

/// `verify`
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The source, an archive folder or a file
    #[arg(required_unless_present_any = ["job", "all"])]
    pub from: Option<Locator>,
    /// What to compare it with: vectorize:INDEX
    #[arg(required_unless_present_any = ["job", "all"])]
    pub to: Option<Locator>,
    #[command(flatten)]
    pub(super) which: WhichArgs,
    #[command(flatten)]
    pub(super) mapping: MappingOptions,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
    #[command(flatten)]
    pub(super) file_index: FileIndexArgs,
    #[command(flatten)]
    pub(super) depth: DepthArgs,
}

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Where the points are
    #[arg(required_unless_present_any = ["job", "all"])]
    pub from: Option<Locator>,
    /// Where they go: vectorize:INDEX
    #[arg(required_unless_present_any = ["job", "all"])]
    pub to: Option<Locator>,
    #[command(flatten)]
    pub(super) which: WhichArgs,
    #[command(flatten)]
    pub(super) options: RunOptions,
}

/// Which jobs of the settings file, in the place of FROM and TO.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Jobs of cf-migrate.toml")]
pub(super) struct WhichArgs {
    /// Do this job, by its name or its place in the file, counted from 0
    #[arg(long, value_name = "NAME")]
    pub job: Option<String>,
    /// Do every job, one after the other
    #[arg(long)]
    pub all: bool,
}

/// What `run` is told beside the places.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct RunOptions {
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
pub struct RollbackArgs {
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

/// `restore`
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The archive folder, or a file
    pub archive: PathBuf,
    /// Where the points go: qdrant:COLLECTION, made where it is missing
    pub to: Locator,
    /// How vectors are compared, where the archive does not know: cosine, dot, euclid, manhattan
    #[arg(long, value_name = "DISTANCE", value_parser = distance)]
    pub distance: Option<Distance>,
    /// Keep each point's namespace in this field of its payload: Qdrant has no namespaces
    #[arg(long, value_name = "NAME")]
    pub namespace_field: Option<String>,
    /// Keep Upstash's text beside the metadata in this field of the payload
    #[arg(long, value_name = "NAME")]
    pub data_field: Option<String>,
    /// Replace points that are in the collection already; others there stay
    #[arg(long)]
    pub overwrite: bool,
    /// Points that are read back and compared, or all
    #[arg(long, value_name = "COUNT", default_value = "3000", value_parser = sample)]
    pub sample: Sample,
    /// Which of them, when not all
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub sample_seed: u64,
    #[command(flatten)]
    pub(super) columns: ColumnArgs,
}

/// A distance by its name.
fn distance(text: &str) -> Result<Distance, String> {
    let known = [
        Distance::Cosine,
        Distance::Dot,
        Distance::Euclid,
        Distance::Manhattan,
    ];
    let found = known.into_iter().find(|distance| distance.name() == text);
    found.ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|distance| distance.name()).collect();
        format!("{text:?} is none of {}", names.join(", "))
    })
}

fn sample(text: &str) -> Result<Sample, String> {
    match text {
        "all" => Ok(Sample::All),
        count => at_least_one(count).map(Sample::Count),
    }
}

/// `sandbox`
#[derive(Debug, Args)]
pub struct SandboxArgs {
    /// Where to listen; port 0 lets the system choose, and other than loopback needs --token
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8787")]
    pub listen: std::net::SocketAddr,
    /// The only bearer token that is accepted [default: any]
    #[arg(long)]
    pub token: Option<String>,
    /// The only account id that is accepted [default: any]
    #[arg(long)]
    pub account: Option<String>,
    /// How long after its acceptance a write is applied
    #[arg(long, value_name = "TIME", default_value = "200ms")]
    pub apply_delay: Pause,
    /// How old KV's answers may be, up to 60s
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub stale: Pause,
    /// What to do where Cloudflare's documentation is silent: strict or lenient
    #[arg(long, value_name = "HOW", default_value = "strict")]
    pub unsettled: Unsettled,
    /// Decides which calls meet a fault
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// A fault and how often it is met, as 429:0.01; repeatable
    #[arg(long = "fault", value_name = "KIND:RATE")]
    pub faults: Vec<FaultRate>,
    /// Let the account call as often as it likes
    #[arg(long)]
    pub no_budget: bool,
}

/// Where the file index goes, where it is optional.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "File index")]
pub(super) struct FileIndexArgs {
    /// Also build (or compare) the file index in this KV namespace: kv:NAMESPACE; by
    /// default the one that the migration has made already
    #[arg(long, value_name = "KV")]
    pub file_index: Option<Locator>,
    #[command(flatten)]
    pub(super) entries: EntryArgs,
}

/// How entries are kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "File index")]
pub(super) struct EntryArgs {
    /// Key of the number of vectors, also kv:NAMESPACE/KEY [default: _vector_count]
    #[arg(long, value_name = "KEY")]
    pub count_key: Option<String>,
    /// Let entries expire after this time [default: never]
    #[arg(long, value_name = "TIME")]
    pub kv_ttl: Option<Pause>,
}

/// Which columns of Parquet are what; the others are payload.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Parquet files")]
pub(super) struct ColumnArgs {
    /// Column of the ids [default: id]
    #[arg(long, value_name = "COLUMN")]
    pub id_column: Option<String>,
    /// Column of the vectors [default: vector, values, embedding(s), or the only list of floats]
    #[arg(long, value_name = "COLUMN")]
    pub vector_column: Option<String>,
}

impl ColumnArgs {
    /// The columns that were named.
    pub(super) fn choice(&self) -> ColumnChoice {
        ColumnChoice {
            id: self.id_column.clone(),
            vector: self.vector_column.clone(),
        }
    }
}

/// What may be done without asking again.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Permissions")]
pub(super) struct PermissionArgs {
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

/// How a migration that is complete follows its source.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Catching up")]
pub(super) struct CatchUpArgs {
    /// Repeat the run every so often until stopped, as 15m; what is new or changed is sent
    #[arg(long, value_name = "EVERY", conflicts_with = "final_pass")]
    pub follow: Option<Pause>,
    /// The last pass before the switch-over: read the source once more, and seal the folder
    /// when nothing changed
    #[arg(long = "final")]
    pub final_pass: bool,
    /// Write again to a folder that --final sealed
    #[arg(long)]
    pub reopen: bool,
    /// Generations of the archive to keep; older ones are removed once the newest is proven
    /// [default: 2]
    #[arg(long, value_name = "N")]
    pub keep_generations: Option<NonZeroU32>,
}

/// How deep to verify.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Verification")]
pub(super) struct DepthArgs {
    /// Records whose values are read back and compared [default: 3000]
    #[arg(long, value_name = "COUNT", value_parser = at_least_one)]
    pub sample: Option<usize>,
    /// Which of them, when not all [default: 1]
    #[arg(long, value_name = "SEED")]
    pub sample_seed: Option<u64>,
}

/// Comparing nothing would prove nothing.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 record has to be compared".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("{text:?} is not a number: {error}")),
    }
}

impl EntryArgs {
    /// The time to live, in whole seconds.
    pub(super) fn ttl(&self) -> Option<Duration> {
        self.kv_ttl.map(Pause::get)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_in_a_help_text_parses() {
        let command = Cli::command();
        let mut examples = 0;
        for verb in std::iter::once(&command).chain(command.get_subcommands()) {
            let help = verb
                .get_after_help()
                .expect("each help shows an example")
                .to_string();
            let joined = help.replace("\\\n", " ");
            for line in joined
                .lines()
                .filter_map(|line| line.split_once("cf-migrate "))
            {
                let words = shlex::split(line.1).expect("an example is a shell line");
                let parsed =
                    Cli::try_parse_from(std::iter::once("cf-migrate".to_owned()).chain(words));
                parsed.unwrap_or_else(|error| panic!("{line:?}: {error}"));
                examples += 1;
            }
        }
        assert_eq!(examples, 23);
    }

    /// What is of a command, and not of a migration.
    const NO_KEYS: [&str; 12] = [
        "all",
        "config",
        "dry-run",
        "final",
        "follow",
        "help",
        "insecure-http",
        "job",
        "json",
        "log",
        "reopen",
        "sandbox",
    ];

    #[test]
    fn every_flag_of_run_is_a_key_of_a_job_under_its_name() {
        let mut keys = expected_keys("[jobs.a]\n? = 1");
        keys.extend(expected_keys("[jobs.a]\nmapping.? = 1"));
        keys.extend(expected_keys("[jobs.a]\npace.? = 1"));
        let mut command = Cli::command();
        command.build();
        let run = command.find_subcommand("run").unwrap();
        for flag in run.get_arguments().filter_map(|flag| flag.get_long()) {
            let key = keys.iter().any(|key| key == flag);
            assert!(key != NO_KEYS.contains(&flag), "--{flag}");
        }
    }

    /// The keys that the file may have where it has `?`.
    fn expected_keys(toml: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jobs.toml");
        std::fs::write(&path, toml.replace('?', "no-key")).unwrap();
        let error = crate::settings::ConfigFile::load(Some(&path)).unwrap_err();
        let text = crate::report::facts::chain(&error);
        let (_, keys) = text.split_once("expected one of ").unwrap();
        let keys = keys.split(", ").map(|key| key.trim_matches('`').to_owned());
        keys.collect()
    }

    #[test]
    fn flags_are_valid_anywhere() {
        let before = "cf-migrate --json --sandbox=box run a.ndjson vectorize:i";
        let after = "cf-migrate run a.ndjson --sandbox vectorize:i --json";
        for line in [before, after] {
            let cli = Cli::try_parse_from(line.split(' ')).unwrap();
            assert!(cli.global.json && cli.global.sandbox.is_some());
        }
    }
}
