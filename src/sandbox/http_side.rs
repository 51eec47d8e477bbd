//! The sandbox over HTTP. Connections that a fault cuts really are cut, and
//! truncated answers announce more bytes than they bring.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::serve::{IncomingStream, Listener};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use super::Sandbox;
use super::dispatch::Delivery;
use super::reply::{self, Failure};

/// More than any limit of the services, so that the rooms can name the limit.
const LARGEST_BODY: usize = 112 * 1024 * 1024;

impl Sandbox {
    /// The API below `/client/v4` as a service. Where a fault cuts the connection,
    /// the answer's body fails instead, since a service has no connection;
    /// [`Sandbox::handle`] and [`Sandbox::serve`] do better.
    pub fn service(&self) -> Router {
        let sandbox = self.clone();
        Router::new().fallback(move |request: Request<Body>| {
            let sandbox = sandbox.clone();
            async move { sandbox.over_http(request).await }
        })
    }

    /// Serves the API over HTTP/1.1 until `shutdown` completes and the calls in
    /// flight are answered.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let service = self
            .service()
            .into_make_service_with_connect_info::<Scissors>();
        axum::serve(Cuttable(listener), service)
            .with_graceful_shutdown(shutdown)
            .await
    }

    async fn over_http(&self, request: Request<Body>) -> Response<Body> {
        let scissors = request.extensions().get::<ConnectInfo<Scissors>>().cloned();
        let (head, body) = request.into_parts();
        let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
            return too_large().map(Body::from);
        };
        match self.deliver(Request::from_parts(head, body)).await {
            Delivery::Whole(response) => response.map(Body::from),
            Delivery::Half(response) => half(response),
            Delivery::Cut => {
                if let Some(ConnectInfo(scissors)) = scissors {
                    scissors.cut();
                }
                Response::new(broken_body(Bytes::new()))
            }
        }
    }
}

fn too_large() -> Response<Bytes> {
    let failure = Failure::new(StatusCode::PAYLOAD_TOO_LARGE, 10024, "payload too large");
    reply::render(Err(failure))
}

fn half(response: Response<Bytes>) -> Response<Body> {
    let (mut head, body) = response.into_parts();
    head.headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(head, broken_body(body.slice(..body.len() / 2)))
}

/// A body that breaks off after `start`. The pause lets what came before be
/// written out: a server drops what it has buffered when a body fails.
fn broken_body(start: Bytes) -> Body {
    let broken = async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    Body::from_stream(stream::iter([Ok(start)]).chain(stream::once(broken)))
}

/// Cuts one connection: nothing more is written to it.
#[derive(Debug, Clone, Default)]
struct Scissors(Arc<AtomicBool>);

impl Scissors {
    fn cut(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Acquire) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A listener whose connections can be cut; the scissors travel as the address.
struct Cuttable(TcpListener);

impl Listener for Cuttable {
    type Io = CuttableStream;
    type Addr = Scissors;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, _) = Listener::accept(&mut self.0).await;
        let scissors = Scissors::default();
        let stream = CuttableStream {
            stream,
            scissors: scissors.clone(),
        };
        (stream, scissors)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Scissors::default())
    }
}

struct CuttableStream {
    stream: TcpStream,
    scissors: Scissors,
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.scissors.check()?;
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
