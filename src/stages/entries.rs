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
    for pause in AGAIN {
        let keys = take_unread(&mut page.compared);
        if keys.is_empty() {
            return Ok(page);
        }
        migration.tell(format!(
            "{} KV entries are listed and cannot be read yet, for example {}; looking again in {} seconds",
            keys.len(),
            keys[0],
            pause.as_secs()
        ));
        migration.stop.pause(&migration.clock, pause).await?;
        file_index.list().await?;
        page.compared.extend(file_index.compare_keys(&keys).await?);
    }
    match take_unread(&mut page.compared).first() {
        None => Ok(page),
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
