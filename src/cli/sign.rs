//! `cmhook sign`.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use super::shared::SecretArgs;
use crate::delivery::Scheme;

/// `cmhook sign`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook sign --secret S < body.json
  cmhook sign --secret S --scheme api-base64 --body body.json
  curl -H \"$(cmhook sign -s S < body.json)\" --data-binary @body.json http://localhost:3000/hook

The body is signed byte for byte, so send it with `--data-binary`: curl's `--data` takes line
ends out. Of several known secrets it is the one of the payload's event, or else the first.

Exit codes: 0 when it is signed, 2 for a mistake in the arguments or when no secret is known.")]
pub struct SignArgs {
    /// A file with the body, instead of standard input; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    pub body: Option<String>,

    /// How to write it
    #[arg(long, value_name = "SCHEME", default_value = "cakemail-hex",
        value_parser = PossibleValuesParser::new(Scheme::ALL.map(Scheme::name))
            .try_map(|name| Scheme::from_name(&name).ok_or("no such scheme")))]
    pub scheme: Scheme,

    /// Print the value alone, without the header's name
    #[arg(long)]
    pub value: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub secrets: SecretArgs,
}
