//! What a migration takes of the account, of the line and of memory: as much as it may,
//! no more, and as few requests as there can be. In simulated time, and over loopback
//! where the wire itself is looked at.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail as tests do, and tell figures"
)]

#[path = "../support/binary.rs"]
mod binary;
#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/cloud.rs"]
mod cloud;
#[path = "../support/simulation.rs"]
mod simulation;

mod bandwidth;
mod budget;
mod memory;
mod requests;
mod service;
mod wire;
