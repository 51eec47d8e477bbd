//! The file index in both directions: every file has its entry, and every entry
//! names vectors that exist. KV is a stale store: a difference is a finding only
//! when it is still there 90 seconds later. Until then its key is kept in the
//! ledger's temporary storage, so that memory does not grow with differences.

use super::ids::ListedIds;
use super::{Finding, Notebook, Subject};
use crate::cloudflare::Kv;
use crate::error::Error;
use crate::file_index::{AGAIN, Compared, FileIndex, Reading, Standing, read_key};
use crate::ledger::{Doubt, FileEntry, Suspect};
use crate::progress::Step;
use crate::stages::context::Migration;
use crate::stages::stale_entries::{suspect_all, tell_unlooked};
use crate::stages::vector_count;

/// Suspects looked at together, at most.
const KEYS_AT_ONCE: usize = 1_000;
/// Ids of files that are compared together.
const IDS_AT_ONCE: usize = 50_000;

pub(super) async fn compare(
    migration: &Migration,
    subject: &Subject<'_>,
    file_index: &FileIndex<'_>,
    count_kv: &Kv,
    listed: Option<ListedIds>,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    let listed = listed.map(|listed| listed.ids);
    let look = Look {
        migration,
        file_index,
    };
    look.first().await?;
    let mut count = count_difference(subject, file_index, count_kv, listed).await?;
    for pause in AGAIN {
        let suspects = migration.ledger.suspects()?;
        if suspects == 0 && count.is_none() {
            return Ok(());
        }
        migration.stop.pause(&migration.clock, pause).await?;
        if suspects > 0 {
            look.again().await?;
        }
        if count.is_some() {
            count = count_difference(subject, file_index, count_kv, listed).await?;
        }
    }
    look.conclude(notebook)?;
    if let Some(difference) = count {
        notebook.add(Finding::FileIndexDifferent, difference);
    }
    Ok(())
}

struct Look<'a> {
    migration: &'a Migration,
    file_index: &'a FileIndex<'a>,
}

impl Look<'_> {
    /// Compares everything.
    async fn first(&self) -> Result<(), Error> {
        let Self {
            migration,
            file_index,
        } = self;
        migration.ledger.clear_suspects()?;
        file_index.list().await?;
        let mut after: Option<String> = None;
        loop {
            migration.stop.check()?;
            let page = file_index.compare(after.as_deref()).await?;
            let compared = page.compared.len() as u64;
            migration.progress.advance(Step::Verify, compared);
            self.suspect(&page.compared)?;
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        if !file_index.plan.knows_its_keys() {
            tell_unlooked(migration, file_index);
        }
        suspect_all(migration, file_index).await
    }

    fn suspect(&self, compared: &[Compared]) -> Result<(), Error> {
        let suspects: Vec<Suspect> = compared.iter().filter_map(suspect).collect();
        self.migration.ledger.add_suspects(&suspects)
    }

    /// Compares the suspects again, a page at a time.
    async fn again(&self) -> Result<(), Error> {
        self.file_index.list().await?;
        let ledger = &self.migration.ledger;
        let mut after: Option<String> = None;
        loop {
            self.migration.stop.check()?;
            let page = ledger.suspects_after(after.as_deref(), KEYS_AT_ONCE)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key.clone());
            let (stale, entries): (Vec<Suspect>, Vec<Suspect>) = page
                .into_iter()
                .partition(|suspect| suspect.doubt == Doubt::Stale);
            self.stale_again(keys(stale)).await?;
            self.entries_again(keys(entries)).await?;
        }
    }

    async fn stale_again(&self, mut keys: Vec<String>) -> Result<(), Error> {
        let stale = self.file_index.still_stale(&keys).await?;
        keys.retain(|key| stale.iter().all(|stale| stale.key != *key));
        self.migration.ledger.clear_of_suspicion(&keys)
    }

    async fn entries_again(&self, keys: Vec<String>) -> Result<(), Error> {
        let ledger = &self.migration.ledger;
        let (mut files, mut ids): (Vec<FileEntry>, usize) = (Vec::new(), 0);
        for key in keys {
            let file = ledger.file(&key)?;
            ids += file.as_ref().map_or(0, |file| file.ids.len());
            files.extend(file);
            if ids >= IDS_AT_ONCE {
                self.files_again(std::mem::take(&mut files)).await?;
                ids = 0;
            }
        }
        self.files_again(files).await
    }

    async fn files_again(&self, files: Vec<FileEntry>) -> Result<(), Error> {
        let compared = self.file_index.compare_files(files).await?;
        let same: Vec<String> = compared
            .iter()
            .filter(|entry| entry.standing == Standing::Same)
            .map(|entry| entry.key.clone())
            .collect();
        self.migration.ledger.clear_of_suspicion(&same)?;
        self.suspect(&compared)
    }

    /// Suspects that are left are findings.
    fn conclude(&self, notebook: &mut Notebook) -> Result<(), Error> {
        let mut after: Option<String> = None;
        loop {
            let ledger = &self.migration.ledger;
            let page = ledger.suspects_after(after.as_deref(), KEYS_AT_ONCE)?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.key.clone());
            for suspect in page {
                notebook.add(finding(suspect.doubt), suspect.told);
            }
        }
    }
}

fn keys(suspects: Vec<Suspect>) -> Vec<String> {
    suspects.into_iter().map(|suspect| suspect.key).collect()
}

/// What is wrong with the number of vectors that KV holds. Right is what the
/// list gave when it was walked, or what the index counts now: it may be in use.
async fn count_difference(
    subject: &Subject<'_>,
    file_index: &FileIndex<'_>,
    count_kv: &Kv,
    listed: Option<u64>,
) -> Result<Option<String>, Error> {
    let key = &file_index.plan.count.key;
    let reading = read_key(count_kv, key).await?;
    let number = match &reading {
        Reading::Held(stored) => stored.value.trim().parse::<u64>().ok(),
        _ => None,
    };
    if number.is_some() && number == listed {
        return Ok(None);
    }
    let counted = subject.index.info().await?.vector_count;
    if number.is_some() && number == counted {
        return Ok(None);
    }
    let vectors = match listed.or(counted) {
        Some(vectors) => vectors,
        None => vector_count::expected(file_index.ledger)?,
    };
    Ok(match reading {
        Reading::Held(_) if number == Some(vectors) => None,
        Reading::Held(stored) => Some(format!(
            "{key} is {:?}; the index holds {vectors} vectors",
            stored.value
        )),
        Reading::Unread => Some(unread(key)),
        Reading::Absent => Some(format!(
            "{key} is missing; the index holds {vectors} vectors"
        )),
    })
}

fn finding(doubt: Doubt) -> Finding {
    match doubt {
        Doubt::Missing => Finding::FileIndexMissing,
        Doubt::Different => Finding::FileIndexDifferent,
        Doubt::Stale => Finding::FileIndexStale,
    }
}

fn suspect(entry: &Compared) -> Option<Suspect> {
    let doubt = match entry.standing {
        Standing::Same => return None,
        // A reader of the file index finds nothing in either case.
        Standing::Missing | Standing::Unread => Doubt::Missing,
        Standing::Different | Standing::Unreadable => Doubt::Different,
    };
    Some(Suspect {
        key: entry.key.clone(),
        doubt,
        told: describe(entry),
    })
}

fn describe(entry: &Compared) -> String {
    let Some(stored) = &entry.stored else {
        return match entry.standing {
            Standing::Unread => unread(&entry.key),
            _ => entry.key.clone(),
        };
    };
    let held = crate::file_index::parse_ids(&stored.value);
    match held {
        None => format!("{} is no list of ids", entry.key),
        Some(_) if stored.expiration.is_some() => {
            format!("{} expires, or not, as it should not", entry.key)
        }
        Some(held) => format!(
            "{} names {} ids where {} belong, or in another order",
            entry.key,
            held.len(),
            entry.expected.len()
        ),
    }
}

fn unread(key: &str) -> String {
    format!("{key} is listed, and reading it gives nothing")
}
