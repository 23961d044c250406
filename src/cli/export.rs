//! `cmhook export`.

use clap::{Args, ValueEnum};

use super::shared::{SelectArgs, StoreArgs};

/// What a delivery is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// A command to paste into a shell
    Curl,
    /// For browsers' tools and proxies, every attempt with it
    Har,
    /// A file to commit and replay in CI (docs/fixtures.md)
    Fixture,
    /// A line of JSON each, with every attempt (docs/json.md)
    Json,
    /// The exact bytes of the body
    Raw,
    /// The request as in HTTP/1.1
    Http,
}

/// `cmhook export`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook export 42 --as curl
  cmhook export last --as curl --to 3000/webhooks | sh
  cmhook export last --as fixture --redact -o tests/bounced.json
  cmhook export --filter 'event:email.* sig:valid' --as fixture -o tests/deliveries/
  cmhook export 40..50 -o week.har
  cmhook export 42 --as raw > payload.json

Without `--as` the name in `-o` tells: .har, .http, .jsonl, .sh, and .json for a fixture.
`--redact` makes e-mail addresses, names, IP addresses, telephone numbers and tokens into
look-alikes. It cannot know every personal thing: read what you publish.

Exit codes: 0 when it is written, 1 when nothing matched or it could not be written, 2 for a
mistake in the arguments, a file that exists already among them.")]
pub struct ExportArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub select: SelectArgs,

    /// What to write
    #[arg(long = "as", value_name = "FORMAT")]
    pub format: Option<FormatArg>,

    /// Write to this file, or into this folder one file a delivery: a folder that is there,
    /// or a name that ends in a slash
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<String>,

    /// Replace what tells of people by look-alikes, and sign anew with a throw-away secret
    #[arg(long)]
    pub redact: bool,

    /// Where the curl command sends it; without it, where it went last
    #[arg(long, value_name = "URL")]
    pub to: Option<String>,

    /// Replace files that are there; write binary to a terminal all the same
    #[arg(long)]
    pub force: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,
}
