//! The commands that cures tell people to run.

use crate::config::{command, shell_words};

/// Flags that were given and have to be given again, for a command to mean the same account
/// and the same way in. What the environment and the files say is found without.
#[derive(Debug, Default)]
pub struct Commands {
    /// Those of every command: `--config FILE`.
    pub all: Vec<String>,
    /// Those that say which API is asked; `cmhook login` takes these alone.
    pub api: Vec<String>,
    /// Those that say which of the user's accounts is meant.
    pub account: Vec<String>,
    /// Those of `cmhook listen` alone: targets, relay, name.
    pub listen: Vec<String>,
    /// Those of every command on a store.
    pub store: Vec<String>,
}

impl Commands {
    /// A command on the account, as it can be pasted.
    pub fn webhooks(&self, words: &[&str]) -> String {
        let words = std::iter::once("webhooks").chain(words.iter().copied());
        let words = words.chain(self.account());
        format!("`{}`", command(&words.collect::<Vec<_>>()))
    }

    /// The one that starts a listener which makes the webhooks for these events itself.
    pub fn listen(&self, events: &str) -> String {
        let words = std::iter::once("listen").chain(texts(&self.listen));
        let words = words.chain(texts(&self.store));
        let words = words.chain(["--register", "--events", events]);
        let words = words.chain(self.account());
        format!("`{}`", command(&words.collect::<Vec<_>>()))
    }

    /// What a listener that runs lacks for that.
    pub fn register(&self, events: &str) -> String {
        let words = ["--register", "--events", events].into_iter();
        let words = words.chain(texts(&self.api)).chain(texts(&self.account));
        format!("`{}`", shell_words(&words.collect::<Vec<_>>()))
    }

    /// The one that sends a kept delivery once more.
    pub fn replay(&self, id: u64) -> String {
        let id = id.to_string();
        let words = ["replay", &*id].into_iter();
        let words = words.chain(texts(&self.store)).chain(texts(&self.all));
        format!("`{}`", command(&words.collect::<Vec<_>>()))
    }

    /// A hint of somebody who does not know the flags, with them.
    pub fn completed(&self, hint: &str) -> String {
        let bare: [(&str, &[&[String]]); 8] = [
            ("login", &[&self.api]),
            ("webhooks list", &[&self.api, &self.account]),
            ("webhooks list --show-secrets", &[&self.api, &self.account]),
            ("webhooks list --with-archived", &[&self.api, &self.account]),
            ("listen", &[&self.listen, &self.store]),
            ("list", &[&self.store]),
            ("export", &[&self.store]),
            ("clear", &[&self.store]),
        ];
        let mut hint = hint.to_owned();
        for (name, flags) in bare {
            let flags = flags.iter().flat_map(|flags| texts(flags));
            let words = name.split(' ').chain(flags).chain(texts(&self.all));
            let whole = command(&words.collect::<Vec<_>>());
            hint = hint.replace(&format!("`cmhook {name}`"), &format!("`{whole}`"));
        }
        hint
    }

    fn account(&self) -> impl Iterator<Item = &str> {
        texts(&self.api)
            .chain(texts(&self.account))
            .chain(texts(&self.all))
    }
}

fn texts(words: &[String]) -> impl Iterator<Item = &str> {
    words.iter().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_asks_the_same_account() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let commands = Commands {
            all: words(&["--config", "my own.toml"]),
            api: words(&["--api", "http://127.0.0.1:4500"]),
            account: words(&["--account", "7"]),
            listen: words(&["-f", "3000"]),
            store: words(&["--store", "a.db"]),
        };
        assert_eq!(
            commands.webhooks(&["get", "A1", "--show-secrets"]),
            "`cmhook webhooks get A1 --show-secrets --api http://127.0.0.1:4500 --account 7 --config 'my own.toml'`"
        );
        assert_eq!(
            commands.listen("email.*"),
            "`cmhook listen -f 3000 --store a.db --register --events 'email.*' --api http://127.0.0.1:4500 --account 7 --config 'my own.toml'`"
        );
        assert_eq!(
            commands.register("email.opened"),
            "`--register --events email.opened --api http://127.0.0.1:4500 --account 7`"
        );
        assert_eq!(
            commands.completed("run `cmhook login`; `cmhook listen --register` and `cmhook clear`"),
            "run `cmhook login --api http://127.0.0.1:4500 --config 'my own.toml'`; `cmhook listen --register` and `cmhook clear --store a.db --config 'my own.toml'`"
        );
        assert_eq!(
            commands.replay(42),
            "`cmhook replay 42 --store a.db --config 'my own.toml'`"
        );
        assert_eq!(
            Commands::default().webhooks(&["list"]),
            "`cmhook webhooks list`"
        );
    }
}
