//! Opens the places that a command line names: sources, the account, the
//! embedded sandbox.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::args::{EntryArgs, FileIndexArgs};
use super::limits;
use super::verbs::Setup;
use super::workspace::is_own_archive;
use crate::archive::Archive;
use crate::clock::Clock;
use crate::cloudflare::{Account, AccountId, IndexName};
use crate::error::{Error, Kind};
use crate::http::{Client, ConnectionLost, NetworkOptions, Transport};
use crate::ledger::Ledger;
use crate::locator::Locator;
use crate::progress::Progress;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::settings::{ApiBudget, CloudflareSettings, Pace, Settings};
use crate::source::file::{self, ColumnChoice};
use crate::source::qdrant::{QdrantSettings, QdrantSource, QdrantTarget};
use crate::source::upstash::{Surroundings, UpstashReader, UpstashSettings};
use crate::source::{Laned, Source};
use crate::stages::context::{Mode, Stop};
use crate::stages::prepare::{Accounts, CountWish, FileIndexWish};
use crate::stages::run::Origin;

/// The embedded sandbox's account.
const SANDBOX_ACCOUNT: &str = "00000000000000000000000000000000";
/// The shortest time to live that KV takes (KV limits page).
const SHORTEST_TTL: u64 = 60;

/// The index that a locator names.
pub(super) fn index_name(locator: &Locator, settings: &Settings) -> Result<IndexName, Error> {
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
pub(super) fn namespace(locator: &Locator, settings: &Settings) -> Result<String, Error> {
    match locator {
        Locator::Kv(Some(name)) => Ok(name.clone()),
        Locator::Kv(None) => settings.default_kv_namespace(),
        other => Err(Error::usage(format!("{other} is not a KV namespace"))
            .advise("write it as kv:NAMESPACE, with its title or its id")),
    }
}

/// What was asked for concerning an optional file index.
pub(super) fn file_index(
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
pub(super) fn entries(
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

/// Where the points come from. A source that cannot be read is no reason to stop
/// while what is archived of it is not all in the index; why it cannot, stands beside.
pub(super) async fn origin(
    locator: &Locator,
    (vector, columns): (Option<&str>, &ColumnChoice),
    archive: &Archive,
    setup: &Setup,
) -> Result<(Origin, Option<Error>), Error> {
    check_columns(locator, columns)?;
    match locator {
        Locator::Path(path)
            if is_own_archive(path, archive) && Archive::is_archive(archive.root()) =>
        {
            file::refuse_columns(path, columns)?;
            Ok((Origin::OwnArchive, None))
        }
        Locator::Path(path) => match file::open(path, columns) {
            Ok(source) => Ok((Origin::Source(source), None)),
            Err(error) => without_source(locator, archive, error),
        },
        live => match live_source(live, vector, setup).await {
            Ok(source) => Ok((Origin::Source(source), None)),
            Err(error) => without_source(locator, archive, error),
        },
    }
}

fn without_source(
    locator: &Locator,
    archive: &Archive,
    error: Error,
) -> Result<(Origin, Option<Error>), Error> {
    let passing = matches!(error.kind(), Kind::Failed | Kind::Stopped);
    // A newer export that was begun leaves the generation before it as it was.
    let archived = if passing { archive.current()? } else { None };
    let named = locator.to_string();
    match archived {
        Some(generation)
            if generation.manifest().source.name == named || was_asked(archive, &named)? =>
        {
            Ok((Origin::OwnArchive, Some(error)))
        }
        _ => Err(error),
    }
}

/// Whether the archive's migration was given this name before: an alias, whose
/// collection only its server can tell, was resolved then.
fn was_asked(archive: &Archive, named: &str) -> Result<bool, Error> {
    let ledger = archive.root().with_file_name("ledger.db");
    if !ledger.is_file() {
        return Ok(false);
    }
    let asked = Ledger::open(&ledger)?.asked()?;
    Ok(asked.as_deref() == Some(named))
}

/// A source on its own, for `export`.
pub(super) async fn source(
    locator: &Locator,
    (vector, columns): (Option<&str>, &ColumnChoice),
    setup: &Setup,
) -> Result<Box<dyn Source>, Error> {
    check_columns(locator, columns)?;
    match locator {
        Locator::Path(path) => file::open(path, columns),
        live => live_source(live, vector, setup).await,
    }
}

/// Columns are named of files alone, and there of Parquet.
pub(super) fn check_columns(locator: &Locator, columns: &ColumnChoice) -> Result<(), Error> {
    if columns.is_empty() || matches!(locator, Locator::Path(_)) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "--id-column and --vector-column are for Parquet, which {locator} is not"
    ))
    .advise("leave them out"))
}

/// What to do with an index that is to be read from.
pub(super) fn export_first(index: &Locator) -> String {
    format!("export it first: cf-migrate export {index} ARCHIVE, then name that archive")
}

fn unreadable(locator: &Locator) -> Error {
    let error = Error::usage(format!("{locator} cannot be read from"));
    match locator {
        Locator::Vectorize(_) => error.advise(export_first(locator)),
        _ => error.advise(
            "name a source: qdrant:COLLECTION, upstash:NAMESPACE, an archive folder, an NDJSON or a Parquet file",
        ),
    }
}

/// A source that is a service.
async fn live_source(
    locator: &Locator,
    vector: Option<&str>,
    setup: &Setup,
) -> Result<Box<dyn Source>, Error> {
    match locator {
        Locator::Qdrant(collection) => {
            let settings = qdrant_settings(setup)?;
            let source = QdrantSource::open(collection, vector, settings, setup.clock).await?;
            Ok(Box::new(source))
        }
        Locator::Upstash(namespaces) => {
            let reader = UpstashReader::open(
                namespaces.clone(),
                upstash_settings(setup)?,
                surroundings(setup),
            );
            let source = Laned::new(reader.await?).with_readers(setup.pace.readers);
            Ok(Box::new(source))
        }
        other => Err(unreadable(other)),
    }
}

/// A collection that points go into.
pub(super) async fn qdrant_target(locator: &Locator, setup: &Setup) -> Result<QdrantTarget, Error> {
    let Locator::Qdrant(collection) = locator else {
        return Err(
            Error::usage(format!("{locator} is not a Qdrant collection"))
                .advise("write the target as qdrant:COLLECTION"),
        );
    };
    let settings = qdrant_settings(setup)?;
    QdrantTarget::reach(collection, settings, setup.clock).await
}

fn upstash_settings(setup: &Setup) -> Result<UpstashSettings, Error> {
    Ok(UpstashSettings {
        url: setup.settings.upstash_url()?,
        token: setup.settings.upstash_token()?,
        insecure_http: setup.global.insecure_http,
        ..UpstashSettings::default()
    })
}

fn surroundings(setup: &Setup) -> Surroundings {
    Surroundings {
        clock: setup.clock,
        stop: setup.stop.clone(),
        progress: Arc::clone(&setup.progress) as Arc<dyn Progress>,
    }
}

fn qdrant_settings(setup: &Setup) -> Result<QdrantSettings, Error> {
    let settings = &setup.settings;
    Ok(QdrantSettings {
        readers: setup.pace.readers,
        insecure_http: setup.global.insecure_http,
        url: settings.qdrant_url()?,
        api_key: settings.qdrant_api_key()?,
        grpc_port: settings.qdrant_grpc_port()?,
        rest_port: settings.qdrant_rest_port()?,
        ..QdrantSettings::default()
    })
}

/// The account: the real one, or the embedded sandbox.
pub(super) fn accounts(setup: &Setup, dir: &Path, mode: Mode) -> Result<Accounts, Error> {
    match &setup.global.sandbox {
        Some(place) => {
            let place = place.clone().unwrap_or_else(|| dir.join("sandbox"));
            embedded(place, mode, &setup.pace, (setup.clock, &setup.stop))
        }
        None => network(setup.settings.cloudflare()?, setup),
    }
}

fn network(settings: CloudflareSettings, setup: &Setup) -> Result<Accounts, Error> {
    let Setup { pace, clock, .. } = setup;
    let id = AccountId::new(settings.account_id.as_str())?;
    let place = settings.base_url.trim_end_matches('/');
    // One budget for both tokens, because the account's limit is one per user; a
    // stand-in at another address has its own.
    let account = format!("{} {place}", id.as_str());
    let budget = limits::budget(pace, &account, &settings.token, *clock)?;
    let budget = match &setup.together {
        Some(together) if pace.api_budget != ApiBudget::Off => budget.within(together),
        _ => budget,
    };
    let pacer = limits::pacer(pace, *clock);
    let client = |token: &SecretString| -> Result<Client, Error> {
        let options = NetworkOptions {
            insecure_http: setup.global.insecure_http,
            ..NetworkOptions::default()
        };
        let transport = Transport::network(&settings.base_url, token.clone(), options)?;
        limits::check(pace, &transport, place)?;
        let client = Client::new(transport, budget.clone(), *clock);
        Ok(client.paced(pacer.clone()).until(setup.stop.clone()))
    };
    let vectorize = client(&settings.token)?;
    let own = settings
        .kv_token
        .filter(|kv| kv.expose_secret() != settings.token.expose_secret());
    let kv = own.as_ref().map(client).transpose()?;
    let mut clients = vec![vectorize.clone()];
    clients.extend(kv.clone());
    Ok(Accounts {
        service: format!("{place} account {}", id.as_str()),
        kv: Account::new(kv.unwrap_or_else(|| vectorize.clone()), id.clone()),
        vectorize: Account::new(vectorize, id),
        clients,
    })
}

/// In a rehearsal of a sandbox that does not exist yet, one in memory will do.
fn embedded(
    place: PathBuf,
    mode: Mode,
    pace: &Pace,
    (clock, stop): (Clock, &Stop),
) -> Result<Accounts, Error> {
    let disk = (mode == Mode::Write || place.exists()).then_some(place.as_path());
    let mut options = SandboxOptions::default();
    if pace.api_budget == ApiBudget::Off {
        options.budget = None;
    }
    let sandbox = Sandbox::open(disk, options, clock).map_err(|error| {
        Error::failed(format!(
            "the sandbox in {} cannot be opened",
            place.display()
        ))
        .advise("give another folder with --sandbox=DIR")
        .because(error)
    })?;
    let call = Arc::new(move |request: axum::http::Request<Bytes>| {
        let sandbox = sandbox.clone();
        async move { sandbox.handle(request).await.map_err(|_| ConnectionLost) }.boxed()
    });
    let transport = Transport::in_process(SecretString::from("sandbox"), call)?;
    let client = Client::new(transport, limits::budget_alone(pace, clock), clock);
    let client = client.paced(limits::pacer(pace, clock)).until(stop.clone());
    let account = Account::new(client.clone(), AccountId::new(SANDBOX_ACCOUNT)?);
    Ok(Accounts {
        vectorize: account.clone(),
        kv: account,
        service: "sandbox".to_owned(),
        clients: vec![client],
    })
}
