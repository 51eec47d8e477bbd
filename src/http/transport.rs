//! The seam between describing a call and making it: over the network, or by
//! calling a service inside this process. One attempt goes through here; what
//! follows from its outcome is decided in [`crate::http::retry`].

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::Error;
use crate::http::base_url::{BaseUrl, BaseUrlError};
use crate::http::body::OutgoingBody;
use crate::http::pacer::Pacer;
use crate::http::request::{Answer, Request};

/// The path below which a service inside this process answers, as Cloudflare's
/// base address has it.
const IN_PROCESS_PREFIX: &str = "/client/v4";

/// An in-process call that ended without an answer, as a dropped connection
/// does. Whether the request was applied is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the connection was lost")]
pub struct ConnectionLost;

/// A service inside this process.
pub type InProcessCall = Arc<
    dyn Fn(
            http::Request<Bytes>,
        ) -> BoxFuture<'static, Result<http::Response<Bytes>, ConnectionLost>>
        + Send
        + Sync,
>;

/// How the network is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkOptions {
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// Allows `http://` to another machine: token and data travel readable.
    pub insecure_http: bool,
}

impl Default for NetworkOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            insecure_http: false,
        }
    }
}

/// Why a transport cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The base address is not one.
    #[error(transparent)]
    BaseUrl(#[from] BaseUrlError),
    /// The token cannot be a header's value.
    #[error("the API token holds characters that no token has")]
    Token,
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl From<TransportError> for Error {
    fn from(error: TransportError) -> Self {
        let message = error.to_string();
        match error {
            TransportError::BaseUrl(_) => Self::usage(message).advise(
                "CLOUDFLARE_API_BASE_URL takes a full prefix, such as https://api.cloudflare.com/client/v4 (the default); \
                 plain http to another machine needs --insecure-http",
            ),
            TransportError::Token => {
                Self::usage(message).advise("copy the token again, without spaces or line breaks")
            }
            TransportError::Client(source) => Self::failed(message).because(source),
        }
    }
}

/// Why an attempt gave no answer.
#[derive(Debug)]
pub(crate) enum SendError {
    /// No connection was made, so the request was not sent.
    NotSent(Box<dyn StdError + Send + Sync>),
    /// The request may have been applied, but no whole answer came.
    Lost(Box<dyn StdError + Send + Sync>),
    /// The answer is larger than the request allows.
    TooLarge,
}

/// Where requests go.
#[derive(Clone)]
pub enum Transport {
    /// Over the network.
    Network(Network),
    /// To a service inside this process.
    InProcess(InProcess),
}

impl Transport {
    /// Calls the service at `base_url`, the full prefix (Cloudflare's ends with
    /// `/client/v4`; a slash at its end does not matter). Plain `http://` is
    /// refused unless it goes to this machine or the options allow it.
    pub fn network(
        base_url: &str,
        token: SecretString,
        options: NetworkOptions,
    ) -> Result<Self, TransportError> {
        let base = BaseUrl::parse(base_url, options.insecure_http)?;
        Ok(Self::Network(Network {
            client: network_client(&base, &options)?,
            base,
            bearer: bearer(&token)?,
        }))
    }

    /// Whether it leads to Cloudflare's own service.
    pub fn is_cloudflare(&self) -> bool {
        match self {
            Self::Network(network) => network.base.is_cloudflare(),
            Self::InProcess(_) => false,
        }
    }

    /// Calls a service inside this process, which sees the path below
    /// `/client/v4` and the token as a network service would.
    pub fn in_process(token: SecretString, call: InProcessCall) -> Result<Self, TransportError> {
        let bearer = bearer(&token)?;
        Ok(Self::InProcess(InProcess { call, bearer }))
    }

    /// Sends once, at the rate of the pacer where there is one.
    pub(crate) async fn send(
        &self,
        request: &Request,
        pacer: Option<&Pacer>,
    ) -> Result<Answer, SendError> {
        let answer = match self {
            Self::Network(network) => network.send(request, pacer).await?,
            Self::InProcess(service) => service.send(request, pacer).await?,
        };
        if answer.body.len() > request.answer_bytes {
            return Err(SendError::TooLarge);
        }
        if is_cut_short(&answer) {
            return Err(SendError::Lost("the answer was cut short".into()));
        }
        Ok(answer)
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => f
                .debug_tuple("Network")
                .field(&network.base.prefix())
                .finish(),
            Self::InProcess(_) => f.write_str("InProcess"),
        }
    }
}

fn is_cut_short(answer: &Answer) -> bool {
    let declared = answer.header(CONTENT_LENGTH.as_str());
    let declared = declared.and_then(|text| text.parse::<usize>().ok());
    declared.is_some_and(|bytes| answer.body.len() < bytes)
}

fn bearer(token: &SecretString) -> Result<HeaderValue, TransportError> {
    let text = format!("Bearer {}", token.expose_secret());
    let mut value = HeaderValue::from_str(&text).map_err(|_| TransportError::Token)?;
    value.set_sensitive(true);
    Ok(value)
}

fn network_client(
    base: &BaseUrl,
    options: &NetworkOptions,
) -> Result<reqwest::Client, TransportError> {
    // reqwest is built without a TLS provider; a second call finds one in place.
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("cf-migrate/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(options.connect_timeout)
        // A redirected POST would become a GET; no endpoint of ours redirects.
        .redirect(reqwest::redirect::Policy::none())
        // Every attempt takes a turn from the budget, so none is made below us.
        .retry(reqwest::retry::never());
    if base.is_loopback() {
        builder = builder.no_proxy();
        if !base.is_encrypted() {
            // Reading the machine's certificates is most of what a start costs.
            builder = builder.tls_certs_only([]);
        }
    }
    builder.build().map_err(TransportError::Client)
}

/// A service on the network.
#[derive(Clone)]
pub struct Network {
    client: reqwest::Client,
    base: BaseUrl,
    bearer: HeaderValue,
}

impl Network {
    async fn send(&self, request: &Request, pacer: Option<&Pacer>) -> Result<Answer, SendError> {
        let url = format!("{}{}", self.base.prefix(), request.path);
        let mut sending = self
            .client
            .request(request.method.clone(), url)
            .header(AUTHORIZATION, self.bearer.clone());
        if let Some(content_type) = request.content_type {
            sending = sending
                .header(CONTENT_TYPE, content_type)
                .body(reqwest::Body::wrap(outgoing(request, pacer)));
        }
        let mut response = sending.send().await.map_err(network_error)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let body = read_body(response, request.answer_bytes).await?;
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

fn outgoing(request: &Request, pacer: Option<&Pacer>) -> OutgoingBody {
    OutgoingBody::new(
        request.body.clone(),
        pacer.cloned(),
        request.on_gone.clone(),
    )
}

async fn read_body(mut response: reqwest::Response, limit: usize) -> Result<Bytes, SendError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(network_error)? {
        if body.len() + chunk.len() > limit {
            return Err(SendError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn network_error(error: reqwest::Error) -> SendError {
    let never_sent = error.is_connect() || error.is_builder();
    // The address holds cursors; the error that carries this names the path.
    let error = Box::new(error.without_url());
    match never_sent {
        true => SendError::NotSent(error),
        false => SendError::Lost(error),
    }
}

/// A service inside this process.
#[derive(Clone)]
pub struct InProcess {
    call: InProcessCall,
    bearer: HeaderValue,
}

impl InProcess {
    async fn send(&self, request: &Request, pacer: Option<&Pacer>) -> Result<Answer, SendError> {
        outgoing(request, pacer).drain().await;
        let mut sending = http::Request::builder()
            .method(request.method.clone())
            .uri(format!("{IN_PROCESS_PREFIX}{}", request.path))
            .header(AUTHORIZATION, self.bearer.clone());
        if let Some(content_type) = request.content_type {
            sending = sending.header(CONTENT_TYPE, content_type);
        }
        let sending = sending
            .body(request.body.clone())
            .map_err(|error| SendError::NotSent(error.into()))?;
        let response = (self.call)(sending)
            .await
            .map_err(|lost| SendError::Lost(lost.into()))?;
        let (head, body) = response.into_parts();
        Ok(Answer {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_with_a_line_break_is_refused_without_showing_it() {
        let token = SecretString::from("s3cret\n");
        let error =
            Transport::network("https://host", token, NetworkOptions::default()).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("s3cret"));
    }

    #[test]
    fn what_is_printed_of_a_transport_has_no_token() {
        let token = SecretString::from("s3cret");
        let transport =
            Transport::network("https://host/client/v4/", token, NetworkOptions::default());
        let shown = format!("{:?}", transport.unwrap());
        assert_eq!(shown, "Network(\"https://host/client/v4\")");
    }
}
