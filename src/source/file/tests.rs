//! Tests of files as sources.

mod archives;
mod bad_input;
mod reading;
mod support;
