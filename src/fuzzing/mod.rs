//! What the fuzz targets call (fuzz/README.md): one function for everything that
//! is parsed from outside. Each takes any bytes, and may only return; a panic, an
//! abort, a hang or memory without bound is a defect of what it calls.
//!
//! The same functions run over the seeds, and over mutations of them, in
//! `cargo test`, so that they stay sound between one fuzzing and the next.

mod files;
#[cfg(test)]
mod made;
mod scratch;
mod services;
#[cfg(test)]
mod tests;
mod texts;

pub use files::{budget, ledger, manifest, ndjson, parquet, part};
pub use services::{cloudflare, qdrant_grpc, qdrant_rest, sandbox, upstash};
pub use texts::{config, dotenv, floats, map, place, program, template, transform};

/// A target's name, and what it does with some bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target; each is a binary in `fuzz/fuzz_targets` and a folder of seeds.
pub const TARGETS: &[Target] = &[
    ("budget", budget),
    ("cloudflare", cloudflare),
    ("config", config),
    ("dotenv", dotenv),
    ("floats", floats),
    ("ledger", ledger),
    ("manifest", manifest),
    ("map", map),
    ("ndjson", ndjson),
    ("parquet", parquet),
    ("part", part),
    ("place", place),
    ("program", program),
    ("qdrant_grpc", qdrant_grpc),
    ("qdrant_rest", qdrant_rest),
    ("sandbox", sandbox),
    ("template", template),
    ("transform", transform),
    ("upstash", upstash),
];
