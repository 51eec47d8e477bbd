//! A connection that can be made to break in the midst of an answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

use super::{Shared, locked};

/// A connection that watches [`super::Switch::CutAfter`].
pub(super) struct Cuttable {
    stream: TcpStream,
    state: Shared,
    broken: bool,
}

impl Cuttable {
    /// Answers go out at once: waiting for more would cost 40 ms a call.
    pub(super) fn new(stream: TcpStream, state: Shared) -> Self {
        stream.set_nodelay(true).expect("a live socket takes it");
        locked(&state).connections += 1;
        Self {
            stream,
            state,
            broken: false,
        }
    }

    /// How many of `wanted` bytes may still pass; none once it broke.
    fn allowance(&mut self, wanted: usize) -> Option<usize> {
        let cut = &mut locked(&self.state).faults.spoil.cut_after;
        match *cut {
            Some(0) => {
                *cut = None;
                self.broken = true;
            }
            Some(left) => {
                let passing = left.min(wanted as u64);
                *cut = Some(left - passing);
                return usize::try_from(passing).ok();
            }
            None => {}
        }
        (!self.broken).then_some(wanted)
    }
}

impl Drop for Cuttable {
    fn drop(&mut self) {
        locked(&self.state).connections -= 1;
    }
}

impl Connected for Cuttable {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Cuttable {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.allowance(bytes.len()) {
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(passing) => Pin::new(&mut self.stream).poll_write(context, &bytes[..passing]),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
