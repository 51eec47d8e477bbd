//! What other people's tools ask before they begin: the user, the accounts, the
//! token. All of it is made up, but in the shape that the real answers have.

use serde_json::{Value, json};

use super::reply::{Answer, Reply};
use super::{Operation, SandboxOptions};

const ANY_ACCOUNT: &str = "00000000000000000000000000000001";
const USER: &str = "00000000000000000000000000000002";
const TOKEN: &str = "00000000000000000000000000000003";
const SINCE: &str = "2026-01-01T00:00:00Z";

/// Answers the calls about user, accounts and token.
pub(super) fn answer(options: &SandboxOptions, operation: Operation) -> Answer {
    let id = options.account_id.as_deref().unwrap_or(ANY_ACCOUNT);
    let reply = match operation {
        Operation::ListAccounts => one_page(account(id)),
        Operation::GetAccount => Reply::result(account(id)),
        Operation::ListMemberships => one_page(membership(id)),
        Operation::GetUser => Reply::result(user()),
        _ => Reply::result(json!({"id": TOKEN, "status": "active"})),
    };
    Ok(reply)
}

fn one_page(item: Value) -> Reply {
    let info = json!({"page": 1, "per_page": 20, "count": 1, "total_count": 1, "total_pages": 1});
    Reply::paged(json!([item]), info)
}

fn account(id: &str) -> Value {
    json!({
        "id": id, "name": "Sandbox", "type": "standard", "created_on": SINCE,
        "settings": {"enforce_twofactor": false},
    })
}

fn membership(id: &str) -> Value {
    json!({
        "id": USER, "status": "accepted", "account": account(id),
        "roles": ["Super Administrator - All Privileges"], "permissions": {},
    })
}

fn user() -> Value {
    json!({
        "id": USER, "email": "sandbox@example.com", "first_name": null, "last_name": null,
        "two_factor_authentication_enabled": false, "suspended": false,
        "created_on": SINCE, "modified_on": SINCE,
    })
}
