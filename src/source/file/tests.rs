//! Tests of files as sources.

mod archives;
mod bad_input;
mod reading;
pub(super) mod support;
