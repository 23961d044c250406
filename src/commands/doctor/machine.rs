//! The checks of this machine: files, store, listener.

use super::Doctor;
use super::facts::{Heard, Listening};
use crate::check::{Check, config, store};

impl Doctor<'_> {
    pub(super) async fn machine(&self) -> Vec<Check> {
        let listening = self.listening().await;
        let pid = listening.heard().and_then(Heard::pid);
        let configured = &self.configured;
        let read = match &configured.error {
            Some(error) => config::unusable(error),
            None => config::read(&configured.files, &configured.settings.doubts),
        };
        let path = configured.settings.store.path.clone();
        let store = tokio::task::spawn_blocking(move || store::check(path.as_deref(), pid)).await;
        let store = store.unwrap_or_else(|_| Check::skip("store", "it could not be looked at"));
        vec![read, store, listener(listening)]
    }
}

fn listener(listening: &Listening) -> Check {
    const ID: &str = "listener";
    let heard = match listening {
        Listening::No => {
            return Check::skip(ID, "none runs on this store; `cmhook listen` starts one");
        }
        Listening::Stuck(why, cure) => return Check::fail(ID, why).cure(cure),
        Listening::Yes(heard) => heard,
    };
    let mut parts = vec![format!("runs at {}", heard.url)];
    let targets = heard.texts("targets");
    parts.push(match &targets[..] {
        [] => "forwards to nothing".into(),
        targets => format!("forwards to {}", targets.join(", ")),
    });
    let secrets = heard.texts("secrets");
    parts.push(match &secrets[..] {
        [] => "knows no secret".into(),
        [one] => format!("knows the secret `{one}`"),
        more => format!("knows {} secrets", more.len()),
    });
    let tunnel = &heard.status["tunnel"];
    if let Some(state) = tunnel["state"].as_str() {
        let url = tunnel["public_url"].as_str().or(tunnel["relay"].as_str());
        parts.push(format!(
            "its tunnel is {state} ({})",
            url.unwrap_or_default()
        ));
    }
    let found = parts.join(", ");
    if heard.status["paused"] == true {
        return Check::warn(
            ID,
            format!("{found}; it is paused: deliveries are kept and not forwarded"),
        )
        .cure("press `p` on its screen, or Pause in the web inspector");
    }
    let warnings = heard.status["warnings"].as_array();
    let first = warnings.into_iter().flatten().next();
    if let Some(warning) = first {
        let text = |name: &str| warning[name].as_str().unwrap_or_default();
        return Check::warn(ID, format!("{found}; it warns: {}", text("message")))
            .cure(text("hint"));
    }
    Check::ok(ID, found)
}
