//! The options that are flags and keys of the settings file alike. One struct
//! serves both, so that they cannot drift apart; this is why clap's derive is
//! seen here, below the command line's own rooms.

use clap::Args;
use serde::Deserialize;

use super::sizes::{Pause, Size};
use crate::record::{Dimensions, Metric};
use crate::transform::{BigInts, Mapping, Template, UnsettledPolicy};

/// What is written: frozen with the plan.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[command(next_help_heading = "What is written")]
pub struct MappingOptions {
    /// Template of the vector ids, over payload fields, {id} and {namespace} [default: {id}]
    #[arg(long, value_name = "TEMPLATE")]
    pub id: Option<Template>,
    /// Template of the namespaces [default: the source's own]
    #[arg(long, value_name = "TEMPLATE")]
    pub namespace: Option<Template>,
    /// Which named vector to take
    #[arg(long, value_name = "NAME")]
    pub vector: Option<String>,
    /// Keep only the first N numbers of every vector, 32 to 1536; renormalised for a cosine index
    #[arg(long, value_name = "N")]
    pub dims: Option<Dimensions>,
    /// Template of the file index's keys [default: file:{file_id}]
    #[arg(long, value_name = "TEMPLATE")]
    pub file_key: Option<Template>,
    /// Payload field that orders a file's vectors [default: chunk_index]
    #[arg(long, value_name = "FIELD")]
    pub order_by: Option<String>,
    /// Integers beyond 2^53, which Vectorize cannot hold: reject, string or number [default: reject]
    #[arg(long, value_name = "HOW")]
    pub big_ints: Option<BigInts>,
    /// What Cloudflare's documentation leaves open (null metadata, zero vectors, ...): send or reject [default: send]
    #[arg(long, value_name = "HOW")]
    pub doubtful: Option<UnsettledPolicy>,
    /// Metric of an index that is created from a file, which does not say its own
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<Metric>,
}

/// How fast.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[command(next_help_heading = "How fast")]
pub struct PaceOptions {
    /// Calls to the account in any five minutes, of its 1,200 [default: 1000]
    #[arg(long, value_name = "CALLS", global = true)]
    pub api_budget: Option<u32>,
    /// Bytes of an upsert [default: 32MiB, up to 95MB where requests bind]
    #[arg(long, value_name = "SIZE", global = true)]
    pub batch_bytes: Option<Size>,
    /// Records of an upsert, at most 5,000 [default: 5000]
    #[arg(long, value_name = "COUNT", global = true)]
    pub batch_count: Option<usize>,
    /// Upserts on the wire at once [default: 4]
    #[arg(long, value_name = "COUNT", global = true)]
    pub concurrency: Option<usize>,
    /// Memory for bodies being encoded and sent [default: 256MiB]
    #[arg(long, value_name = "SIZE", global = true)]
    pub memory: Option<Size>,
    /// How long the index may make no progress before we stop [default: 15m]
    #[arg(long, value_name = "TIME", global = true)]
    pub settle_timeout: Option<Pause>,
}

impl MappingOptions {
    /// These, and the others where these say nothing.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        Self {
            id: self.id.or(lower.id),
            namespace: self.namespace.or(lower.namespace),
            vector: self.vector.or(lower.vector),
            dims: self.dims.or(lower.dims),
            file_key: self.file_key.or(lower.file_key),
            order_by: self.order_by.or(lower.order_by),
            big_ints: self.big_ints.or(lower.big_ints),
            doubtful: self.doubtful.or(lower.doubtful),
            metric: self.metric.or(lower.metric),
        }
    }

    /// The mapping that these options change from `base`.
    pub fn over(&self, base: &Mapping) -> Mapping {
        Mapping {
            id: self.id.clone().unwrap_or_else(|| base.id.clone()),
            namespace: self.namespace.clone().or_else(|| base.namespace.clone()),
            vector: self.vector.clone().or_else(|| base.vector.clone()),
            dims: self.dims.or(base.dims),
            file_key: self
                .file_key
                .clone()
                .unwrap_or_else(|| base.file_key.clone()),
            order_by: self
                .order_by
                .clone()
                .unwrap_or_else(|| base.order_by.clone()),
            big_ints: self.big_ints.unwrap_or(base.big_ints),
            unsettled: self.doubtful.unwrap_or(base.unsettled),
        }
    }
}

impl PaceOptions {
    /// These, and the others where these say nothing.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        Self {
            api_budget: self.api_budget.or(lower.api_budget),
            batch_bytes: self.batch_bytes.or(lower.batch_bytes),
            batch_count: self.batch_count.or(lower.batch_count),
            concurrency: self.concurrency.or(lower.concurrency),
            memory: self.memory.or(lower.memory),
            settle_timeout: self.settle_timeout.or(lower.settle_timeout),
        }
    }
}
