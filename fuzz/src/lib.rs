//! What every target has besides its bytes: memory that ends.

use std::alloc::System;

use cap::Cap;

/// No input of ours is worth more; a target that asks for more is stopped, also where
/// it only reserves.
#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, 2 << 30);

pub use cf_migrate::fuzzing;
