//! Entries as certain as KV lets them be: a key that is listed and reads as
//! nothing is there, with ids that may be somebody else's, so it is read again
//! for as long as KV caches an absence, and never taken for missing.

use crate::error::Error;
use crate::file_index::{AGAIN, Compared, FileIndex, Page, Standing};
use crate::stages::context::Migration;

/// The next files after `after`, compared, each entry of theirs read.
///
/// Errors: stopped where a listed entry still reads as nothing at the last look.
pub(super) async fn next_page(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    after: Option<&str>,
) -> Result<Page, Error> {
    let mut page = file_index.compare(after).await?;
    let again = async |keys: Vec<String>| file_index.compare_keys(&keys).await;
    read_all(migration, file_index, &mut page.compared, again).await?;
    Ok(page)
}

/// What is left of entries of files that there are no longer, each of them read.
///
/// Errors: as of [`next_page`].
pub(super) async fn left(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    keys: &[String],
) -> Result<Vec<Compared>, Error> {
    let mut compared = file_index.compare_left(keys).await?;
    let again = async |keys: Vec<String>| file_index.compare_left(&keys).await;
    read_all(migration, file_index, &mut compared, again).await?;
    Ok(compared)
}

/// Compares again what could not be read, until it can.
async fn read_all(
    migration: &Migration,
    file_index: &FileIndex<'_>,
    compared: &mut Vec<Compared>,
    compare: impl AsyncFn(Vec<String>) -> Result<Vec<Compared>, Error>,
) -> Result<(), Error> {
    for pause in AGAIN {
        let keys = take_unread(compared);
        if keys.is_empty() {
            return Ok(());
        }
        migration.tell(format!(
            "{} KV entries are listed and cannot be read yet, for example {}; looking again in {} seconds",
            keys.len(),
            keys[0],
            pause.as_secs()
        ));
        migration.stop.pause(&migration.clock, pause).await?;
        file_index.list().await?;
        compared.extend(compare(keys).await?);
    }
    match take_unread(compared).first() {
        None => Ok(()),
        Some(key) => Err(unread(key)),
    }
}

fn take_unread(compared: &mut Vec<Compared>) -> Vec<String> {
    let is_unread = |entry: &mut Compared| entry.standing == Standing::Unread;
    compared
        .extract_if(.., is_unread)
        .map(|entry| entry.key)
        .collect()
}

/// What is there and cannot be read must not be overwritten.
pub(super) fn unread(key: &str) -> Error {
    let seconds: u64 = AGAIN.iter().map(std::time::Duration::as_secs).sum();
    Error::stopped(format!(
        "the KV entry {key} is listed, and reading it gave nothing for {seconds} seconds"
    ))
    .advise("it was left as it is, because it may hold ids of others; run the same command again in a few minutes")
}
