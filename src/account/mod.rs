//! A Cakemail account: its webhooks, through the API, and what opens it.
//!
//! Source of paths and shapes: Cakemail's API reference and its official SDK.

pub mod api;
mod asking;
pub mod credentials;
pub mod error;
pub mod groups;
pub mod http;
pub mod logins;
mod renewing;
mod said;
pub mod tokens;

pub use api::{Api, Keyed, Limit, ListQuery, Page};
pub use credentials::Credentials;
pub use error::{AccountError, Trouble};
pub use renewing::{ends_behind_renewal, settle};
