//! From what an operator has as `QDRANT_URL` (mostly the REST address) to the
//! two addresses that are needed. Pure: nothing is connected here.

use reqwest::Url;

use crate::error::Error;
use crate::http::base_url::is_loopback;

const REST_PORT: u16 = 6333;
const GRPC_PORT: u16 = 6334;

/// Where a Qdrant server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Scheme, host and port of the gRPC side.
    pub(super) grpc: String,
    /// The same of the REST side; none where the URL does not tell its port.
    pub(super) rest: Option<String>,
}

impl Address {
    /// Qdrant's standard ports stand for each other: 6333, 6334 or no port mean
    /// 6334 for gRPC and 6333 for REST. Any other port is the gRPC one, as
    /// given, and the REST port is unknown then. An explicit port wins; where
    /// only the gRPC one is explicit, the URL's own port is the REST one.
    ///
    /// A path, query and trailing slash are dropped.
    pub(super) fn resolve(
        url: Option<&str>,
        grpc_port: Option<u16>,
        rest_port: Option<u16>,
    ) -> Result<Self, Error> {
        let text = url.map(str::trim).unwrap_or_default();
        let url = parse(text)?;
        let given = explicit_port(text).filter(|port| !matches!(*port, REST_PORT | GRPC_PORT));
        let rest_by_url = match (given, grpc_port) {
            (None, _) => Some(REST_PORT),
            (Some(port), Some(grpc)) if grpc != port => Some(port),
            (Some(_), _) => None,
        };
        Ok(Self {
            grpc: origin(&url, grpc_port.or(given).unwrap_or(GRPC_PORT)),
            rest: rest_port.or(rest_by_url).map(|port| origin(&url, port)),
        })
    }

    /// Refuses plain http to another machine unless that is allowed.
    pub(super) fn check_secrecy(&self, insecure_http: bool) -> Result<(), Error> {
        let stays_here = Url::parse(&self.grpc).is_ok_and(|url| is_loopback(&url));
        if insecure_http || stays_here || self.grpc.starts_with("https://") {
            return Ok(());
        }
        Err(Error::usage(
            "QDRANT_URL is plain http, which sends key and data readable over the network",
        )
        .advise("write https:// where the server uses TLS; plain http to another machine needs --insecure-http"))
    }
}

fn parse(text: &str) -> Result<Url, Error> {
    if text.is_empty() {
        return Err(Error::usage("QDRANT_URL is not set")
            .advise("Set it to the server's address, for example http://localhost:6334"));
    }
    if text.contains('@') {
        return Err(Error::usage("QDRANT_URL holds a user name or a password")
            .advise("Take it out of the address and put the key into QDRANT_API_KEY"));
    }
    if !text.contains("://") {
        return Err(without_scheme(text));
    }
    let url = Url::parse(text).map_err(|reason| {
        Error::usage("QDRANT_URL is not an address")
            .advise("It looks like http://localhost:6334 or https://HOST.cloud.qdrant.io:6334")
            .because(reason)
    })?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(Error::usage(format!(
            "QDRANT_URL must begin with http:// or https://, not {:?}",
            format!("{}://", url.scheme())
        ))
        .advise("Qdrant's gRPC side is addressed as http://HOST:6334 or https://HOST:6334"));
    }
    Ok(url)
}

/// What is no host with a port may be a key in the wrong variable, and is not
/// repeated.
fn without_scheme(text: &str) -> Error {
    let is_host = |host: &str| {
        host.chars()
            .all(|c| c.is_ascii_alphanumeric() || "-.".contains(c))
    };
    match text.trim_end_matches('/').split_once(':') {
        Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok() => {
            Error::usage(format!("QDRANT_URL has no scheme: {text:?}")).advise(format!(
                "Write http://{text}, or https://{text} where the server uses TLS"
            ))
        }
        _ => Error::usage("QDRANT_URL is no address")
            .advise("It looks like http://localhost:6334 or https://HOST.cloud.qdrant.io:6334"),
    }
}

/// The port that the text names. `Url::port` would hide 80 and 443, which are
/// something else here than no port at all.
fn explicit_port(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    authority.rsplit_once(':')?.1.parse().ok()
}

fn origin(url: &Url, port: u16) -> String {
    let host = url.host_str().unwrap_or_default();
    format!("{}://{host}:{port}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Given URL, gRPC and REST port; resulting gRPC and REST address.
    type Row = (
        &'static str,
        Option<u16>,
        Option<u16>,
        &'static str,
        Option<&'static str>,
    );

    #[rustfmt::skip] // A table, a row a line.
    const ROWS: [Row; 14] = [
        ("http://h:6333", None, None, "http://h:6334", Some("http://h:6333")),
        ("http://h:6334", None, None, "http://h:6334", Some("http://h:6333")),
        ("http://h", None, None, "http://h:6334", Some("http://h:6333")),
        (" http://h:6333/ ", None, None, "http://h:6334", Some("http://h:6333")),
        ("http://h:6333/dashboard#/c", None, None, "http://h:6334", Some("http://h:6333")),
        ("https://x.cloud.qdrant.io", None, None, "https://x.cloud.qdrant.io:6334", Some("https://x.cloud.qdrant.io:6333")),
        ("https://h:443", None, None, "https://h:443", None),
        ("http://h:80/", None, None, "http://h:80", None),
        ("http://127.0.0.1:7000", None, None, "http://127.0.0.1:7000", None),
        ("http://h:7000", None, Some(7001), "http://h:7000", Some("http://h:7001")),
        ("http://h:7000", Some(7002), None, "http://h:7002", Some("http://h:7000")),
        ("http://h:7000", Some(7000), None, "http://h:7000", None),
        ("http://h:6333", Some(7002), Some(7001), "http://h:7002", Some("http://h:7001")),
        ("http://[::1]:6333", None, None, "http://[::1]:6334", Some("http://[::1]:6333")),
    ];

    #[test]
    fn both_addresses_follow_from_what_operators_paste() {
        for (url, grpc_port, rest_port, grpc, rest) in ROWS {
            let address = Address::resolve(Some(url), grpc_port, rest_port).unwrap();
            assert_eq!(address.grpc, grpc, "gRPC of {url}");
            assert_eq!(address.rest.as_deref(), rest, "REST of {url}");
        }
    }

    #[test]
    fn a_wrong_address_is_a_usage_error_that_says_what_to_write() {
        let rows = [
            (None, "QDRANT_URL is not set"),
            (Some(""), "QDRANT_URL is not set"),
            (
                Some("localhost:6333"),
                "QDRANT_URL has no scheme: \"localhost:6333\"",
            ),
            (Some("http://"), "QDRANT_URL is not an address"),
            (Some("http://host:66333"), "QDRANT_URL is not an address"),
            (
                Some("grpc://host:6334"),
                "QDRANT_URL must begin with http:// or https://, not \"grpc://\"",
            ),
            (
                Some("http://user:secret@host"),
                "QDRANT_URL holds a user name or a password",
            ),
        ];
        for (url, message) in rows {
            let error = Address::resolve(url, None, None).unwrap_err();
            assert_eq!(error.to_string(), message);
            assert_eq!(error.kind(), crate::error::Kind::Usage);
            assert!(error.advice().is_some(), "{message}");
            assert!(!format!("{error:?}").contains("secret"));
        }
    }
}
