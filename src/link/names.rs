//! The names that both ends use.

use http::HeaderName;

/// The version of what they say to each other; there is no other yet.
pub const PROTOCOL: u32 = 1;

/// Where agents connect, on the relay's own host.
pub const PATH: &str = "/connect";

/// Fields of this prefix are between the two ends. Neither a sender nor an app can set
/// one: each end takes them out of what it hands on.
pub const PREFIX: &str = "cmhook-relay-";

// Of the request that opens the WebSocket.

/// [`PROTOCOL`] of whoever speaks, in the answer too.
pub const VERSION: HeaderName = HeaderName::from_static("cmhook-protocol");
/// The agent's release, for its relay's log and for advice.
pub const RELEASE: HeaderName = HeaderName::from_static("cmhook-version");
/// The wanted name; absent for the one that the token has.
pub const NAME: HeaderName = HeaderName::from_static("cmhook-name");
/// `exclusive`, `takeover` or `share`.
pub const CLAIM: HeaderName = HeaderName::from_static("cmhook-claim");
/// Who and where the agent is, for people: `user@host`.
pub const HOLDER: HeaderName = HeaderName::from_static("cmhook-holder");
/// 128 random bits in hexadecimal that an agent keeps for its lifetime: its next connection
/// takes the place of one that the relay has not yet found dead.
pub const INSTANCE: HeaderName = HeaderName::from_static("cmhook-instance");

// Of the answer.

/// Where the world reaches the agent.
pub const PUBLIC_URL: HeaderName = HeaderName::from_static("cmhook-public-url");
/// How many deliveries wait for it.
pub const WAITING: HeaderName = HeaderName::from_static("cmhook-waiting");
/// Why an answer is not what was wanted: a word for programs. Of answers to senders too.
pub const REASON: HeaderName = HeaderName::from_static("cmhook-reason");

// Of a delivery.

/// The relay's own id of the delivery.
pub const ID: HeaderName = HeaderName::from_static("cmhook-relay-id");
/// The sender's address, `ip:port`.
pub const PEER: HeaderName = HeaderName::from_static("cmhook-relay-peer");
/// `http` or `https`, as the sender spoke to the relay.
pub const SCHEME: HeaderName = HeaderName::from_static("cmhook-relay-scheme");
/// When the delivery came in, RFC 3339; present where it waited.
pub const QUEUED_AT: HeaderName = HeaderName::from_static("cmhook-relay-queued-at");

// Of its answer.

/// Present where the delivery is in the agent's journal: it need not be handed on again.
pub const KEPT: HeaderName = HeaderName::from_static("cmhook-relay-kept");
