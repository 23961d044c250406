//! What breaks between senders, a relay and its agents: links that are cut or go silent,
//! processes that are killed or stopped, certificates and proxies that are in the way.

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod backoff;
mod certificates;
mod crowd;
mod cut;
mod drain;
mod half_open;
mod killed;
mod kit;
mod leaving;
mod order;
mod pki;
mod proxies;
mod slow;
mod stopped;
mod strangers;
