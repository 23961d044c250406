//! The relay that gives a listener a public URL.

use std::fs;
use std::path::Path;

use http::Uri;
use http::uri::Scheme;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};

use super::server::{Server, presentable, server_url, shown_url};
use super::{Claim, ConfigError, Raw, RelaySettings, credentials};
use crate::http::line::is_loopback;

/// The variable that holds the token. There is no flag: `ps` shows those to everybody.
const VARIABLE: &str = "CMHOOK_RELAY_TOKEN";

/// The most characters of a name, as of a label in DNS.
const MAX_NAME: usize = 63;

/// What the sources say of a relay; `None` where none is wanted.
pub(super) fn collect(
    sources: &[Raw],
    doubts: &mut Vec<String>,
) -> Result<Option<RelaySettings>, ConfigError> {
    let wanted = sources.iter().find_map(|source| source.relay.as_deref());
    let Some(text) = wanted.map(str::trim).filter(|text| !text.is_empty()) else {
        return nothing_for_a_relay(sources).map(|()| None);
    };
    let url = relay_url(text)?;
    let name = sources.iter().find_map(|source| source.name.as_deref());
    let name = name.map(name_of_agent).transpose()?;
    let ca = sources.iter().find_map(|source| source.relay_ca.clone());
    if let Some(path) = &ca {
        check_certificates(path)?;
    }
    let claim = claim(sources)?;
    let token = token(sources, &url, doubts)?;
    if token.is_some() {
        keep_token_from_strangers(&url, &format!("--relay {}", presentable(text)))?;
    }
    if is_clear(&url) {
        doubts.push(format!(
            "between here and `{}` deliveries can be read and changed by others: it is not https",
            shown_url(&url)
        ));
    }
    Ok(Some(RelaySettings {
        url,
        token,
        name,
        ca,
        claim,
    }))
}

/// Whether what is sent there can be read on the way.
fn is_clear(url: &Uri) -> bool {
    url.scheme() == Some(&Scheme::HTTP) && !is_loopback(url)
}

/// Refuses a relay to which a token would go in the clear; `asked` is how it was named.
fn keep_token_from_strangers(url: &Uri, asked: &str) -> Result<(), ConfigError> {
    if !is_clear(url) {
        return Ok(());
    }
    Err(ConfigError::new(
        format!("`{asked}` would send the token over the network in the clear"),
        "use `https://`; a certificate of your own is trusted with `--relay-ca FILE`",
    ))
}

/// What a user writes for a relay to which a token is to be sent.
///
/// # Errors
/// Where it is no URL of one, or the token could be read on the way.
pub fn relay_url_for_token(text: &str) -> Result<Uri, ConfigError> {
    let url = relay_url(text)?;
    keep_token_from_strangers(&url, &presentable(text))?;
    Ok(url)
}

/// What belongs to a relay is a mistake without one where somebody typed it just now. A
/// file may hold it for those runs that have one.
fn nothing_for_a_relay(sources: &[Raw]) -> Result<(), ConfigError> {
    let Some(typed) = sources.iter().find(|source| source.origin.is_none()) else {
        return Ok(());
    };
    let given = [
        ("--name", typed.name.is_some()),
        ("--takeover", typed.takeover == Some(true)),
        ("--share", typed.share == Some(true)),
        ("--relay-ca", typed.relay_ca.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((flag, _)) => Err(ConfigError::new(
            format!("`{flag}` is for a relay, and there is none"),
            "say which with `--relay URL`, CMHOOK_RELAY or `relay` in cmhook.toml",
        )),
    }
}

/// What a user writes for a relay: a URL, or a host, which means https unless it is this
/// machine.
///
/// # Errors
/// Where it is no such URL.
pub fn relay_url(text: &str) -> Result<Uri, ConfigError> {
    server_url(
        text,
        Server {
            is: "the URL of a relay",
            example: "write it as `https://hooks.example.com`",
            user: "give the token with `cmhook relay login URL` or CMHOOK_RELAY_TOKEN",
        },
    )
}

/// Whether a text can be the name of a tunnel, which becomes a label in DNS.
pub fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn name_of_agent(text: &str) -> Result<String, ConfigError> {
    if is_name(text) {
        return Ok(text.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let hint = if is_name(&lower) {
        format!("it becomes part of a host's name: write `{lower}`")
    } else {
        format!(
            "use `a` to `z`, `0` to `9` and hyphens between them, {MAX_NAME} characters at most"
        )
    };
    Err(ConfigError::new(
        format!("`--name {}` cannot be a name", text.escape_debug()),
        hint,
    ))
}

/// What the first source that says something of it says.
fn claim(sources: &[Raw]) -> Result<Claim, ConfigError> {
    for source in sources {
        match (source.takeover, source.share) {
            (Some(true), Some(true)) => {
                return Err(ConfigError::new(
                    "`--takeover` and `--share` exclude each other",
                    "leave one of them out; `--share=false` undoes CMHOOK_SHARE",
                ));
            }
            (Some(true), _) => return Ok(Claim::Takeover),
            (_, Some(true)) => return Ok(Claim::Share),
            (_, Some(false)) => return Ok(Claim::Exclusive),
            (_, None) => {}
        }
    }
    Ok(Claim::Exclusive)
}

/// The token of the environment, of the file that names the relay, or of the login.
fn token(
    sources: &[Raw],
    url: &Uri,
    doubts: &mut Vec<String>,
) -> Result<Option<SecretString>, ConfigError> {
    if let Some(value) = std::env::var_os(VARIABLE) {
        refuse_a_strangers(sources, url, super::user_config_folder().as_deref())?;
        let value = value.into_string().unwrap_or_default();
        return checked(&value, VARIABLE).map(Some);
    }
    for source in sources {
        let Some(token) = &source.relay_token else {
            continue;
        };
        let file = source.origin.as_deref().unwrap_or(Path::new(""));
        // A token goes to the relay that it was written down for, and not to one that
        // another file, perhaps a stranger's, names.
        match &source.relay {
            Some(own) if relay_url(own).is_ok_and(|own| own == *url) => {
                let place = format!("`relay_token` in `{}`", file.display());
                return checked(token.expose_secret(), &place).map(Some);
            }
            Some(_) => {}
            None => doubts.push(format!(
                "`relay_token` in `{}` is not used, since no `relay` stands beside it",
                file.display()
            )),
        }
    }
    let Some(token) = credentials::read(url)? else {
        return Ok(None);
    };
    doubts.extend(credentials::doubt());
    checked(token.expose_secret(), "the token of `cmhook relay login`").map(Some)
}

/// A project's file may name any relay, and whoever wrote it must not be sent the token of
/// whoever starts cmhook in that folder: only a relay that the user names gets it.
fn refuse_a_strangers(
    sources: &[Raw],
    url: &Uri,
    own_folder: Option<&Path>,
) -> Result<(), ConfigError> {
    let naming = sources.iter().find(|source| source.relay.is_some());
    let Some(file) = naming.and_then(|source| source.origin.as_deref()) else {
        return Ok(());
    };
    let is_own = |source: &Raw| {
        let (file, relay) = (source.origin.as_deref(), source.relay.as_deref());
        file.is_some_and(|file| own_folder.is_some_and(|folder| file.starts_with(folder)))
            && relay.is_some_and(|relay| relay_url(relay).is_ok_and(|own| own == *url))
    };
    if sources.iter().any(is_own) {
        return Ok(());
    }
    Err(ConfigError::new(
        format!(
            "{VARIABLE} is not sent to {}: it is `{}` that names this relay, and not you",
            shown_url(url),
            file.display()
        ),
        "name it yourself with `--relay URL` or CMHOOK_RELAY, or in the cmhook.toml of your own configuration folder; or unset the variable and log in with `cmhook relay login URL`",
    ))
}

/// A token that can be sent. What is wrong with one is said without it.
fn checked(value: &str, place: &str) -> Result<SecretString, ConfigError> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(value.into());
    }
    Err(ConfigError::new(
        format!("{place} is not a token"),
        "copy it again from where the relay's operator got it, or leave it out",
    ))
}

/// Whether a file holds certificates that TLS can use.
fn check_certificates(path: &Path) -> Result<(), ConfigError> {
    let shown = path.display();
    let hint = "it holds the certificates to trust in PEM, from `-----BEGIN CERTIFICATE-----` on";
    let bad = |what: &str| ConfigError::new(format!("`--relay-ca {shown}` {what}"), hint);
    let text = fs::read(path).map_err(|error| bad(&format!("cannot be read: {error}")))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.map_err(|_| bad("is no PEM"))?;
        store
            .add(certificate)
            .map_err(|_| bad("holds a certificate that is damaged"))?;
    }
    if store.is_empty() {
        return Err(bad("holds no certificate"));
    }
    Ok(())
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
