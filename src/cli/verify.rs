//! `cmhook verify`.

use clap::Args;

use super::shared::{ColorArgs, JsonArgs, SecretArgs, SelectArgs, StoreArgs};

/// `cmhook verify`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook verify --secret S --signature 5e88…d842 < body.json
  cmhook verify -s S -H 'X-Signature: XohI…2EI=' --body body.json
  cmhook verify 42                     a kept delivery, with the secrets that are known
  cmhook verify last --secret S        the same with this secret
  cmhook verify --filter sig:invalid --jq '.[].findings[].code'

The body is taken byte for byte. With `--secret` those secrets are checked; the others that
are known are only tried to say whose it is. A right digest that is written unusually, such as
in upper-case hex, is valid here and said to be unusual; a listener does not accept it.

Exit codes: 0 when it is valid, 1 when it is not, 2 for a mistake in the arguments or when no
secret is known.")]
pub struct VerifyArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub select: SelectArgs,

    /// The value of the signature header, whichever that was
    #[arg(long, value_name = "SIG", allow_hyphen_values = true, conflicts_with_all = ["ids", "filter"])]
    pub signature: Option<String>,

    /// A header of the request, `NAME: VALUE`; may be repeated
    #[arg(short = 'H', long, value_name = "HEADER", conflicts_with_all = ["ids", "filter"])]
    pub header: Vec<String>,

    /// A file with the body, instead of standard input; `-` is standard input
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["ids", "filter"])]
    pub body: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub secrets: SecretArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,
}
