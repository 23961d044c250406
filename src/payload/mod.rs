//! Payloads as JSON text: finding values in them and changing those, without parsing and
//! writing the rest anew.

mod find;
mod path;

pub use find::{elements_of, find, text_of};
pub use path::{BadPath, Path, Step};
