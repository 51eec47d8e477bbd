//! The sandbox against the documented contract of Vectorize V2 and Workers KV:
//! over real HTTP, and in-process on a simulated clock where time matters.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, though clippy knows only the functions themselves"
)]

mod budget;
mod durability;
mod faults;
mod indexes;
mod inspect;
mod keys;
mod load;
mod model;
mod protocol;
mod query;
mod support;
mod values;
mod vectors;
mod walk;
