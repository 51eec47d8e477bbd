//! The client against a scripted service in this process, on simulated time:
//! what is asked, what becomes of the answers, and what the operator reads.

mod account;
mod kv;
mod refusals;
mod vectorize;

use std::error::Error as StdError;

use crate::cloudflare::{Account, AccountId, IndexName, Kv, KvNamespaceId, Vectorize};
use crate::error::Error;
use crate::http::testing::{Reply, Script, json};

const INDEX: &str = "/client/v4/accounts/acc/vectorize/v2/indexes/docs";
const NAMESPACE: &str = "/client/v4/accounts/acc/storage/kv/namespaces/ns1";

/// An envelope around a result.
fn ok(result: &str) -> Reply {
    json(
        200,
        format!(r#"{{"success":true,"errors":[],"messages":["plain text"],"result":{result}}}"#),
    )
}

/// An envelope around one error.
fn refused(status: u16, code: u32, message: &str) -> Reply {
    let error = serde_json::json!([{ "code": code, "message": message }]);
    json(
        status,
        format!(r#"{{"success":false,"errors":{error},"messages":[],"result":null}}"#),
    )
}

fn account(script: &Script) -> Account {
    Account::new(script.client(), AccountId::new("acc").unwrap())
}

fn docs(script: &Script) -> Vectorize {
    account(script).vectorize(&IndexName::new("docs").unwrap())
}

fn ns1(script: &Script) -> Kv {
    account(script).kv(&KvNamespaceId::new("ns1").unwrap())
}

/// The error as the terminal shows it: message, chain, advice.
fn rendered(error: impl Into<Error>) -> String {
    let error = error.into();
    let mut lines = vec![error.to_string()];
    let mut below = error.source();
    while let Some(cause) = below {
        lines.push(format!("  because {cause}"));
        below = cause.source();
    }
    lines.extend(error.advice().map(|advice| format!("  -> {advice}")));
    lines.join("\n")
}
