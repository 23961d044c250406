//! `cmhook trigger`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::shared::{ColorArgs, JsonArgs, SecretArgs, StoreArgs};
use crate::cakemail::sample::Envelope;
use crate::delivery::Scheme;

/// `cmhook trigger`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook trigger email.bounced                     to the running listener
  cmhook trigger email.bounced --to 3000/webhooks  straight to the app
  cmhook trigger 'Email.*' --envelope manual       each of the API's email events
  cmhook trigger --list                            what there is
  cmhook trigger email.opened --set data.email=a@b.c --seed 7
  cmhook trigger email.sent --count 500 --rate 50/s
  cmhook trigger email.sent --print | nc localhost 3000
  cmhook trigger --from-file payload.json --scheme api-base64

An event is meant by any of its names in any case. A glob means the names that are written
as it is (`email.*` the manual's, `Email.*` the API's), or else those that differ by case.
The listener gets it at its URL, and an app at the very path in `--to`.

Exit codes: 0 when each was answered 2xx, 1 when one was not, or nothing listens, 2 for a
mistake in the arguments.")]
pub struct TriggerArgs {
    /// Which events: email.bounced, 'email.*', '*'
    #[arg(value_name = "EVENT")]
    pub events: Vec<String>,

    /// List the events that there are samples of, or those among them that are named
    #[arg(short, long, conflicts_with_all = ["to", "print", "from_file"])]
    pub list: bool,

    /// Send to this port, HOST:PORT or URL [default: the running listener]
    #[arg(short, long, value_name = "TARGET")]
    pub to: Option<String>,

    /// Write the HTTP requests to standard output instead of sending them
    #[arg(short, long, conflicts_with_all = ["json", "jq", "rate"])]
    pub print: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub payload: PayloadArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub request: RequestArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub secrets: SecretArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub sending: SendingArgs,
}

/// What is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Payload")]
pub struct PayloadArgs {
    /// What stands around the data: the manual's `timestamp`, or the API's `account_id`,
    /// `user` and `created_on` [default: that of the name]
    #[arg(long, value_name = "ENVELOPE", conflicts_with = "from_file",
        value_parser = PossibleValuesParser::new(["manual", "api"]).try_map(|name| name.parse::<Envelope>()))]
    pub envelope: Option<Envelope>,

    /// Set a value of the payload; VALUE is JSON where it can be read so, else a text. May be
    /// repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,

    /// Fill in ids, addresses and times from this number: the same one gives the same bytes
    #[arg(long, value_name = "N", conflicts_with = "from_file")]
    pub seed: Option<u64>,

    /// Send the bytes of this file, `-` for standard input, in place of a sample. EVENT then
    /// only says whose secret signs it, and changes nothing in it
    #[arg(short, long, value_name = "FILE")]
    pub from_file: Option<PathBuf>,
}

/// How it is signed, and what else goes with it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub struct RequestArgs {
    /// How to sign
    #[arg(long, value_name = "SCHEME", default_value = "cakemail-hex", conflicts_with = "unsigned",
        value_parser = PossibleValuesParser::new(["cakemail-hex", "cakemail-base64", "api-base64"])
            .try_map(|name| Scheme::from_name(&name).ok_or("no such scheme")))]
    pub scheme: Scheme,

    /// Send no signature
    #[arg(long)]
    pub unsigned: bool,

    /// Set a header, in place of what it would be; may be repeated
    #[arg(short = 'H', long, value_name = "K: V")]
    pub header: Vec<String>,
}

/// How often, how fast, and how long to wait.
#[derive(Debug, Args)]
#[command(next_help_heading = "Sending")]
pub struct SendingArgs {
    /// Send all of them N times, each time of another contact
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,

    /// Send so many in a time without waiting for answers: 50/s, 300/m
    #[arg(long, value_name = "RATE")]
    pub rate: Option<String>,

    /// How long to wait for an answer [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub timeout: Option<String>,

    /// Accept any certificate of a target on this machine
    #[arg(long)]
    pub insecure_target: bool,
}
