//! `cmhook list`.

use std::ffi::OsString;

use clap::Args;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::shared::{ColorArgs, JsonArgs, StoreArgs};

/// `cmhook list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook list
  cmhook ls --filter 'event:email.* status:>=400' --since 1h
  cmhook ls -f --filter 'sig:invalid'
  cmhook ls --json id,event,status
  cmhook ls --limit 0 --jq '.[] | select(.status != 200) | .id'

The newest stands last. In a pipe the columns are separated by tabs, values are whole, and
there is no heading. docs/filter.md describes filters, docs/json.md the JSON.

Exit codes: 0 when something was listed, 1 when nothing matched or there is no store, 2 for a
mistake in the arguments.")]
pub struct ListArgs {
    /// Only those that match (docs/filter.md)
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    pub filter: Option<String>,

    /// Only those that came in since: `10m` (ago), `2026-11-24`, `2026-11-24T10:00`, `today`
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,

    /// The newest N of them; 0 for all [default: 50]
    #[arg(long, short = 'n', value_name = "N")]
    pub limit: Option<usize>,

    /// Go on, and list each again when something was tried with it
    #[arg(long, short)]
    pub follow: bool,

    /// More columns: tries, request, size, target
    #[arg(long, short)]
    pub wide: bool,

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

/// Of a word that `list` does not take, such as an id, tells what does.
pub(super) fn with_tip(mut error: clap::Error, args: &[OsString]) -> clap::Error {
    let is_list = args.get(1).is_some_and(|arg| arg == "list" || arg == "ls");
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg)
        && is_list
        && error.kind() == ErrorKind::UnknownArgument
        && !word.starts_with('-')
    {
        let tip = format!("`cmhook show {word}` shows one; `--filter FILTER` chooses some to list");
        let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}
