//! The verbs, as an operator runs them: the real binary against a served sandbox,
//! in an empty folder.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "../support/cli.rs"]
mod cli;
#[path = "../support/cloud.rs"]
mod cloud;
#[path = "../support/mod.rs"]
mod support;

mod backup;
mod catch_up;
mod dry_run;
mod file_index;
mod going_on;
mod live_data;
mod mapping;
mod output;
mod parquet;
mod place;
mod served;
mod shapes;
mod tenants;
mod verbs;
