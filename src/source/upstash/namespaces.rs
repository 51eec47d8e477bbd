//! Which namespaces an index has, which of them are read, and what to say where
//! they are not what was expected.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::info::Info;
use super::server::Server;
use super::{Namespace, range};
use crate::error::{Error, Kind};
use crate::locator::Namespaces;
use crate::progress::Level;
use crate::source::Page;

/// How many existing namespaces a message names.
const NAMES_SHOWN: usize = 10;

/// How messages call a namespace.
pub(super) fn shown(namespace: &Namespace) -> String {
    match namespace {
        None => "the default namespace".to_owned(),
        Some(name) => format!("namespace {name:?}"),
    }
}

/// Every namespace that either call names. The default one always exists.
pub(super) async fn ask(server: &Server, info: &Info) -> Result<BTreeSet<Namespace>, Error> {
    let mut all = BTreeSet::from([None]);
    let counted = info.named().map(|named| all.extend(named.cloned()));
    let doing = "listing namespaces";
    match server.call(doing, "/list-namespaces", &json!({})).await {
        Ok(reply) => {
            let names: Vec<String> = serde_json::from_str(reply.result()).map_err(|error| {
                Error::failed("Upstash's list of namespaces cannot be read")
                    .advise(
                        "See whether UPSTASH_VECTOR_REST_URL is the REST address of a Vector index",
                    )
                    .because(error)
            })?;
            let names = names.into_iter();
            all.extend(names.map(|name| (!name.is_empty()).then_some(name)));
            Ok(all)
        }
        // A read-only token may not list; the index's description names them too.
        Err(error) if counted.is_some() && is_refused(&error) => Ok(all),
        Err(error) => Err(error),
    }
}

fn is_refused(error: &Error) -> bool {
    matches!(error.kind(), Kind::Forbidden | Kind::Failed)
}

/// Refuses a namespace that does not exist.
pub(super) fn check(chosen: &Namespaces, listed: &BTreeSet<Namespace>) -> Result<(), Error> {
    match chosen.only() {
        Some(namespace) if !listed.contains(&namespace) => Err(Error::failed(format!(
            "{} does not exist",
            shown(&namespace)
        ))
        .advise(there_are(listed))),
        _ => Ok(()),
    }
}

fn there_are(listed: &BTreeSet<Namespace>) -> String {
    let named: Vec<&str> = listed.iter().flatten().map(String::as_str).collect();
    match named.len() {
        0 => "The index has the default namespace only: name it as upstash:@default".to_owned(),
        many if many > NAMES_SHOWN => format!(
            "There are: {} and {} more",
            named[..NAMES_SHOWN].join(", "),
            many - NAMES_SHOWN
        ),
        _ => format!(
            "There are: {}, and the default one, upstash:@default",
            named.join(", ")
        ),
    }
}

/// Which of several namespaces hold nothing; the default one often does.
pub(super) fn empty_note(chosen: &Namespaces, info: &Info) -> Option<String> {
    if *chosen != Namespaces::All || info.count(chosen) == Some(0) {
        return None;
    }
    let counts = info.counts(chosen)?;
    let empty: Vec<&str> = counts
        .iter()
        .filter(|(_, count)| **count == 0)
        .filter_map(|(namespace, _)| namespace.as_deref())
        .collect();
    let shown = empty.iter().take(NAMES_SHOWN).copied().collect::<Vec<_>>();
    let more = match empty.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!empty.is_empty()).then(|| {
        format!(
            "These namespaces hold no vectors: {}{more}.",
            shown.join(", ")
        )
    })
}

/// The namespaces that are known to exist.
pub(super) struct Known(Mutex<BTreeSet<Namespace>>);

impl Known {
    pub(super) fn new(listed: BTreeSet<Namespace>) -> Self {
        Self(Mutex::new(listed))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Namespace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks anew, and gives all of them in order, the default one first.
    pub(super) async fn again(&self, server: &Server) -> Result<Vec<Namespace>, Error> {
        let listed = ask(server, &Info::ask(server).await?).await?;
        *self.lock() = listed.clone();
        Ok(listed.into_iter().collect())
    }

    /// Whether there is that namespace; asked anew before it is denied.
    pub(super) async fn holds(
        &self,
        server: &Server,
        namespace: &Namespace,
    ) -> Result<bool, Error> {
        if self.lock().contains(namespace) {
            return Ok(true);
        }
        let all = self.again(server).await?;
        Ok(all.contains(namespace))
    }
}

/// The error of a namespace that cannot be gone on with.
pub(super) fn gone_halfway(namespace: &Namespace) -> Error {
    let shown = shown(namespace);
    range::begin_anew(format!(
        "{shown} was read halfway and does not exist any more"
    ))
}

/// What becomes of a namespace that was there when the lanes were drawn: what was
/// read halfway cannot be gone on with, what was not begun is empty now.
pub(super) fn vanished(
    server: &Server,
    namespace: &Namespace,
    cursor: Option<&str>,
) -> Result<Page, Error> {
    if cursor.is_some() {
        return Err(gone_halfway(namespace));
    }
    let shown = shown(namespace);
    let text =
        format!("{shown} was there when the export began, and was deleted before it was read");
    server.surroundings.progress.remark(Level::Warning, &text);
    Ok(Page::default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<Namespace> {
        let named = names.iter().map(|name| Some((*name).to_owned()));
        named.chain([None]).collect()
    }

    #[test]
    fn an_unknown_namespace_is_told_with_those_that_there_are() {
        let refusal = |names: &[&str]| {
            let error = check(&Namespaces::Named("acme".to_owned()), &set(names)).unwrap_err();
            assert_eq!(error.to_string(), "namespace \"acme\" does not exist");
            error.advice().unwrap_or_default().to_owned()
        };
        assert_eq!(
            refusal(&["acme-1", "ümlaut"]),
            "There are: acme-1, ümlaut, and the default one, upstash:@default"
        );
        assert!(refusal(&[]).contains("upstash:@default"));
        let many: Vec<String> = (10..30).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(refusal(&many).ends_with("18, 19 and 10 more"));
        assert!(check(&Namespaces::Default, &set(&[])).is_ok());
    }
}
