//! The file index in both directions: every file has its entry, and every entry
//! names vectors that exist. KV is a stale store: a difference is a finding only
//! when it is still there 90 seconds later.

use super::{Finding, Notebook, Subject};
use crate::cloudflare::Kv;
use crate::error::Error;
use crate::file_index::{AGAIN, Compared, FileIndex, Reading, Standing, read_key};
use crate::ledger::FileEntry;
use crate::progress::Step;
use crate::stages::context::Migration;

/// Differences that are looked at again; with more of them the first look
/// decides for the rest.
const MOST_LOOKED_AT_AGAIN: usize = 20_000;

pub(super) async fn compare(
    migration: &Migration,
    subject: &Subject<'_>,
    file_index: &FileIndex<'_>,
    count_kv: &Kv,
    notebook: &mut Notebook,
) -> Result<(), Error> {
    file_index.list().await?;
    let mut open = Open {
        entries: differing(migration, file_index).await?,
        stale: stale(file_index).await?,
        count: count_difference(subject, file_index, count_kv).await?,
    };
    for pause in AGAIN {
        if open.is_empty() {
            break;
        }
        migration.stop.pause(&migration.clock, pause).await?;
        open = look_again(subject, file_index, count_kv, open).await?;
    }
    for entry in open.entries {
        notebook.add(finding(entry.standing), describe(&entry));
    }
    for key in open.stale {
        notebook.add(Finding::FileIndexStale, key);
    }
    if let Some(difference) = open.count {
        notebook.add(Finding::FileIndexDifferent, difference);
    }
    Ok(())
}

/// What differed at the last look.
struct Open {
    entries: Vec<Compared>,
    stale: Vec<String>,
    count: Option<String>,
}

impl Open {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.stale.is_empty() && self.count.is_none()
    }
}

async fn look_again(
    subject: &Subject<'_>,
    file_index: &FileIndex<'_>,
    count_kv: &Kv,
    before: Open,
) -> Result<Open, Error> {
    file_index.list().await?;
    let mut entries = before.entries;
    let unlooked = entries.split_off(entries.len().min(MOST_LOOKED_AT_AGAIN));
    let mut files: Vec<FileEntry> = Vec::with_capacity(entries.len());
    for entry in &entries {
        files.extend(file_index.ledger.file(&entry.key)?);
    }
    let mut entries: Vec<Compared> = file_index
        .compare_files(files)
        .await?
        .into_iter()
        .filter(|entry| entry.standing != Standing::Same)
        .collect();
    entries.extend(unlooked);
    let stale = match before.stale.is_empty() {
        true => Vec::new(),
        false => stale(file_index).await?,
    };
    let count = match before.count {
        Some(_) => count_difference(subject, file_index, count_kv).await?,
        None => None,
    };
    Ok(Open {
        entries,
        stale,
        count,
    })
}

async fn differing(
    migration: &Migration,
    file_index: &FileIndex<'_>,
) -> Result<Vec<Compared>, Error> {
    let mut differing = Vec::new();
    let mut after: Option<String> = None;
    loop {
        migration.stop.check()?;
        let page = file_index.compare(after.as_deref()).await?;
        migration
            .progress
            .advance(Step::Verify, page.compared.len() as u64);
        differing.extend(
            page.compared
                .into_iter()
                .filter(|entry| entry.standing != Standing::Same),
        );
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(differing),
        }
    }
}

async fn stale(file_index: &FileIndex<'_>) -> Result<Vec<String>, Error> {
    let mut stale = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let (found, next) = file_index.stale_after(after.as_deref()).await?;
        stale.extend(found.into_iter().map(|stale| stale.key));
        match next {
            Some(next) => after = Some(next),
            None => return Ok(stale),
        }
    }
}

/// What is wrong with the number of vectors that KV holds.
async fn count_difference(
    subject: &Subject<'_>,
    file_index: &FileIndex<'_>,
    count_kv: &Kv,
) -> Result<Option<String>, Error> {
    let key = &file_index.plan.count.key;
    let vectors = subject.index.info().await?.vector_count;
    Ok(match read_key(count_kv, key).await? {
        Reading::Absent => Some(format!(
            "{key} is missing; the index holds {vectors} vectors"
        )),
        Reading::Unread => Some(unread(key)),
        Reading::Held(stored) if stored.value.trim().parse() == Ok(vectors) => None,
        Reading::Held(stored) => Some(format!(
            "{key} is {:?}; the index holds {vectors} vectors",
            stored.value
        )),
    })
}

fn finding(standing: Standing) -> Finding {
    match standing {
        // A reader of the file index finds nothing in either case.
        Standing::Missing | Standing::Unread => Finding::FileIndexMissing,
        _ => Finding::FileIndexDifferent,
    }
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
