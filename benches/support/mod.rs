//! What the benchmarks of whole processes share. Each uses a part of it.
#![allow(dead_code, reason = "each benchmark uses its own part")]

pub mod load;
pub mod machine;
pub mod nginx;
pub mod options;
pub mod pace;
pub mod process;
pub mod upstream;

/// The secret that signs every delivery.
pub const SECRET: &str = "bench-secret";
