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
mod stale;

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
pub use stale::Stale;

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
        self.ledger.begin_look()?;
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
        let mut files = self.ledger.files_after(after, IDS_AT_ONCE)?;
        files.truncate(whole_reads(files.len()));
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
        if !stored.is_empty() {
            // Whose an entry's ids are is asked by id, once there are entries.
            self.ledger.index_ids()?;
        }
        let mut read = Vec::with_capacity(files.len());
        let mut foreign = Vec::new();
        for file in files {
            let held = Held::of(stored.remove(&file.key));
            if let Held::Ids(_, ids) = &held {
                foreign.extend(self.foreign(&file, ids)?);
            }
            read.push((file, held));
        }
        // All at once, because one call asks for many ids.
        self.holdings.learn(&foreign).await?;
        read.into_iter()
            .map(|(file, held)| self.compare_file(file, held))
            .collect()
    }

    /// Compares the files of these keys with what is listed.
    pub async fn compare_keys(&self, keys: &[String]) -> Result<Vec<Compared>, Error> {
        let mut files = Vec::with_capacity(keys.len());
        for key in keys {
            files.extend(self.ledger.file(key)?);
        }
        self.compare_files(files).await
    }

    /// Compares the entries of files that earlier generations had and this one has not:
    /// what should be left of them is what is not ours, or not deleted. Keys without an
    /// entry are left out.
    pub async fn compare_left(&self, keys: &[String]) -> Result<Vec<Compared>, Error> {
        let left = keys.iter().map(|key| FileEntry {
            key: key.clone(),
            ids: Vec::new(),
        });
        let mut compared = self.compare_files(left.collect()).await?;
        compared.retain(|entry| entry.standing != Standing::Missing);
        Ok(compared)
    }

    fn compare_file(&self, file: FileEntry, held: Held) -> Result<Compared, Error> {
        let (stored, ids) = match held {
            Held::Absent => return Ok(Compared::absent(file)),
            Held::Unread => return Ok(Compared::unread(file)),
            Held::Other(stored) => return Ok(Compared::unreadable(file, stored)),
            Held::Ids(stored, ids) => (stored, ids),
        };
        let mut kept = Vec::new();
        for id in self.foreign(&file, &ids)? {
            if self.holdings.holds(&id)? {
                kept.push(id);
            }
        }
        let expiry = self.plan.expiry();
        let mut compared = Compared::with(file, stored, &ids, &kept, expiry);
        let mut gone = Vec::with_capacity(compared.dropped.len());
        for id in compared.dropped {
            if !self.leaves(&id)? {
                gone.push(id);
            }
        }
        compared.dropped = gone;
        Ok(compared)
    }

    /// Whether an id that is not the file's has no place in its entry whatever the index
    /// holds: it is another file's, or about to be deleted.
    fn leaves(&self, id: &str) -> Result<bool, Error> {
        // A record that belongs to no file is in this entry by somebody else's will.
        let record = self.ledger.record_of(id)?;
        Ok(record.is_some_and(|row| row.file.is_some()) || self.ledger.is_doomed(id)?)
    }

    /// The ids of an entry that belong to no file of this migration.
    fn foreign(&self, file: &FileEntry, ids: &[String]) -> Result<Vec<String>, Error> {
        let ours: HashSet<&String> = file.ids.iter().collect();
        let mut foreign = Vec::new();
        for id in ids {
            if !ours.contains(id) && !self.leaves(id)? {
                foreign.push(id.clone());
            }
        }
        Ok(foreign)
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

/// So many of these files that no read of theirs is in vain: the others come with the
/// next page.
fn whole_reads(files: usize) -> usize {
    match files > READ_AT_ONCE {
        true => files - files % READ_AT_ONCE,
        false => files,
    }
}

/// What there is under the key of a file.
enum Held {
    Absent,
    Unread,
    Other(KvValue),
    Ids(KvValue, Vec<String>),
}

impl Held {
    fn of(read: Option<Option<KvValue>>) -> Self {
        match read {
            None => Self::Absent,
            Some(None) => Self::Unread,
            Some(Some(stored)) => match parse_ids(&stored.value) {
                None => Self::Other(stored),
                Some(ids) => Self::Ids(stored, ids),
            },
        }
    }
}

/// The text of an entry: a JSON array of ids.
pub fn entry_text(ids: &[String]) -> String {
    Value::from(ids.to_vec()).to_string()
}
