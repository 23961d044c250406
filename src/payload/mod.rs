//! Payloads as JSON text: finding values in them and changing those, without parsing and
//! writing the rest anew.

mod path;

pub use path::{BadPath, Path, Step};
