//! Pages of a namespace by `range`, and vectors by id by `fetch`. Where a page
//! begins is the service's own cursor; its size is ours and follows what pages weigh.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::Namespace;
use super::decode::{DecodeError, Fields, RangePage, fetched, ids, points};
use super::laps::Laps;
use super::namespaces::{self, shown};
use super::reply::Reply;
use super::retry::{Again, Decision, Failure, Patience, Room};
use super::server::{Server, path};
use crate::error::Error;
use crate::point::{Point, PointId, PointName};
use crate::source::page_size::PageSize;
use crate::source::{Cursor, Names, Page, ReadPoint};

/// The cursor with which every pass begins.
const BEGINNING: &str = "0";
/// Vectors of a page, at most: what the vendor's other calls take.
const MOST: u32 = 1_000;
/// Vectors of the first page, because metadata and data are not known yet.
const FIRST: u32 = 250;
/// What a page should weigh as text.
const TARGET_BYTES: usize = 8 << 20;
/// About what a number of a vector takes as text.
const NUMBER_BYTES: usize = 12;

/// The state of all passes over an index.
pub(super) struct Reading {
    whole: Mutex<PageSize>,
    names: Mutex<PageSize>,
    laps: Mutex<HashMap<(Scope, Namespace), Laps>>,
}

/// How much of each vector is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Scope {
    /// All of it.
    Whole,
    /// Its id.
    Names,
}

impl Reading {
    pub(super) fn new(fields: &Fields) -> Self {
        let fitting = TARGET_BYTES / fields.dimensions.saturating_mul(NUMBER_BYTES).max(1);
        let first = u32::try_from(fitting).unwrap_or(MOST).min(FIRST);
        Self {
            whole: Mutex::new(PageSize::new(first, MOST, TARGET_BYTES)),
            names: Mutex::new(PageSize::new(MOST, MOST, TARGET_BYTES)),
            laps: Mutex::default(),
        }
    }

    /// The page of the namespace that begins at `cursor`.
    pub(super) async fn page(
        &self,
        server: &Server,
        fields: &Fields,
        namespace: &Namespace,
        cursor: Option<&str>,
    ) -> Result<Page, Error> {
        let (asked, reply) = self.range(server, namespace, cursor, Scope::Whole).await?;
        let page = points(fields, namespace, reply.result());
        let page = page.map_err(|error| unreadable(namespace, error))?;
        lock(&self.whole).came(asked, page.items.len(), reply.result().len());
        let next = self.next(Scope::Whole, namespace, cursor, &page)?;
        let read = |point| ReadPoint {
            point,
            resume: None,
        };
        Ok(Page {
            points: page.items.into_iter().map(read).collect(),
            next,
            lane: None,
        })
    }

    /// The names of the page that begins at `cursor`.
    pub(super) async fn names(
        &self,
        server: &Server,
        namespace: &Namespace,
        cursor: Option<&str>,
    ) -> Result<Names, Error> {
        let (asked, reply) = self.range(server, namespace, cursor, Scope::Names).await?;
        let page = ids(reply.result()).map_err(|error| unreadable(namespace, error))?;
        lock(&self.names).came(asked, page.items.len(), reply.result().len());
        let next = self.next(Scope::Names, namespace, cursor, &page)?;
        let named = |id| PointName {
            namespace: namespace.clone(),
            id: PointId::Text(id),
        };
        Ok(Names {
            names: page.items.into_iter().map(named).collect(),
            next,
        })
    }

    fn size(&self, scope: Scope) -> &Mutex<PageSize> {
        match scope {
            Scope::Whole => &self.whole,
            Scope::Names => &self.names,
        }
    }

    /// The answer, and how many vectors were asked for in the end.
    async fn range(
        &self,
        server: &Server,
        namespace: &Namespace,
        cursor: Option<&str>,
        scope: Scope,
    ) -> Result<(u32, Reply), Error> {
        let path = path("range", namespace)?;
        let doing = doing(namespace, cursor);
        let mut limit = lock(self.size(scope)).limit();
        let mut patience = Patience::new(server);
        loop {
            let failure = match server.ask(&path, &request(cursor, limit, scope)).await {
                Ok(reply) => return Ok((limit, reply)),
                Err(failure) => failure,
            };
            if is_refused_place(&failure, cursor) {
                return Err(place_refused(namespace, failure));
            }
            if cursor.is_some() && failure.decision == Decision::NotFound {
                return Err(namespaces::gone_halfway(namespace).because(failure.error));
            }
            let room = if limit > 1 { Room::Less } else { Room::None };
            if patience.after(&doing, failure, room).await? == Again::Smaller {
                let mut size = lock(self.size(scope));
                size.shrink(limit);
                limit = size.limit();
            }
        }
    }

    /// Where reading goes on, which must not be where it was before.
    fn next<T>(
        &self,
        scope: Scope,
        namespace: &Namespace,
        cursor: Option<&str>,
        page: &RangePage<T>,
    ) -> Result<Option<Cursor>, Error> {
        let mut all = lock(&self.laps);
        let key = (scope, namespace.clone());
        let Some(next) = &page.next else {
            all.remove(&key);
            return Ok(None);
        };
        let from = cursor.unwrap_or(BEGINNING);
        let laps = all.entry(key).or_insert_with(|| Laps::at(from));
        if !laps.is_at(from) {
            *laps = Laps::at(from);
        }
        if laps.comes_again(next) {
            let shown = shown(namespace);
            return Err(Error::failed(format!(
                "Upstash gives cursor {next:?} of {shown} a second time, so that reading would never end"
            ))
            .advise("Pause whatever writes to the index, then run again; where it stays so, ask Upstash's support"));
        }
        Ok(Some(Cursor::Opaque(next.clone())))
    }
}

/// The vectors of these ids; those that do not exist are left out. Asked for in
/// several calls where they are too many, or weigh too much, for one.
pub(super) async fn fetch(
    server: &Server,
    fields: &Fields,
    namespace: &Namespace,
    ids: &[String],
) -> Result<Vec<Point>, Error> {
    let doing = format!("reading vectors of {} by id", shown(namespace));
    let path = path("fetch", namespace)?;
    let (mut found, mut rest, mut most) = (Vec::with_capacity(ids.len()), ids, ids.len());
    let mut patience = Patience::new(server);
    while !rest.is_empty() {
        let (asked, later) = rest.split_at(most.min(rest.len()));
        let mut body = json!({ "ids": asked });
        include(&mut body, Scope::Whole);
        let failure = match server.ask(&path, &body).await {
            Ok(reply) => {
                let points = fetched(fields, namespace, reply.result());
                found.extend(points.map_err(|error| unreadable(namespace, error))?);
                (rest, patience) = (later, Patience::new(server));
                continue;
            }
            Err(failure) => failure,
        };
        let room = if asked.len() > 1 {
            Room::Less
        } else {
            Room::None
        };
        if patience.after(&doing, failure, room).await? == Again::Smaller {
            most = asked.len().div_ceil(2);
        }
    }
    Ok(found)
}

fn request(cursor: Option<&str>, limit: u32, scope: Scope) -> Value {
    let mut body = json!({ "cursor": cursor.unwrap_or(BEGINNING), "limit": limit });
    include(&mut body, scope);
    body
}

fn include(body: &mut Value, scope: Scope) {
    for part in ["includeVectors", "includeMetadata", "includeData"] {
        body[part] = Value::Bool(scope == Scope::Whole);
    }
}

fn doing(namespace: &Namespace, cursor: Option<&str>) -> String {
    let namespace = shown(namespace);
    match cursor {
        None => format!("reading {namespace} from its beginning"),
        Some(cursor) => format!("reading {namespace} from cursor {cursor:?} on"),
    }
}

/// Whether the service does not take the cursor that it gave.
fn is_refused_place(failure: &Failure, cursor: Option<&str>) -> bool {
    use Decision::{Limit, NotFound, Refused, Smaller};
    let lasting = matches!(failure.decision, Limit | NotFound | Refused | Smaller);
    cursor.is_some() && lasting && failure.error.is_about_the_cursor()
}

fn place_refused(namespace: &Namespace, failure: Failure) -> Error {
    begin_anew(format!(
        "the place that was kept in {} is not valid any more",
        shown(namespace)
    ))
    .because(failure.error)
}

/// The error of a place from which reading cannot go on.
pub(super) fn begin_anew(message: String) -> Error {
    Error::failed(message).advise(
        "Copy the index anew: delete the unfinished generation (the highest number in the archive folder, in the migration folder's archive/) and run the same command again, or give a new folder with --dir",
    )
}

fn unreadable(namespace: &Namespace, error: DecodeError) -> Error {
    Error::failed(format!(
        "Upstash answered with a vector that cannot be read, in {}",
        shown(namespace)
    ))
    .advise("Mend that vector in Upstash, or delete it there, then run again")
    .because(error)
}

fn lock<T>(state: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
