//! `cmhook webhooks`: one file for each thing that is done to them.

mod archive;
mod behind;
mod create;
mod events;
mod get;
mod given;
mod keys;
mod list;
mod make;
mod patience;
mod shown;
mod sorted;
mod test;
mod tested;
mod unanswered;
mod undo;
mod update;

use std::io::Write as _;
use std::path::Path;

use super::listener_client::ApiError;
use super::{Outcome, account};
use crate::account::groups::Groups;
use crate::account::{AccountError, Api};
use crate::cakemail::webhook::Webhook;
use crate::cli::{AccountArgs, ColorArgs, JsonArgs, WebhooksCommand};
use crate::config::{AccountSettings, command, shell_words};
use crate::delivery::escape_for_terminal;
use crate::files::FileError;
use shown::{Item, Output};

pub(super) fn run(command: &WebhooksCommand, config: Option<&Path>) -> anyhow::Result<Outcome> {
    match command {
        WebhooksCommand::List(args) => list::run(args, config),
        WebhooksCommand::Get(args) => get::run(args, config),
        WebhooksCommand::Create(args) => create::run(args, config),
        WebhooksCommand::Update(args) => update::run(args, config),
        WebhooksCommand::Archive(args) => archive::archive(args, config),
        WebhooksCommand::Unarchive(args) => archive::unarchive(args, config),
        WebhooksCommand::Delete(args) => archive::delete(args, config),
        WebhooksCommand::Test(args) => test::run(args, config),
    }
}

/// The flags of a command that say whether JSON is wanted.
pub(super) const fn json_args(command: &WebhooksCommand) -> &JsonArgs {
    match command {
        WebhooksCommand::List(args) => &args.json,
        WebhooksCommand::Get(args) => &args.json,
        WebhooksCommand::Create(args) => &args.json,
        WebhooksCommand::Update(args) => &args.json,
        WebhooksCommand::Archive(args) | WebhooksCommand::Unarchive(args) => &args.json,
        WebhooksCommand::Delete(args) => &args.of.json,
        WebhooksCommand::Test(args) => &args.json,
    }
}

/// The flags of a command that say which account is meant.
pub(super) const fn account_args(command: &WebhooksCommand) -> &AccountArgs {
    match command {
        WebhooksCommand::List(args) => &args.account,
        WebhooksCommand::Get(args) => &args.account,
        WebhooksCommand::Create(args) => &args.account,
        WebhooksCommand::Update(args) => &args.account,
        WebhooksCommand::Archive(args) | WebhooksCommand::Unarchive(args) => &args.account,
        WebhooksCommand::Delete(args) => &args.of.account,
        WebhooksCommand::Test(args) => &args.account,
    }
}

/// The account that a command works on, and how it writes.
struct Account {
    api: Api,
    groups: Groups,
    out: Output,
    /// Flags that a further command on the same account needs.
    words: Box<[String]>,
    /// The same as a shell takes them, a space before each.
    flags: String,
}

impl Account {
    /// Of these flags. Nothing is asked yet.
    ///
    /// # Errors
    /// Where a setting cannot be used, or nothing opens the account.
    fn open(
        args: &AccountArgs,
        json: &JsonArgs,
        color: &ColorArgs,
        config: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let (settings, color) = account::settings_and_color(args, color, config)?;
        let out = Output::new(json, color)?;
        let groups = Groups::open(&settings.api, settings.account).map_err(unreadable)?;
        Self::with(args, out, groups, config)
    }

    /// The same for a command that gives no names. Where those there are cannot be read, it
    /// goes on without them.
    ///
    /// # Errors
    /// As [`Account::open`], but for the names.
    fn open_to_look(
        args: &AccountArgs,
        json: &JsonArgs,
        color: &ColorArgs,
        config: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let (_, color) = account::settings_and_color(args, color, config)?;
        Self::with_output(args, Output::new(json, color)?, config)
    }

    /// The same for one that writes other things than webhooks.
    ///
    /// # Errors
    /// As [`Account::open_to_look`].
    fn with_output(args: &AccountArgs, out: Output, config: Option<&Path>) -> anyhow::Result<Self> {
        let AccountSettings { api, account } = account::settings(args, config)?;
        let groups = Groups::open(&api, account).unwrap_or_else(|error| {
            warn(&format!(
                "going on without the names of webhooks: {:#}",
                anyhow::Error::from(error)
            ));
            Groups::none(&api, account)
        });
        Self::with(args, out, groups, config)
    }

    fn with(
        args: &AccountArgs,
        out: Output,
        groups: Groups,
        config: Option<&Path>,
    ) -> anyhow::Result<Self> {
        let api = account::api(args, config)?;
        let words = flags(args, config, |variable| std::env::var(variable).ok());
        Ok(Self {
            groups: groups.of_user(api.user()),
            api,
            out,
            flags: words.iter().fold(String::new(), |flags, word| {
                flags + " " + &shell_words(&[word])
            }),
            words: words.into(),
        })
    }

    /// A further command on the same account, as it can be pasted.
    fn command(&self, words: &[&str]) -> String {
        format!("{}{}", command(words), self.flags)
    }

    /// All webhooks. Those that make no sense are said.
    async fn all(&self, archived: bool) -> Result<Vec<Webhook>, AccountError> {
        let all = self.api.all(archived).await?;
        if let Some(text) = all.left_out() {
            warn(&text);
        }
        Ok(all.webhooks)
    }

    /// The name of the group that a webhook is in.
    fn name_of(&self, id: &str) -> Option<String> {
        self.groups.of(id)?.name.clone()
    }

    /// A webhook as it is shown.
    fn item(&self, webhook: Webhook) -> Item {
        let name = self.name_of(&webhook.id);
        Item {
            name,
            ..Item::new(webhook)
        }
    }

    /// The webhooks that a word means: those of that name, or the one of that id.
    fn meant(&self, word: &str) -> Vec<String> {
        match self.groups.named(word) {
            Some(group) => group.ids.clone(),
            None => vec![word.to_owned()],
        }
    }

    /// Puts webhooks into a group, which is kept on this machine alone: where that fails,
    /// what was done at the API is done all the same.
    fn put(&mut self, name: Option<&str>, ids: &[String]) {
        let is_in_none = ids.iter().all(|id| self.groups.of(id).is_none());
        if name.is_none() && ids.len() < 2 && is_in_none {
            return;
        }
        if let Err(error) = self.groups.put(name, ids) {
            let error = anyhow::Error::from(error);
            warn(&format!(
                "it is not kept that {} belong together: {error:#}",
                ids.join(", ")
            ));
        }
    }
}

fn unreadable(error: FileError) -> ApiError {
    ApiError {
        code: "file".into(),
        message: format!("{:#}", anyhow::Error::from(error)),
        hint: "mend the file, or delete it: nothing but names of webhooks is in it, and which were made together".into(),
    }
}

/// Those flags that are not in the environment anyway.
fn flags(
    args: &AccountArgs,
    config: Option<&Path>,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let account = args.account.map(|account| account.to_string());
    let config = config.map(|path| path.display().to_string());
    let all = [
        ("--api", args.api.clone(), "CAKEMAIL_API_BASE"),
        ("--account", account, "CAKEMAIL_CURRENT_ACCOUNT_ID"),
        ("--config", config, "CMHOOK_CONFIG"),
    ];
    let mut flags = Vec::new();
    for (flag, value, name) in all {
        let is_said = |value: &String| value.is_empty() || variable(name).as_ref() == Some(value);
        if let Some(value) = value.filter(|value| !is_said(value)) {
            flags.extend([flag.to_owned(), value]);
        }
    }
    flags
}

/// Where what was done cannot be written, it is done all the same: says what it was, and
/// passes the error on.
///
/// # Errors
/// The one that it was given.
fn written(told: anyhow::Result<()>, done: &[(&str, Vec<&Webhook>)]) -> anyhow::Result<()> {
    if told.is_err() {
        for (what, webhooks) in done.iter().filter(|(_, webhooks)| !webhooks.is_empty()) {
            let each = webhooks.iter();
            let each = each.map(|webhook| format!("{} ({})", webhook.id, webhook.event));
            let each: Vec<_> = each.collect();
            say(&format!("{what} all the same: {}", each.join(", ")));
        }
    }
    told
}

/// Says on standard error what should be known.
fn warn(text: &str) {
    say(&format!("warning: {text}"));
}

/// Says on standard error, which may be closed: what is done is done all the same.
fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    for line in text.split('\n') {
        let _ = writeln!(err, "{}", escape_for_terminal(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_those_that_nothing_else_says() {
        let args = AccountArgs {
            api: Some("http://[::1]:4500".into()),
            account: Some(17),
        };
        let config = Some(Path::new("my own.toml"));
        let none = |_: &str| None;
        assert_eq!(
            shell_words(&flags(&args, config, none)),
            "--api 'http://[::1]:4500' --account 17 --config 'my own.toml'"
        );
        let set = |name: &str| (name == "CAKEMAIL_CURRENT_ACCOUNT_ID").then(|| "17".to_owned());
        assert_eq!(
            shell_words(&flags(&args, None, set)),
            "--api 'http://[::1]:4500'"
        );
    }
}
