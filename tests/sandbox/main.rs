//! The sandbox against the documented contract of Vectorize V2 and Workers KV:
//! over real HTTP, and in-process on a simulated clock where time matters.

mod budget;
mod durability;
mod faults;
mod indexes;
mod inspect;
mod keys;
mod load;
mod protocol;
mod query;
mod support;
mod values;
mod vectors;
mod walk;
