//! A request's body on its way: piece by piece, each at its time where the rate is
//! limited, and with a word to whoever wants to know when all of it has gone. Its length
//! is told from the beginning, so that a service sees no difference.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::http::pacer::Pacer;

/// Pieces where no rate is asked for: large enough to cost nothing, and small beside
/// what a connection holds back.
const PIECE_BYTES: usize = 256 << 10;

/// Called when all of a body was handed to its connection, at each attempt that gets
/// so far; the answer is still to come.
#[derive(Clone)]
pub struct OnGone(Arc<dyn Fn() + Send + Sync>);

impl OnGone {
    /// Calls this.
    pub fn new(call: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }
}

impl fmt::Debug for OnGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnGone")
    }
}

/// What is left of a body.
pub(crate) struct OutgoingBody {
    left: Bytes,
    pacer: Option<Pacer>,
    on_gone: Option<OnGone>,
    /// The wait before the next piece, once it was asked for.
    wait: Option<Wait>,
}

type Wait = Pin<Box<dyn Future<Output = ()> + Send + Sync>>;

impl OutgoingBody {
    pub(crate) fn new(body: Bytes, pacer: Option<Pacer>, on_gone: Option<OnGone>) -> Self {
        Self {
            left: body,
            pacer,
            on_gone,
            wait: None,
        }
    }

    /// Lets it go where there is no connection to write it to.
    pub(crate) async fn drain(mut self) {
        while std::future::poll_fn(|context| Pin::new(&mut self).poll_frame(context))
            .await
            .is_some()
        {}
    }

    fn piece_bytes(&self) -> usize {
        let most = self.pacer.as_ref().map_or(PIECE_BYTES, Pacer::piece_bytes);
        most.min(self.left.len())
    }

    fn poll_turn(&mut self, bytes: usize, context: &mut Context<'_>) -> Poll<()> {
        let Some(pacer) = &self.pacer else {
            return Poll::Ready(());
        };
        let wait = self
            .wait
            .get_or_insert_with(|| Box::pin(pacer.clone().wait(bytes)));
        ready!(wait.as_mut().poll(context));
        self.wait = None;
        Poll::Ready(())
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let bytes = self.piece_bytes();
        ready!(self.poll_turn(bytes, context));
        let piece = self.left.split_to(bytes);
        if self.left.is_empty()
            && let Some(OnGone(call)) = self.on_gone.take()
        {
            call();
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}

#[cfg(test)]
mod tests;
