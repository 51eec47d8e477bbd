//! Calling a service over HTTP is five separate things, and each has its file:
//! describe the request ([`request`]), take a turn from the budget
//! ([`budget`], over the pure [`window`]), send ([`transport`], the [`body`] at the
//! rate of a [`pacer`]), and decide what an answer or its absence means ([`retry`]).
//! [`client`] holds the one loop that sleeps. Nothing here knows a service's paths or
//! error codes.

pub mod base_url;
pub mod body;
pub mod budget;
pub mod client;
pub mod error;
pub mod pacer;
pub mod request;
pub mod retry;
pub mod transport;
pub mod window;

#[cfg(test)]
pub(crate) mod testing;

pub use body::OnGone;
pub use budget::{Budget, BudgetError};
pub use client::{Client, Counters};
pub use error::{Cause, HttpError};
pub use pacer::{Bandwidth, Pacer};
pub use request::{Answer, Repeat, Request};
pub use retry::{Limiter, Policy, Verdict};
pub use transport::{ConnectionLost, InProcessCall, NetworkOptions, Transport, TransportError};
