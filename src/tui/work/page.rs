//! Opening the web inspector.

use std::env;

use super::Worker;
use super::clipboard::Clipboard;
use crate::tui::msg::{Msg, Said};

impl Worker {
    /// Opens the web inspector in the user's browser, on a delivery if one is named. Where
    /// there is none, as over SSH, the link is copied.
    pub(super) fn open_page(&self, id: Option<u64>) {
        let Some(page) = self.page.clone() else {
            self.say(Said::bad(
                "there is no web inspector in this run (--no-inspector)",
            ));
            return;
        };
        let this = self.clone();
        self.runtime.spawn_blocking(move || {
            let Some(link) = (page.link)(id) else {
                this.say(Said::bad("the system gives no random numbers"));
                return;
            };
            let url = page.url;
            if shows_windows() && open::that_detached(&link).is_ok() {
                this.say(Said::fine(format!("Opened {url} in your browser")));
                return;
            }
            let clipboard = Clipboard::of_this_session();
            let copied = this.runtime.block_on(clipboard.copy(&link));
            let to = copied.to.join(" and ");
            let said = format!(
                "Copied a link to {url} to {to}: it opens once, within 5 minutes, in a browser on this machine"
            );
            this.tell(Msg::Copied(Said::fine(said), copied.to_terminal));
        });
    }
}

/// Whether a browser would have a window here. Without one a browser for terminals might be
/// started, and write over the screen.
fn shows_windows() -> bool {
    let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_away = is_set("SSH_CONNECTION") && !is_set("DISPLAY");
    let has_display = ["DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"]
        .into_iter()
        .any(is_set);
    !is_away && (has_display || cfg!(any(target_os = "macos", windows)))
}
