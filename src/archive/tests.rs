//! Tests of the archive as a whole.

mod adoption;
mod damage;
mod errors;
mod kills;
mod lanes;
mod limits;
mod round_trip;
mod support;
