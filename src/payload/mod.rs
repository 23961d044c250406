//! Payloads as JSON text: finding values in them and changing those, without parsing and
//! writing the rest anew.

pub mod body;
pub mod decode;
pub mod diff;
pub mod edit;
mod find;
pub mod hex;
mod path;
pub mod pretty;
mod scan;
mod style;
pub mod tree;

pub use find::{elements_of, find, text_of};
pub use path::{BadPath, Path, Step};
pub use scan::{Kind, NotJson, check};
