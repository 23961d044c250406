//! `cmhook webhooks`, `login` and `logout` as processes, against the sandbox, and against
//! servers that answer what no sandbox would.

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod archive;
mod create;
mod errors;
mod fake;
mod help;
mod idle;
mod interrupted;
mod kit;
mod list;
mod login;
#[path = "../relay_outages/pki.rs"]
mod pki;
mod renewing;
mod sample;
mod strange;
mod tls;
mod tokens;
mod undone;
mod unusual;
mod update;
mod users;
