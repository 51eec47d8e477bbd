//! Opens the account: the real one over the network, or the embedded sandbox.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::limits;
use crate::cli::verbs::Setup;
use crate::clock::Clock;
use crate::cloudflare::{Account, AccountId};
use crate::error::Error;
use crate::http::{Client, ConnectionLost, NetworkOptions, Transport};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::settings::{ApiBudget, CloudflareSettings, Pace};
use crate::stages::context::{Mode, Stop};
use crate::stages::prepare::Accounts;

/// The embedded sandbox's account.
const SANDBOX_ACCOUNT: &str = "00000000000000000000000000000000";

/// The account: the real one, or the embedded sandbox.
pub(in crate::cli) fn accounts(setup: &Setup, dir: &Path, mode: Mode) -> Result<Accounts, Error> {
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
