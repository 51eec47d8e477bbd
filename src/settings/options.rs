//! The options that are flags and keys of the settings file alike. One struct
//! serves both, so that they cannot drift apart; this is why clap's derive is
//! seen here, below the command line's own rooms.

use clap::Args;
use serde::Deserialize;

use super::rate::{ApiBudget, MaxBandwidth};
use super::sizes::{Pause, Share, Size};
use crate::error::Error;
use crate::record::{Dimensions, Metric, key_problem};
use crate::transform::{
    BigInts, KeyFiller, LongIds, Mapping, Nulls, Program, Rename, Template, UnsettledPolicy,
};

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
    /// Metadata key of a text beside the payload (Upstash's data) [default: data]
    #[arg(long, value_name = "KEY")]
    pub data_field: Option<String>,
    /// jq program that makes the payload anew, as '.title |= ascii_downcase'; templates see its result
    #[arg(long, value_name = "EXPR")]
    pub map: Option<Program>,
    /// Give keys of the payload other names, which templates see
    #[arg(long, value_name = "OLD=NEW", value_delimiter = ',')]
    pub rename: Option<Vec<Rename>>,
    /// Send no other keys than these
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub keep: Option<Vec<String>>,
    /// Do not send these keys; templates still see them
    #[arg(long, value_name = "KEYS", value_delimiter = ',')]
    pub drop: Option<Vec<String>>,
    /// Keys whose value is null: keep, or drop at every level [default: keep]
    #[arg(long, value_name = "HOW")]
    pub nulls: Option<Nulls>,
    /// Character that replaces what Vectorize forbids in keys, as '_' [default: reject the point]
    #[arg(long, value_name = "CHAR")]
    pub fix_keys: Option<KeyFiller>,
    /// Text to cut where metadata is over 10 KiB, as far as needed [default: reject the point]
    #[arg(long, value_name = "FIELD")]
    pub truncate: Option<String>,
    /// Ids over 64 bytes: reject, or hash (their beginning, ~, and half of a SHA-256) [default: reject]
    #[arg(long, value_name = "HOW")]
    pub long_ids: Option<LongIds>,
    /// Metric of an index that is created from a file, which does not say its own
    #[arg(long, value_name = "METRIC")]
    pub metric: Option<Metric>,
}

/// How fast.
#[derive(Debug, Clone, Default, PartialEq, Args, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[command(next_help_heading = "How fast")]
pub struct PaceOptions {
    /// Parts of a large source (stretches of ids, namespaces) that are read at once [default: 4]
    #[arg(long, value_name = "COUNT", global = true)]
    pub readers: Option<usize>,
    /// Calls to the account in any five minutes, of its 1,200; off for a stand-in that has no such limit [default: 1000]
    #[arg(long, value_name = "CALLS", global = true)]
    pub api_budget: Option<ApiBudget>,
    /// Bytes sent to the account in a second by this process, as 10MB/s or 80Mbit/s [default: off]
    #[arg(long, value_name = "RATE", global = true)]
    pub max_bandwidth: Option<MaxBandwidth>,
    /// Bytes of an upsert, at most 95MB [default: 95MB, less where --memory has no room for two]
    #[arg(long, value_name = "SIZE", global = true)]
    pub batch_bytes: Option<Size>,
    /// Records of an upsert, at most 5,000 [default: 5000]
    #[arg(long, value_name = "COUNT", global = true)]
    pub batch_count: Option<usize>,
    /// Upserts under way at once [default: up to 4 being sent, and more that only wait for their answers]
    #[arg(long, value_name = "COUNT", global = true)]
    pub concurrency: Option<usize>,
    /// Memory of the whole process, at least 96MiB; bodies have all but 64MiB of it [default: 256MiB]
    #[arg(long, value_name = "SIZE", global = true)]
    pub memory: Option<Size>,
    /// How long the index may make no progress before we stop [default: 15m]
    #[arg(long, value_name = "TIME", global = true)]
    pub settle_timeout: Option<Pause>,
    /// Records that Vectorize itself may refuse before we stop: a share of all, or 10 where that is more; 0 for none [default: 1%]
    #[arg(
        long,
        value_name = "SHARE",
        global = true,
        help_heading = "Permissions"
    )]
    pub max_poison: Option<Share>,
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
            data_field: self.data_field.or(lower.data_field),
            map: self.map.or(lower.map),
            rename: self.rename.or(lower.rename),
            keep: self.keep.or(lower.keep),
            drop: self.drop.or(lower.drop),
            nulls: self.nulls.or(lower.nulls),
            fix_keys: self.fix_keys.or(lower.fix_keys),
            truncate: self.truncate.or(lower.truncate),
            long_ids: self.long_ids.or(lower.long_ids),
            metric: self.metric.or(lower.metric),
        }
    }

    /// Refuses what each option alone cannot see to be wrong.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(rule) = self.data_field.as_deref().and_then(key_problem) {
            return Err(Error::usage(format!(
                "--data-field {:?} {rule}, which Vectorize refuses",
                self.data_field.as_deref().unwrap_or_default()
            ))
            .advise("choose a key without '.', '\"' and a leading '$'"));
        }
        let renames = self.rename.as_deref().unwrap_or_default();
        for (position, rename) in renames.iter().enumerate() {
            if renames[..position]
                .iter()
                .any(|other| other.from == rename.from)
            {
                return Err(Error::usage(format!(
                    "--rename gives the key '{}' two new names",
                    rename.from
                ))
                .advise("give each key one; to have a value twice, use --map"));
            }
        }
        Ok(())
    }

    /// The mapping that these options change from `base`.
    pub fn over(&self, base: &Mapping) -> Mapping {
        Mapping {
            id: or_base(&self.id, &base.id),
            namespace: self.namespace.clone().or_else(|| base.namespace.clone()),
            vector: self.vector.clone().or_else(|| base.vector.clone()),
            dims: self.dims.or(base.dims),
            file_key: or_base(&self.file_key, &base.file_key),
            order_by: or_base(&self.order_by, &base.order_by),
            big_ints: self.big_ints.unwrap_or(base.big_ints),
            unsettled: self.doubtful.unwrap_or(base.unsettled),
            data_field: or_base(&self.data_field, &base.data_field),
            map: self.map.clone().or_else(|| base.map.clone()),
            rename: or_base(&self.rename, &base.rename),
            keep: or_base(&self.keep, &base.keep),
            drop: or_base(&self.drop, &base.drop),
            nulls: self.nulls.unwrap_or(base.nulls),
            fix_keys: self.fix_keys.or(base.fix_keys),
            truncate: self.truncate.clone().or_else(|| base.truncate.clone()),
            long_ids: self.long_ids.unwrap_or(base.long_ids),
        }
    }
}

fn or_base<T: Clone>(given: &Option<T>, base: &T) -> T {
    given.as_ref().unwrap_or(base).clone()
}

impl PaceOptions {
    /// These, and the others where these say nothing.
    #[must_use]
    pub fn or(self, lower: Self) -> Self {
        Self {
            readers: self.readers.or(lower.readers),
            api_budget: self.api_budget.or(lower.api_budget),
            max_bandwidth: self.max_bandwidth.or(lower.max_bandwidth),
            batch_bytes: self.batch_bytes.or(lower.batch_bytes),
            batch_count: self.batch_count.or(lower.batch_count),
            concurrency: self.concurrency.or(lower.concurrency),
            memory: self.memory.or(lower.memory),
            settle_timeout: self.settle_timeout.or(lower.settle_timeout),
            max_poison: self.max_poison.or(lower.max_poison),
        }
    }
}
