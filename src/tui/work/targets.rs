//! Changing where deliveries go, and what they are verified with.

use super::{Worker, counted};
use crate::cakemail::signature::Secret;
use crate::capture::own_port::own_target;
use crate::capture::rejudge::Rejudged;
use crate::config::Target;
use crate::tui::msg::Said;

impl Worker {
    /// Forwards to these from now on, unless one of them is the listener itself.
    pub(super) fn forward(&self, targets: Vec<Target>) {
        let this = self.clone();
        self.runtime.spawn(async move {
            if let Some(own) = own_target(&this.url, &targets).await {
                this.say(Said::bad(format!(
                    "{own} is cmhook itself, so nothing was changed: name your app's port"
                )));
                return;
            }
            let shown: Vec<_> = targets.iter().map(ToString::to_string).collect();
            this.again.set_forward(targets);
            this.say(Said::fine(if shown.is_empty() {
                "Deliveries are kept and go nowhere from now on".to_owned()
            } else {
                format!("Deliveries go to {} from now on", shown.join(" and "))
            }));
        });
    }

    /// Verifies with this secret too, and all that is kept once more.
    pub(super) fn add_secret(&self, secret: Secret) {
        let this = self.clone();
        self.runtime.spawn(async move {
            let label = secret.label().to_string();
            this.say(match this.again.add_secret(secret).await {
                Ok(rejudged) => added(&label, rejudged),
                Err(error) => Said::bad(format!("{error}: {}", error.hint())),
            });
        });
    }
}

/// What a new secret has changed. That it verifies nothing is worth a second look.
fn added(label: &str, rejudged: Rejudged) -> Said {
    let Rejudged { valid, not_valid } = rejudged;
    let others = counted(valid + not_valid);
    if valid > 0 {
        let verb = if valid == 1 { "verifies" } else { "verify" };
        return Said::fine(format!(
            "Added the secret `{label}`: of {others} that did not verify, {valid} {verb} now"
        ));
    }
    if not_valid > 0 {
        return Said::bad(format!(
            "Added the secret `{label}`: it verifies none of {others} that did not verify before"
        ));
    }
    Said::fine(format!("Added the secret `{label}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::work::test_bench::{Bench, said};

    #[tokio::test]
    async fn targets_change_unless_one_is_cmhook_itself() {
        let mut bench = Bench::new().await;
        let port = bench.url().parse::<crate::config::Target>().unwrap().port();
        for own in [format!("{port}"), format!("127.0.0.1:{port}")] {
            let targets = vec!["3000".parse().unwrap(), own.parse().unwrap()];
            bench.worker.forward(targets);
            let (text, bad) = said(bench.next().await);
            let end = " is cmhook itself, so nothing was changed: name your app's port";
            assert!(bad && text.ends_with(end), "{text}");
            let policy = bench.worker.again().policy();
            let now: Vec<_> = policy.targets().map(|to| format!("{to}/")).collect();
            assert_eq!(now, [bench.target()]);
        }
        let targets = ["3000", "https://app.example/x"];
        bench
            .worker
            .forward(targets.map(|to| to.parse().unwrap()).into());
        assert_eq!(
            said(bench.next().await),
            (
                "Deliveries go to http://localhost:3000 and https://app.example/x from now on"
                    .into(),
                false
            )
        );
        bench.worker.forward(Vec::new());
        let nowhere = "Deliveries are kept and go nowhere from now on";
        assert_eq!(said(bench.next().await), (nowhere.into(), false));
        assert_eq!(bench.worker.again().policy().targets().count(), 0);
    }

    #[tokio::test]
    async fn a_new_secret_says_what_it_has_changed() {
        let mut bench = Bench::new().await;
        let secret = |name: &str| Secret::new(name, None, name).unwrap();
        bench.worker.add_secret(secret("first"));
        let nothing_yet = "Added the secret `first`";
        assert_eq!(said(bench.next().await), (nothing_yet.into(), false));
        bench.sent(b"{}", Some("one")).await;
        for with in [Some("two"), Some("two"), Some("three"), None] {
            bench.sent(b"{}", with).await;
        }
        for (name, text, bad) in [
            (
                "two",
                "Added the secret `two`: of 4 deliveries that did not verify, 2 verify now",
                false,
            ),
            (
                "nobodys",
                "Added the secret `nobodys`: it verifies none of 2 deliveries that did not verify before",
                true,
            ),
            (
                "two",
                "this secret is known already: it is `two`: what it does not verify was signed with another one",
                true,
            ),
        ] {
            bench.worker.add_secret(secret(name));
            assert_eq!(said(bench.next().await), (text.into(), bad));
        }
    }
}
