//! cf-migrate moves vector collections into Cloudflare Vectorize, rebuilds the
//! Workers KV file index, and proves that nothing was lost.
//!
//! The map, from the terminal down (imports run downward only):
//!
//! - [`cli`] and [`settings`]: what the operator asks for
//! - [`stages`]: the story of a migration, one file a step; it tells [`progress`] and
//!   fills a [`report`]
//! - [`plan`], [`verify`], [`file_index`]: what stands in the way, what was lost, which
//!   vectors belong to which file
//! - [`source`], [`transform`], [`archive`], [`ledger`], [`folder`]: where points come
//!   from, what becomes of them, where they are kept, what was done with them
//! - [`recall`]: what shortening vectors costs a search
//! - [`batch`]: records as request bodies, cut to the request's limits
//! - [`cloudflare`] over [`http`]: the account's Vectorize and KV
//! - [`disk`], [`clock`]: the lasting changes to files, and time; both simulated in tests
//! - [`point`], [`record`], [`locator`], [`error`], [`stop`]: the words everyone shares
//! - [`conceal`]: takes secrets out of whatever is shown, logged or kept
//! - `limited`, `contained`, `parquet_bounds`: what files of others may ask for
//! - `singles`: the numbers of vectors in JSON
//! - `heap`: what the allocator keeps, given back between stages
//! - [`sandbox`]: a local Cloudflare that shares nothing with the client

pub mod archive;
pub mod batch;
pub mod cli;
pub mod clock;
pub mod cloudflare;
pub mod conceal;
mod contained;
pub mod disk;
pub mod error;
pub mod file_index;
pub mod folder;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod heap;
pub mod http;
pub mod ledger;
mod limited;
pub mod locator;
mod ordinals;
mod parquet_bounds;
pub mod plan;
pub mod point;
pub mod progress;
pub mod recall;
pub mod record;
pub mod report;
pub mod sandbox;
pub mod settings;
mod singles;
pub mod source;
pub mod stages;
pub mod stop;
pub mod transform;
pub mod verify;
