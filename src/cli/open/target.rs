//! The index and the file index that a command line means.

use crate::cli::args::{EntryArgs, FileIndexArgs};
use crate::cloudflare::IndexName;
use crate::error::Error;
use crate::locator::Locator;
use crate::settings::Settings;
use crate::stages::prepare::{CountWish, FileIndexWish};

/// The shortest time to live that KV takes (KV limits page).
const SHORTEST_TTL: u64 = 60;

/// The index that a locator names.
pub(in crate::cli) fn index_name(
    locator: &Locator,
    settings: &Settings,
) -> Result<IndexName, Error> {
    let name = match locator {
        Locator::Vectorize(Some(name)) => name.clone(),
        Locator::Vectorize(None) => settings.default_index()?,
        other => {
            return Err(Error::usage(format!("{other} is not an index"))
                .advise("write the target as vectorize:INDEX"));
        }
    };
    Ok(IndexName::new(name)?)
}

/// The KV namespace that a locator names, by title or id.
fn namespace(locator: &Locator, settings: &Settings) -> Result<String, Error> {
    match locator {
        Locator::Kv(Some(name)) => Ok(name.clone()),
        Locator::Kv(None) => settings.default_kv_namespace(),
        other => Err(Error::usage(format!("{other} is not a KV namespace"))
            .advise("write it as kv:NAMESPACE, with its title or its id")),
    }
}

/// What was asked for concerning an optional file index.
pub(in crate::cli) fn file_index(
    args: &FileIndexArgs,
    settings: &Settings,
) -> Result<Option<FileIndexWish>, Error> {
    match &args.file_index {
        Some(locator) => entries(locator, &args.entries, settings).map(Some),
        None if args.entries.count_key.is_some() || args.entries.kv_ttl.is_some() => Err(
            Error::usage("--count-key and --kv-ttl need --file-index kv:NAMESPACE"),
        ),
        None => Ok(None),
    }
}

/// What was asked for concerning the file index in that namespace.
pub(in crate::cli) fn entries(
    locator: &Locator,
    args: &EntryArgs,
    settings: &Settings,
) -> Result<FileIndexWish, Error> {
    let count = args.count_key.as_deref().map(count_key).transpose()?;
    let ttl = args.ttl().map(|ttl| ttl.as_secs());
    if ttl.is_some_and(|ttl| ttl < SHORTEST_TTL) {
        return Err(Error::usage(
            "--kv-ttl must be at least 60s: KV takes no shorter one",
        ));
    }
    Ok(FileIndexWish {
        namespace: namespace(locator, settings)?,
        count,
        ttl,
    })
}

fn count_key(text: &str) -> Result<CountWish, Error> {
    let (namespace, key) = match text.strip_prefix("kv:") {
        None => (None, text),
        Some(rest) => match rest.split_once('/') {
            Some((namespace, key)) if !namespace.is_empty() => (Some(namespace.to_owned()), key),
            _ => {
                return Err(Error::usage(format!(
                    "--count-key {text} is not kv:NAMESPACE/KEY"
                )));
            }
        },
    };
    if key.is_empty() || key.len() > 512 || key == "." || key == ".." {
        return Err(
            Error::usage(format!("--count-key {text} names no key that KV takes"))
                .advise("a key has 1 to 512 bytes and is neither . nor .."),
        );
    }
    let key = key.to_owned();
    Ok(CountWish { namespace, key })
}
