//! Who the agent is, for people: another one that wants its name is told.

/// `user@host`, as far as the system says, in ASCII.
pub(super) fn holder() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    let text = format!("{}@{}", user.as_deref().unwrap_or("somebody"), host());
    text.chars()
        .map(|c| if c.is_ascii_graphic() { c } else { '?' })
        .take(100)
        .collect()
}

#[cfg(unix)]
fn host() -> String {
    let name = rustix::system::uname();
    name.nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn host() -> String {
    std::env::var("COMPUTERNAME").unwrap_or_else(|_| "somewhere".into())
}
