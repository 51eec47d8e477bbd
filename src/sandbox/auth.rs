//! Who may call: bearer tokens, and the old pair of mail and key.

use axum::http::{HeaderMap, StatusCode, header};

use super::reply::Failure;
use super::{Operation, SandboxOptions};

/// Lets a call pass that carries acceptable credentials for `account`.
pub(super) fn check(
    options: &SandboxOptions,
    operation: Operation,
    headers: &HeaderMap,
    account: Option<&str>,
) -> Result<(), Failure> {
    check_credentials(options.token.as_deref(), operation, headers)?;
    match (&options.account_id, account) {
        (Some(ours), Some(asked)) if ours != asked => Err(Failure::new(
            StatusCode::FORBIDDEN,
            9109,
            "Unauthorized to access requested resource",
        )),
        _ => Ok(()),
    }
}

fn check_credentials(
    wanted: Option<&str>,
    operation: Operation,
    headers: &HeaderMap,
) -> Result<(), Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION.as_str())
        .and_then(|value| value.strip_prefix("Bearer "))
        .filter(|token| !token.is_empty());
    let pair = text("x-auth-email").zip(text("x-auth-key"));
    match (bearer, pair, wanted) {
        (None, None, _) => Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            10000,
            "Authentication error",
        )),
        (_, _, None) => Ok(()),
        (Some(token), _, Some(wanted)) if token == wanted => Ok(()),
        _ if is_token_check(operation) => Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            1000,
            "Invalid API Token",
        )),
        (Some(_), _, Some(_)) => Err(Failure::new(
            StatusCode::UNAUTHORIZED,
            9109,
            "Invalid access token",
        )),
        (None, Some(_), Some(_)) => Err(Failure::new(
            StatusCode::FORBIDDEN,
            9103,
            "Unknown X-Auth-Key or X-Auth-Email",
        )),
    }
}

fn is_token_check(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::VerifyUserToken | Operation::VerifyAccountToken
    )
}
