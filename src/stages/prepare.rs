//! Before anything is done: both ends are looked at, everything that stands in
//! the way is told at once, and what decides the outcome is frozen.

use std::time::Duration;

use crate::cloudflare::{Account, ApiError, IndexName, Kv, KvNamespaceId, Vectorize};
use crate::error::Error;
use crate::file_index::{CountKey, FileIndexPlan};
use crate::http;
use crate::plan::{
    Blocker, Created, IndexState, KvState, Plan, PlannedSource, PlannedTarget, Wishes,
    choose_target, find_namespace, load_file_index, survey_index,
};
use crate::report::RequestFacts;
use crate::settings::MappingOptions;
use crate::source::SourceFacts;
use crate::stages::context::Migration;
use crate::transform::{Mapping, Target, Template, Transform};

/// The account of a migration: Vectorize's side and KV's, which may have a token
/// of its own.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// For Vectorize.
    pub vectorize: Account,
    /// For KV.
    pub kv: Account,
    /// What the plan calls them: no secrets.
    pub service: String,
    /// The clients below them, for their counters: one, or two where KV has a
    /// token of its own.
    pub clients: Vec<http::Client>,
}

impl Accounts {
    /// What was sent to the account so far.
    pub fn requests(&self) -> RequestFacts {
        let mut facts = RequestFacts::default();
        for client in &self.clients {
            let sent = client.counters();
            facts.total += sent.total;
            facts.retried += sent.retried;
            facts.rate_limited += sent.rate_limited;
        }
        facts
    }
}

/// The key that holds the number of vectors.
const COUNT_KEY: &str = "_vector_count";

/// What was asked for concerning the file index.
#[derive(Debug, Clone)]
pub struct FileIndexWish {
    /// The KV namespace, by title or id.
    pub namespace: String,
    /// Another place for the count; none: `_vector_count` beside the entries.
    pub count: Option<CountWish>,
    /// Seconds after which entries expire.
    pub ttl: Option<u64>,
}

/// Where the number of vectors is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountWish {
    /// The KV namespace, by title or id; none: that of the entries.
    pub namespace: Option<String>,
    /// The key.
    pub key: String,
}

impl FileIndexWish {
    /// The namespace and the key of the number of vectors, as they were asked for.
    pub fn count_place(&self) -> (&str, &str) {
        match &self.count {
            Some(count) => (
                count.namespace.as_deref().unwrap_or(&self.namespace),
                &count.key,
            ),
            None => (&self.namespace, COUNT_KEY),
        }
    }

    /// What was asked for, where that says nothing what was frozen; none where
    /// neither is.
    pub fn or_frozen(asked: Option<Self>, frozen: Option<FileIndexPlan>) -> Option<Self> {
        let Some(frozen) = frozen else { return asked };
        let mut wish = asked.unwrap_or(Self {
            namespace: frozen.namespace,
            count: None,
            ttl: frozen.ttl,
        });
        wish.count.get_or_insert(CountWish {
            namespace: Some(frozen.count.namespace),
            key: frozen.count.key,
        });
        Some(wish)
    }

    /// The namespace of the count, where it is another one.
    pub fn count_namespace(&self) -> Option<&str> {
        self.count.as_ref()?.namespace.as_deref()
    }

    /// The key of the count.
    pub fn count_key(&self) -> &str {
        self.count.as_ref().map_or(COUNT_KEY, |count| &count.key)
    }
}

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The index's name.
    pub index: IndexName,
    /// The mapping options that were given.
    pub mapping: MappingOptions,
    /// Whether missing things may be created.
    pub create: bool,
    /// The file index, where one is wanted.
    pub file_index: Option<FileIndexWish>,
}

/// Everything resolved.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// The transform of the plan.
    pub transform: Transform,
    /// The index's state before anything was done.
    pub index_state: IndexState,
    /// The KV namespaces of entries and count, where a file index is wanted.
    pub kv: Option<(KvState, KvState)>,
    /// What the operator should know, a sentence each.
    pub warnings: Vec<String>,
}

/// Looks at both ends, and refuses with everything that stands in the way.
///
/// Errors: [`crate::error::Kind::Refused`] with the blockers; the account's.
pub async fn prepare(
    migration: &Migration,
    accounts: &Accounts,
    request: &Request,
    source: (&SourceFacts, Option<u64>),
) -> Result<Prepared, Error> {
    let frozen = Plan::load(&migration.ledger)?;
    let base = frozen
        .as_ref()
        .map(|plan| plan.mapping.clone())
        .unwrap_or_default();
    let mapping = request.mapping.over(&base);
    let mut warnings = source.0.warnings.clone();
    let mut blockers = Vec::new();

    if source.1 == Some(0) {
        blockers.push(Blocker::new(
            format!("{} holds no points", source.0.name),
            "there is nothing to migrate: check the name",
        ));
    }
    let index_state = survey_index(&accounts.vectorize.vectorize(&request.index)).await?;
    let wishes = Wishes {
        create: request.create,
        metric: request.mapping.metric,
        dims: mapping.dims,
    };
    let target = choose_target(
        &source.0.shape,
        mapping.vector.as_deref(),
        (&request.index, &index_state),
        wishes,
        &mut warnings,
    );
    let kv = match &request.file_index {
        Some(wish) => Some(survey_kv(accounts, wish, request.create, &mut blockers).await?),
        None => None,
    };
    let target = match target {
        Ok(target) => target,
        Err(blocker) => {
            blockers.insert(0, blocker);
            return Err(refuse(&blockers));
        }
    };
    if !blockers.is_empty() {
        return Err(refuse(&blockers));
    }
    let plan = plan(accounts, request, source.0, &mapping, target);
    if plan.may_replace(&migration.ledger)? {
        migration.ledger.begin_again()?;
        if frozen.is_some_and(|frozen| frozen.source == plan.source) {
            migration.tell("the settings are not those of the last start; nothing was written then, so every point is checked anew");
        }
    }
    plan.freeze(&migration.ledger)?;
    let transform = resolve(mapping, source.0, target)?;
    Ok(Prepared {
        plan,
        transform,
        index_state,
        kv,
        warnings,
    })
}

/// The transform for points of that source.
pub fn resolve(mapping: Mapping, source: &SourceFacts, target: Target) -> Result<Transform, Error> {
    Transform::resolve(mapping, &source.shape, target).map_err(|error| {
        let advice = error.advice();
        Error::refused(error.to_string()).advise(advice)
    })
}

fn plan(
    accounts: &Accounts,
    request: &Request,
    source: &SourceFacts,
    mapping: &Mapping,
    target: Target,
) -> Plan {
    Plan {
        source: PlannedSource::from(source),
        mapping: mapping.clone(),
        target: PlannedTarget {
            service: accounts.service.clone(),
            index: request.index.to_string(),
            dimensions: target.dimensions,
            metric: target.metric,
        },
    }
}

async fn survey_kv(
    accounts: &Accounts,
    wish: &FileIndexWish,
    create: bool,
    blockers: &mut Vec<Blocker>,
) -> Result<(KvState, KvState), Error> {
    let entries = find_namespace(&accounts.kv, &wish.namespace).await?;
    let count = match wish.count_namespace() {
        Some(namespace) => find_namespace(&accounts.kv, namespace).await?,
        None => entries.clone(),
    };
    blockers.extend(missing_namespace(&entries, create));
    if count != entries {
        blockers.extend(missing_namespace(&count, create));
    }
    Ok((entries, count))
}

fn missing_namespace(state: &KvState, create: bool) -> Option<Blocker> {
    let KvState::Missing(wanted) = state else {
        return None;
    };
    let advice = match (is_namespace_id(wanted), create) {
        (true, _) => {
            "an id cannot be chosen: give a title and --create, or the id of an existing namespace"
        }
        (false, false) => "give --create to create it, or the title or id of an existing one",
        (false, true) => return None,
    };
    Some(Blocker::new(
        format!("the KV namespace {wanted} does not exist"),
        advice,
    ))
}

/// Refuses namespaces that are missing and may not be created.
pub fn check_namespaces(kv: (&KvState, &KvState), create: bool) -> Result<(), Error> {
    let mut blockers: Vec<Blocker> = missing_namespace(kv.0, create).into_iter().collect();
    if kv.1 != kv.0 {
        blockers.extend(missing_namespace(kv.1, create));
    }
    if blockers.is_empty() {
        Ok(())
    } else {
        Err(refuse(&blockers))
    }
}

/// Ids are 32 hex digits (KV API).
fn is_namespace_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// All blockers in one error; a single one keeps its advice apart.
fn refuse(blockers: &[Blocker]) -> Error {
    match blockers {
        [only] => Error::refused(&only.what).advise(&only.advice),
        several => {
            let lines: Vec<String> = several
                .iter()
                .map(|blocker| format!("\n  {}: {}", blocker.what, blocker.advice))
                .collect();
            Error::refused(format!(
                "several things stand in the way:{}",
                lines.concat()
            ))
        }
    }
}

/// Creates what is missing and was allowed to be created.
pub async fn create_missing(
    migration: &Migration,
    accounts: &Accounts,
    prepared: &Prepared,
) -> Result<Vectorize, Error> {
    let target = &prepared.plan.target;
    let name = IndexName::new(&target.index)?;
    let index = accounts.vectorize.vectorize(&name);
    let shown = format!(
        "the index {name} ({} dimensions, {})",
        target.dimensions, target.metric
    );
    match (&prepared.index_state, migration.is_dry_run()) {
        (IndexState::Present { .. }, _) => {}
        (IndexState::Missing, true) => migration.tell(format!("would create {shown}")),
        (IndexState::Missing, false) => {
            accounts
                .vectorize
                .create_index(&name, target.dimensions, target.metric)
                .await?;
            Created::add_index(&migration.ledger, name.as_str())?;
            migration.tell(format!("created {shown}"));
        }
    }
    Ok(index)
}

/// Refuses another file index than was begun before anything is written.
/// Refuses another file index than was begun, before anything is written.
pub fn refuse_other_file_index(
    migration: &Migration,
    request: &Request,
    prepared: &Prepared,
) -> Result<(), Error> {
    let (Some(wish), Some((entries, count))) = (&request.file_index, &prepared.kv) else {
        return Ok(());
    };
    let Some(frozen) = load_file_index(&migration.ledger)? else {
        return Ok(());
    };
    let named = |state: &KvState| match state {
        KvState::Present(name) | KvState::Missing(name) => name.clone(),
    };
    let count = CountKey {
        namespace: named(count),
        key: wish.count_key().to_owned(),
    };
    let file_key = prepared.plan.mapping.file_key.clone();
    let ttl = wish.ttl.or(frozen.ttl);
    let asked = FileIndexPlan::new(named(entries), file_key, count, ttl);
    crate::plan::freeze_file_index(&migration.ledger, &asked)
}

/// The file index's plan, its namespaces created where they are missing; none
/// when no file index is wanted, or in a dry run of one that does not exist yet.
pub async fn file_index_plan(
    migration: &Migration,
    accounts: &Accounts,
    wish: Option<&FileIndexWish>,
    kv: Option<&(KvState, KvState)>,
    file_key: &Template,
) -> Result<Option<FileIndexPlan>, Error> {
    let (Some(wish), Some((entries, count))) = (wish, kv) else {
        return Ok(None);
    };
    let frozen = load_file_index(&migration.ledger)?;
    let entries_id = namespace_id(migration, accounts, entries).await?;
    let count_id = match count == entries {
        true => entries_id.clone(),
        false => namespace_id(migration, accounts, count).await?,
    };
    let (Some(namespace), Some(count)) = (entries_id, count_id) else {
        return Ok(None);
    };
    let count = CountKey {
        namespace: count,
        key: wish.count_key().to_owned(),
    };
    let ttl = wish.ttl.or(frozen.and_then(|plan| plan.ttl));
    let plan = FileIndexPlan::new(namespace, file_key.clone(), count, ttl);
    crate::plan::freeze_file_index(&migration.ledger, &plan)?;
    Ok(Some(plan))
}

async fn namespace_id(
    migration: &Migration,
    accounts: &Accounts,
    state: &KvState,
) -> Result<Option<String>, Error> {
    match state {
        KvState::Present(id) => Ok(Some(id.clone())),
        KvState::Missing(title) if migration.is_dry_run() => {
            migration.tell(format!("would create the KV namespace {title}"));
            Ok(None)
        }
        KvState::Missing(title) => {
            let created = accounts.kv.create_kv_namespace(title).await?;
            Created::add_namespace(&migration.ledger, created.id.as_str())?;
            wait_until_there(migration, &accounts.kv.kv(&created.id)).await?;
            migration.tell(format!("created the KV namespace {title} ({})", created.id));
            Ok(Some(created.id.to_string()))
        }
    }
}

/// A new namespace may answer "not found" for about a second (seen live).
async fn wait_until_there(migration: &Migration, kv: &Kv) -> Result<(), Error> {
    const LOOKS: u32 = 8;
    for look in 0..LOOKS {
        match kv.list("", None).await {
            Err(ApiError::NotFound(_)) if look + 1 < LOOKS => {
                let pause = Duration::from_millis(250 << look.min(4));
                migration.stop.pause(&migration.clock, pause).await?;
            }
            other => return Ok(other.map(drop)?),
        }
    }
    Ok(())
}

/// The id of a namespace that the plan names.
pub fn planned_namespace(id: &str) -> Result<KvNamespaceId, Error> {
    Ok(KvNamespaceId::new(id)?)
}
