//! The file index, `file:{file_id}` → JSON array of vector ids: what its entries
//! should be, what KV holds, and how the two differ. It reads; writing is
//! [`crate::stages::index`]'s, judging is [`crate::verify`]'s.
//!
//! KV is read as a stale store: what exists is learned by listing, and only
//! listed keys are read, because reading an absent key caches its absence (KV,
//! how KV works).

mod entry;
mod holdings;
mod plan;
mod single;

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde_json::Value;

use crate::cloudflare::{Kv, KvValue};
use crate::error::Error;
use crate::ledger::{FileEntry, Ledger, Listed};

pub use entry::{Compared, Expiry, Standing, parse_ids};
pub use holdings::Holdings;
pub use plan::{CountKey, FileIndexPlan};
pub use single::{Reading, read_key};

/// When to look again at what may be KV showing the past, counted from the look
/// before: 90 seconds in all, where KV promises 60 "or more".
pub const AGAIN: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(15),
    Duration::from_secs(25),
    Duration::from_secs(45),
];

/// Ids whose files are compared at a time: bounds the memory of one page.
const IDS_AT_ONCE: usize = 50_000;
/// Keys that one bulk get takes (KV API).
const READ_AT_ONCE: usize = 100;

/// The file index of one migration, compared with what KV holds.
pub struct FileIndex<'a> {
    /// The ledger whose records' files these are.
    pub ledger: &'a Ledger,
    /// The KV namespace that holds the entries.
    pub kv: &'a Kv,
    /// What tells whether an id that is not ours exists.
    pub holdings: Holdings<'a>,
    /// Where entries and the count are, and how long they may live.
    pub plan: &'a FileIndexPlan,
}

/// Files compared at a time, and where the next ones begin.
pub struct Page {
    /// What was compared.
    pub compared: Vec<Compared>,
    /// The key after which the next page begins; none at the end.
    pub next: Option<String>,
}

impl FileIndex<'_> {
    /// Lists the keys that entries can have, anew.
    pub async fn list(&self) -> Result<u64, Error> {
        self.ledger.clear_listing()?;
        let mut cursor = None;
        let mut keys = 0;
        loop {
            let page = self.kv.list(&self.plan.key_prefix, cursor.as_ref()).await?;
            let listed: Vec<Listed> = page
                .keys
                .into_iter()
                .map(|key| Listed {
                    key: key.name,
                    expiration: key.expiration,
                })
                .collect();
            keys += listed.len() as u64;
            self.ledger.add_listed(&listed)?;
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(keys),
            }
        }
    }

    /// Compares the next files after `after` with what is listed.
    pub async fn compare(&self, after: Option<&str>) -> Result<Page, Error> {
        let files = self.ledger.files_after(after, IDS_AT_ONCE)?;
        let next = files.last().map(|file| file.key.clone());
        Ok(Page {
            compared: self.compare_files(files).await?,
            next,
        })
    }

    /// Compares these files with what is listed.
    pub async fn compare_files(&self, files: Vec<FileEntry>) -> Result<Vec<Compared>, Error> {
        let mut listed = Vec::new();
        for file in &files {
            listed.extend(self.ledger.listed(&file.key)?);
        }
        let mut stored = self.read(&listed).await?;
        let mut compared = Vec::with_capacity(files.len());
        for file in files {
            let stored = stored.remove(&file.key);
            compared.push(self.compare_file(file, stored).await?);
        }
        Ok(compared)
    }

    /// Compares the files of these keys with what is listed.
    pub async fn compare_keys(&self, keys: &[String]) -> Result<Vec<Compared>, Error> {
        let mut files = Vec::with_capacity(keys.len());
        for key in keys {
            files.extend(self.ledger.file(key)?);
        }
        self.compare_files(files).await
    }

    async fn compare_file(
        &self,
        file: FileEntry,
        read: Option<Option<KvValue>>,
    ) -> Result<Compared, Error> {
        let stored = match read {
            None => return Ok(Compared::absent(file)),
            Some(None) => return Ok(Compared::unread(file)),
            Some(Some(stored)) => stored,
        };
        let Some(ids) = parse_ids(&stored.value) else {
            return Ok(Compared::unreadable(file, stored));
        };
        let foreign = self.foreign(&file, &ids)?;
        let kept = self.holdings.existing(&foreign).await?;
        Ok(Compared::with(
            file,
            stored,
            &ids,
            &kept,
            self.plan.expiry(),
        ))
    }

    /// The ids of an entry that belong to no file of this migration.
    fn foreign(&self, file: &FileEntry, ids: &[String]) -> Result<Vec<String>, Error> {
        let ours: HashSet<&String> = file.ids.iter().collect();
        let mut foreign = Vec::new();
        for id in ids {
            // A record that belongs to no file is in this entry by somebody
            // else's will.
            let is_filed = || {
                Ok::<_, Error>(
                    self.ledger
                        .record_of(id)?
                        .is_some_and(|row| row.file.is_some()),
                )
            };
            if !ours.contains(id) && !is_filed()? {
                foreign.push(id.clone());
            }
        }
        Ok(foreign)
    }

    /// The entries that belong to no file of ours and none of whose vectors
    /// exists, after `after`, and where the next ones begin.
    pub async fn stale_after(
        &self,
        after: Option<&str>,
    ) -> Result<(Vec<Stale>, Option<String>), Error> {
        let strangers = self.ledger.listed_without_file(after, READ_AT_ONCE * 10)?;
        let next = strangers.last().map(|listed| listed.key.clone());
        let candidates: Vec<Listed> = strangers
            .into_iter()
            .filter(|listed| self.plan.fits(&listed.key))
            .collect();
        let mut stale = Vec::new();
        for (key, stored) in self.read(&candidates).await? {
            let Some(stored) = stored else {
                continue;
            };
            let Some(ids) = parse_ids(&stored.value) else {
                continue;
            };
            if self.is_stale(&ids).await? {
                stale.push(Stale { key, stored });
            }
        }
        Ok((stale, next))
    }

    async fn is_stale(&self, ids: &[String]) -> Result<bool, Error> {
        for id in ids {
            if self.ledger.record_of(id)?.is_some() {
                return Ok(false);
            }
        }
        Ok(self.holdings.are_known() && self.holdings.existing(ids).await?.is_empty())
    }

    /// What these listed keys hold; nothing under a key whose absence is cached.
    async fn read(&self, listed: &[Listed]) -> Result<BTreeMap<String, Option<KvValue>>, Error> {
        let mut stored = BTreeMap::new();
        for keys in listed.chunks(READ_AT_ONCE) {
            let names: Vec<String> = keys.iter().map(|listed| listed.key.clone()).collect();
            let mut values = self.kv.get_many(&names).await?;
            for listed in keys {
                let value = values.remove(&listed.key).flatten();
                let value = value.map(|value| single::with_expiry(value, listed.expiration));
                stored.insert(listed.key.clone(), value);
            }
        }
        Ok(stored)
    }
}

/// An entry none of whose vectors exists.
#[derive(Debug, Clone)]
pub struct Stale {
    /// Its key.
    pub key: String,
    /// What it holds.
    pub stored: KvValue,
}

/// The text of an entry: a JSON array of ids.
pub fn entry_text(ids: &[String]) -> String {
    Value::from(ids.to_vec()).to_string()
}
