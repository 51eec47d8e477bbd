//! Entries that belong to no file of ours and none of whose vectors exists.

use super::{FileIndex, Holdings, READ_AT_ONCE, parse_ids};
use crate::cloudflare::KvValue;
use crate::error::Error;
use crate::ledger::{Doubt, Listed, Suspect};

/// Keys looked at together.
const KEYS_AT_ONCE: usize = READ_AT_ONCE * 10;

/// An entry none of whose vectors exists.
#[derive(Debug, Clone)]
pub struct Stale {
    /// Its key.
    pub key: String,
    /// What it holds.
    pub stored: KvValue,
}

impl FileIndex<'_> {
    /// Makes suspects of the stale ones among the next listed keys after `after`;
    /// says where the next ones begin. None are where keys do not tell that they
    /// belong to the file index, or where no index can be asked.
    pub async fn suspect_stale(&self, after: Option<&str>) -> Result<Option<String>, Error> {
        if !self.plan.knows_its_keys() || matches!(self.holdings, Holdings::Unknown) {
            return Ok(None);
        }
        let strangers = self.ledger.listed_without_file(after, KEYS_AT_ONCE)?;
        let next = strangers.last().map(|listed| listed.key.clone());
        let found = self.stale_among(strangers).await?;
        let suspects: Vec<Suspect> = found
            .into_iter()
            .map(|stale| Suspect {
                told: stale.key.clone(),
                key: stale.key,
                doubt: Doubt::Stale,
            })
            .collect();
        self.ledger.add_suspects(&suspects)?;
        Ok(next)
    }

    /// Those of these keys that are listed and stale now.
    pub async fn still_stale(&self, keys: &[String]) -> Result<Vec<Stale>, Error> {
        let mut listed = Vec::with_capacity(keys.len());
        for key in keys {
            listed.extend(self.ledger.listed(key)?);
        }
        self.stale_among(listed).await
    }

    async fn stale_among(&self, listed: Vec<Listed>) -> Result<Vec<Stale>, Error> {
        let mut candidates = listed;
        candidates.retain(|listed| self.plan.fits(&listed.key));
        let mut suspects = Vec::new();
        for (key, stored) in self.read(&candidates).await? {
            let Some(stored) = stored else {
                continue;
            };
            match parse_ids(&stored.value) {
                // An empty list names nothing that could be missing.
                Some(ids) if !ids.is_empty() => suspects.push((Stale { key, stored }, ids)),
                _ => {}
            }
        }
        if !suspects.is_empty() {
            self.ledger.index_ids()?;
        }
        // One id that exists is enough, and mostly the first one does.
        for first in [1, usize::MAX] {
            let ids = suspects.iter().flat_map(|(_, ids)| ids.iter().take(first));
            self.holdings.learn(&self.not_ours(ids)?).await?;
            let mut left = Vec::with_capacity(suspects.len());
            for (stale, ids) in suspects {
                if self.name_nothing(ids.iter().take(first))? {
                    left.push((stale, ids));
                }
            }
            suspects = left;
        }
        Ok(suspects.into_iter().map(|(stale, _)| stale).collect())
    }

    fn not_ours<'i>(&self, ids: impl Iterator<Item = &'i String>) -> Result<Vec<String>, Error> {
        let mut strangers = Vec::new();
        for id in ids {
            if self.ledger.record_of(id)?.is_none() {
                strangers.push(id.clone());
            }
        }
        Ok(strangers)
    }

    fn name_nothing<'i>(&self, ids: impl Iterator<Item = &'i String>) -> Result<bool, Error> {
        for id in ids {
            if self.ledger.record_of(id)?.is_some() || self.holdings.holds(id)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
