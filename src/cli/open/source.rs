//! Opens what points are read from, and the collection that they go back into.

use std::sync::Arc;

use crate::archive::Archive;
use crate::cli::verbs::Setup;
use crate::cli::workspace::is_own_archive;
use crate::error::{Error, Kind};
use crate::ledger::Ledger;
use crate::locator::Locator;
use crate::progress::Progress;
use crate::source::file::{self, ColumnChoice};
use crate::source::qdrant::{QdrantSettings, QdrantSource, QdrantTarget};
use crate::source::upstash::{Surroundings, UpstashReader, UpstashSettings};
use crate::source::{Laned, Source};
use crate::stages::run::Origin;

/// Where the points come from. A source that cannot be read is no reason to stop
/// while what is archived of it is not all in the index; why it cannot, stands beside.
pub(in crate::cli) async fn origin(
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
    let Some(ledger) = Ledger::as_it_is(&archive.root().with_file_name("ledger.db"))? else {
        return Ok(false);
    };
    Ok(ledger.asked()?.as_deref() == Some(named))
}

/// A source on its own, for `export`.
pub(in crate::cli) async fn source(
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
pub(in crate::cli) fn check_columns(
    locator: &Locator,
    columns: &ColumnChoice,
) -> Result<(), Error> {
    if columns.is_empty() || matches!(locator, Locator::Path(_)) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "--id-column and --vector-column are for Parquet, which {locator} is not"
    ))
    .advise("leave them out"))
}

/// What to do with an index that is to be read from.
pub(in crate::cli) fn export_first(index: &Locator) -> String {
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
pub(in crate::cli) async fn qdrant_target(
    locator: &Locator,
    setup: &Setup,
) -> Result<QdrantTarget, Error> {
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
