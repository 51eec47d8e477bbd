//! Doubles of the services that the tests need. Each test binary takes what it
//! wants of them.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "every test binary compiles all of it and uses a part"
)]

pub mod qdrant;
pub mod upstash;
