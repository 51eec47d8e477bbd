//! The address below which a service answers, checked before anything is sent
//! to it. Text that is refused is not repeated, because it may be a secret in the
//! wrong variable.

use std::net::IpAddr;

use reqwest::Url;

/// Why a text is not a base address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the base URL {problem}")]
pub struct BaseUrlError {
    problem: &'static str,
}

/// An address such as `https://api.cloudflare.com/client/v4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    prefix: String,
    loopback: bool,
    encrypted: bool,
    cloudflare: bool,
}

impl BaseUrl {
    /// Checks the text. Plain `http://` is refused unless it stays on this
    /// machine or is allowed.
    pub(crate) fn parse(text: &str, insecure_http: bool) -> Result<Self, BaseUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| BaseUrlError {
            problem: "is not a URL",
        })?;
        let loopback = is_loopback(&url);
        let readable = url.scheme() == "http" && !loopback && !insecure_http;
        let problem = match &url {
            url if !matches!(url.scheme(), "http" | "https") => "does not begin with https://",
            url if !url.username().is_empty() || url.password().is_some() => {
                "holds a user name or a password"
            }
            url if url.query().is_some() || url.fragment().is_some() => {
                "holds a query or a fragment"
            }
            _ if readable => "is plain http, which sends the token readable over the network",
            url => {
                return Ok(Self {
                    prefix: url.as_str().trim_end_matches('/').to_owned(),
                    loopback,
                    encrypted: url.scheme() == "https",
                    cloudflare: is_cloudflare(url),
                });
            }
        };
        Err(BaseUrlError { problem })
    }

    /// The address without a slash at its end.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether it is this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// Whether it is `https://`.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encrypted
    }
    /// Whether it is Cloudflare's own.
    pub(crate) fn is_cloudflare(&self) -> bool {
        self.cloudflare
    }
}

/// Whether the address is Cloudflare's, in whatever region.
fn is_cloudflare(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_end_matches('.');
    host == "cloudflare.com" || host.ends_with(".cloudflare.com")
}

/// Whether the address is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        BaseUrl::parse(text, false).unwrap_err().to_string()
    }

    #[test]
    fn cloudflares_own_addresses_are_told_from_stand_ins() {
        let is_cloudflare = |text| BaseUrl::parse(text, true).unwrap().is_cloudflare();
        for text in [
            "https://api.cloudflare.com/client/v4",
            "https://API.Cloudflare.com./client/v4",
            "https://api.fed.cloudflare.com/client/v4",
        ] {
            assert!(is_cloudflare(text), "{text}");
        }
        for text in [
            "http://127.0.0.1:8787/client/v4",
            "https://api.cloudflare.com.example/client/v4",
            "https://notcloudflare.com/client/v4",
        ] {
            assert!(!is_cloudflare(text), "{text}");
        }
    }

    #[test]
    fn tls_and_plain_loopback_are_taken_with_or_without_a_slash_at_the_end() {
        for text in [
            "https://api.cloudflare.com/client/v4",
            "http://127.0.0.1:8787/client/v4",
            "http://localhost:8787/client/v4",
            "http://[::1]:8787/client/v4",
        ] {
            for slash in ["", "/"] {
                let base = BaseUrl::parse(&format!("{text}{slash}"), false).unwrap();
                assert_eq!(base.prefix(), text);
                assert_eq!(base.is_loopback(), text.starts_with("http:"));
                assert_eq!(base.is_encrypted(), text.starts_with("https:"));
            }
        }
    }

    #[test]
    fn plain_http_to_another_machine_needs_to_be_allowed() {
        let text = "http://10.0.0.1/client/v4";
        assert_eq!(
            refusal(text),
            "the base URL is plain http, which sends the token readable over the network"
        );
        assert!(BaseUrl::parse(text, true).is_ok());
        assert!(BaseUrl::parse("http://localhost.example/x", false).is_err());
    }

    #[test]
    fn what_is_refused_is_not_repeated() {
        for text in [
            "s3cret",
            "https://user:s3cret@host/client/v4",
            "https://host/client/v4?key=s3cret",
            "https://host/client/v4#s3cret",
            "ftp://host/s3cret",
            "http://s3cret/",
            "",
        ] {
            assert!(!refusal(text).contains("s3cret"), "{text}");
        }
    }
}
