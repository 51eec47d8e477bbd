//! The verbs that make an archive or begin with one.

use std::path::PathBuf;

use clap::Args;

use super::columns::ColumnArgs;
use super::permissions::PermissionArgs;
use super::verification::at_least_one;
use crate::locator::Locator;
use crate::point::Distance;
use crate::settings::MappingOptions;
use crate::stages::restore::Sample;

/// `export`
#[derive(Debug, Args)]
pub(in crate::cli) struct ExportArgs {
    /// Where the points are; vectorize:INDEX for a backup of an index
    pub from: Locator,
    /// The archive folder
    pub archive: PathBuf,
    /// Which named vector is meant for Vectorize; all are archived
    #[arg(long, value_name = "NAME")]
    pub vector: Option<String>,
    #[command(flatten)]
    pub columns: ColumnArgs,
}

/// `transform`
#[derive(Debug, Args)]
pub(in crate::cli) struct TransformArgs {
    /// The archive folder, or a file
    pub archive: PathBuf,
    /// The file to write; rejections go to rejected.ndjson beside it
    #[arg(required_unless_present = "show")]
    pub out: Option<PathBuf>,
    /// Show so many points before and after, those first that are rejected or changed; without OUT nothing is written
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub show: Option<u16>,
    #[command(flatten)]
    pub mapping: MappingOptions,
    #[command(flatten)]
    pub columns: ColumnArgs,
}

/// `upsert`
#[derive(Debug, Args)]
pub(in crate::cli) struct UpsertArgs {
    /// The archive folder, or a file
    pub archive: Locator,
    /// Where the records go: vectorize:INDEX
    pub to: Locator,
    #[command(flatten)]
    pub mapping: MappingOptions,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub permissions: PermissionArgs,
}

/// `restore`
#[derive(Debug, Args)]
pub(in crate::cli) struct RestoreArgs {
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
    pub columns: ColumnArgs,
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
