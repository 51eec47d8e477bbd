//! The file index: as the matter of a verb, and as what others build or compare
//! beside the vectors.

use std::time::Duration;

use clap::Args;

use super::columns::ColumnArgs;
use crate::locator::Locator;
use crate::settings::{MappingOptions, Pause};

/// `index`
#[derive(Debug, Args)]
pub(in crate::cli) struct IndexArgs {
    /// The archive folder, or vectorize:INDEX
    pub from: Locator,
    /// Where the entries go: kv:NAMESPACE
    pub to: Locator,
    #[command(flatten)]
    pub mapping: MappingOptions,
    #[command(flatten)]
    pub columns: ColumnArgs,
    #[command(flatten)]
    pub entries: EntryArgs,
    /// Remove entries none of whose vectors exists
    #[arg(long)]
    pub prune: bool,
}

/// Where the file index goes, where it is optional.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "File index")]
pub(in crate::cli) struct FileIndexArgs {
    /// Also build (or compare) the file index in this KV namespace: kv:NAMESPACE; by
    /// default the one that the migration has made already
    #[arg(long, value_name = "KV")]
    pub file_index: Option<Locator>,
    #[command(flatten)]
    pub entries: EntryArgs,
}

/// How entries are kept.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "File index")]
pub(in crate::cli) struct EntryArgs {
    /// Key of the number of vectors, also kv:NAMESPACE/KEY [default: _vector_count]
    #[arg(long, value_name = "KEY")]
    pub count_key: Option<String>,
    /// Let entries expire after this time [default: never]
    #[arg(long, value_name = "TIME")]
    pub kv_ttl: Option<Pause>,
}

impl EntryArgs {
    /// The time to live, in whole seconds.
    pub(in crate::cli) fn ttl(&self) -> Option<Duration> {
        self.kv_ttl.map(Pause::get)
    }
}
