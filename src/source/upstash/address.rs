//! From what an operator has as `UPSTASH_VECTOR_REST_URL` to a transport that
//! carries the token. Text that is refused is not repeated: it may be a secret.

use secrecy::SecretString;

use crate::error::Error;
use crate::http::{NetworkOptions, Transport, TransportError};

/// The address without a slash at its end, and the way there.
pub(super) fn transport(
    url: Option<&str>,
    token: Option<SecretString>,
    insecure_http: bool,
) -> Result<(String, Transport), Error> {
    let Some(url) = url.map(|url| url.trim().trim_end_matches('/')) else {
        return Err(Error::usage("UPSTASH_VECTOR_REST_URL is not set").advise(
            "set it to the index's REST address, https://NAME-vector.upstash.io, from the Upstash console",
        ));
    };
    let Some(token) = token else {
        return Err(Error::usage("UPSTASH_VECTOR_REST_TOKEN is not set").advise(
            "set it to the index's token from the Upstash console; the read-only one will do",
        ));
    };
    let options = NetworkOptions {
        insecure_http,
        ..NetworkOptions::default()
    };
    let transport = Transport::network(url, token, options).map_err(told)?;
    Ok((url.to_owned(), transport))
}

fn told(error: TransportError) -> Error {
    match error {
        TransportError::BaseUrl(error) => {
            Error::usage(format!("UPSTASH_VECTOR_REST_URL: {error}")).advise(
                "it looks like https://NAME-vector.upstash.io; plain http to another machine needs --insecure-http",
            )
        }
        TransportError::Token => Error::usage(
            "UPSTASH_VECTOR_REST_TOKEN holds characters that no token has",
        )
        .advise("copy the token again, without spaces or line breaks"),
        TransportError::Client(source) => {
            Error::failed("the HTTP client cannot be set up").because(source)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: Option<&str>, token: Option<&str>) -> String {
        let token = token.map(SecretString::from);
        let error = transport(url, token, false).unwrap_err();
        assert_eq!(error.kind(), crate::error::Kind::Usage);
        assert!(error.advice().is_some(), "{error}");
        error.to_string()
    }

    #[test]
    fn a_slash_at_the_end_does_not_matter() {
        let token = || Some(SecretString::from("t"));
        for text in [
            "https://a-vector.upstash.io",
            " https://a-vector.upstash.io/ ",
        ] {
            let (url, _) = transport(Some(text), token(), false).unwrap();
            assert_eq!(url, "https://a-vector.upstash.io");
        }
        assert!(transport(Some("http://127.0.0.1:8080"), token(), false).is_ok());
        assert!(transport(Some("http://10.0.0.1"), token(), true).is_ok());
    }

    #[test]
    fn a_wrong_address_is_named_by_its_variable_and_never_repeated() {
        assert_eq!(
            refusal(None, Some("t")),
            "UPSTASH_VECTOR_REST_URL is not set"
        );
        assert_eq!(
            refusal(Some("https://h"), None),
            "UPSTASH_VECTOR_REST_TOKEN is not set"
        );
        for url in [
            "s3cret",
            "http://s3cret",
            "https://u:s3cret@h",
            "https://h?q=s3cret",
        ] {
            let text = refusal(Some(url), Some("t"));
            assert!(
                text.starts_with("UPSTASH_VECTOR_REST_URL: the base URL "),
                "{text}"
            );
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}
