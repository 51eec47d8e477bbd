//! Where the file index is kept: frozen with the plan.

use serde::{Deserialize, Serialize};

use super::Expiry;
use crate::transform::Template;

/// Where the number of vectors is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountKey {
    /// The KV namespace's id.
    pub namespace: String,
    /// The key.
    pub key: String,
}

/// The file index's place and rules.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileIndexPlan {
    /// The KV namespace's id.
    pub namespace: String,
    /// The template of the keys.
    pub file_key: Template,
    /// What every key begins with.
    pub key_prefix: String,
    /// Where the number of vectors is kept.
    pub count: CountKey,
    /// Seconds after which entries expire; none: never.
    pub ttl: Option<u64>,
}

impl FileIndexPlan {
    /// The plan for entries under `file_key` in `namespace`.
    pub fn new(namespace: String, file_key: Template, count: CountKey, ttl: Option<u64>) -> Self {
        let key_prefix = file_key.literal_prefix().to_owned();
        Self {
            namespace,
            file_key,
            key_prefix,
            count,
            ttl,
        }
    }

    /// Whether entries are to expire.
    pub fn expiry(&self) -> Expiry {
        match self.ttl {
            Some(_) => Expiry::Wanted,
            None => Expiry::Never,
        }
    }

    /// Whether a key tells that it belongs to the file index: only where all of
    /// them begin alike, because otherwise any key of the namespace looks like
    /// one, whatever it is for.
    pub fn knows_its_keys(&self) -> bool {
        !self.key_prefix.is_empty()
    }

    /// Whether a key could be one of ours: the template gives such keys, and it
    /// is not where the count is.
    pub fn fits(&self, key: &str) -> bool {
        let is_count = self.count.namespace == self.namespace && self.count.key == key;
        self.knows_its_keys() && !is_count && self.file_key.invert(key).is_some()
    }
}
