//! What the operator reads when the account refuses or fails: the one table from
//! the cases of [`ApiError`] to exit code and advice.

use crate::cloudflare::error::ApiError;
use crate::error::{Error, Kind};
use crate::http::Cause;

/// What is the matter, and what to do about it.
struct Guidance {
    kind: Kind,
    matter: &'static str,
    advice: String,
}

impl Guidance {
    fn new(kind: Kind, matter: &'static str, advice: &str) -> Self {
        let advice = advice.to_owned();
        Self {
            kind,
            matter,
            advice,
        }
    }
}

impl From<ApiError> for Error {
    fn from(error: ApiError) -> Self {
        let guidance = guidance(&error);
        let operation = error.parts().0;
        let message = format!("could not {}: {}", operation.what, guidance.matter);
        Self::new(guidance.kind, message)
            .advise(guidance.advice)
            .because(error)
    }
}

fn guidance(error: &ApiError) -> Guidance {
    match error {
        ApiError::Forbidden(_)
        | ApiError::Challenged(_)
        | ApiError::BadAccount(_)
        | ApiError::NotEntitled(_)
        | ApiError::FreeAllowanceSpent(_)
        | ApiError::RateLimited { .. } => access_guidance(error),
        ApiError::Http { source, .. } => http_guidance(&source.cause),
        _ => content_guidance(error),
    }
}

/// What stands between the operator and the account.
fn access_guidance(error: &ApiError) -> Guidance {
    match error {
        ApiError::Challenged(_) => Guidance::new(
            Kind::Forbidden,
            "a firewall before the API stands in the way",
            "run from another network, or have this address allowed",
        ),
        ApiError::BadAccount(_) => Guidance::new(
            Kind::Usage,
            "the account id is not valid",
            "check CLOUDFLARE_ACCOUNT_ID: 32 hexadecimal digits, shown on the dashboard",
        ),
        ApiError::NotEntitled(_) => Guidance::new(
            Kind::Forbidden,
            "the account's plan does not include it",
            "enable the product for this account on the dashboard",
        ),
        ApiError::FreeAllowanceSpent(_) => Guidance::new(
            Kind::Stopped,
            "the account's free allowance for today is spent",
            "it resets at 00:00 UTC: run the same command again then, or move to a paid plan",
        ),
        ApiError::RateLimited { .. } => Guidance::new(
            Kind::Stopped,
            "too many requests for too long",
            "something else uses the account: run the same command again later, \
             or lower --api-budget",
        ),
        _ => Guidance {
            kind: Kind::Forbidden,
            matter: "the API token is not valid or may not do this",
            advice: format!(
                "use an API token with the permission \"{}\" for this account \
                 (the dashboard says \"Edit\" for \"Write\")",
                error.parts().0.permission
            ),
        },
    }
}

/// What is wrong with what was asked or answered.
fn content_guidance(error: &ApiError) -> Guidance {
    let (kind, matter, advice) = match error {
        ApiError::NotFound(_) => (
            Kind::Failed,
            "it does not exist",
            "check the name and the account, or let it be made with --create",
        ),
        ApiError::DuplicateName(_) => (
            Kind::Failed,
            "the name is taken",
            "choose another name, or use the existing one without --create",
        ),
        ApiError::InvalidConfig(_) => (
            Kind::Failed,
            "an index cannot have this form",
            "Vectorize takes 32 to 1,536 dimensions, and the metrics cosine, euclidean \
             and dot-product",
        ),
        ApiError::BadRecord(_) => (
            Kind::Failed,
            "one item of the batch is refused, and with it the whole batch",
            "the answer names the first offender: choose other mapping options, or mend it in \
             the source; once something was written, both need a new folder (--dir) and \
             --overwrite",
        ),
        ApiError::TooLarge(_) => (
            Kind::Failed,
            "the request is too large",
            "lower --batch-bytes",
        ),
        ApiError::CursorBroken(_) => (
            Kind::Stopped,
            "the listing broke off, as it does while the index applies writes",
            "wait a minute, then run the same command again",
        ),
        ApiError::BadAnswer { .. } => (
            Kind::Failed,
            "the answer is not what the API documents",
            "check CLOUDFLARE_API_BASE_URL; if it is right, the API has changed",
        ),
        _ => (
            Kind::Failed,
            "Cloudflare refuses",
            "check CLOUDFLARE_API_BASE_URL and what the answer says",
        ),
    };
    Guidance::new(kind, matter, advice)
}

fn http_guidance(cause: &Cause) -> Guidance {
    let (kind, matter, advice) = match cause {
        Cause::NotSent(_) => (
            Kind::Stopped,
            "Cloudflare cannot be reached",
            "check the network and CLOUDFLARE_API_BASE_URL, then run the same command again",
        ),
        Cause::TooLarge { .. } => (
            Kind::Failed,
            "the answer is larger than this tool reads",
            "check CLOUDFLARE_API_BASE_URL, and that the stored values are as expected",
        ),
        Cause::Budget(error) => {
            let (kind, advice) = error.end();
            (kind, "the request budget cannot be kept", advice)
        }
        Cause::Interrupted => (
            Kind::Interrupted,
            "interrupted",
            "run the same command again to go on",
        ),
        Cause::Lost(_) | Cause::Answered { .. } | Cause::RateLimited { .. } => (
            Kind::Stopped,
            "Cloudflare does not answer as it should",
            "run the same command again; https://www.cloudflarestatus.com tells of outages",
        ),
    };
    Guidance::new(kind, matter, advice)
}
