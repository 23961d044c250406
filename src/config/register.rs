//! What a listener registers at Cakemail, and the public URL that it is told of.

use http::Uri;

use super::{ConfigError, Raw, known_event, user_config_folder};
use crate::cakemail::event::EventPattern;
use crate::cakemail::manual_only;
use crate::cakemail::webhook::LONGEST_URL;
use crate::http::line::is_loopback;

/// The webhooks that a listener makes for as long as it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterSettings {
    /// One webhook for each; never empty.
    pub events: Vec<WantedEvent>,
    /// What is to be said of events that the patterns match and that are not among those.
    pub left_out: Option<String>,
}

/// An event to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedEvent {
    /// As the API writes it, or as it was typed where only the manual has it.
    pub name: String,
    /// Whether it was named, and not only meant by a glob: then it must be registered.
    pub is_named: bool,
}

/// What the sources say of it; `None` where nothing is to be registered.
pub(super) fn collect(
    sources: &[Raw],
    patterns: &[EventPattern],
) -> Result<Option<RegisterSettings>, ConfigError> {
    let Some(source) = sources.iter().find(|source| source.register.is_some()) else {
        return Ok(None);
    };
    if source.register != Some(true) {
        return Ok(None);
    }
    if patterns.is_empty() {
        return Err(ConfigError::new(
            "`--register` needs to know for which events",
            "for example `--events email.opened,email.bounced`; `--events 'email.*'` takes all of e-mails, `'*'` takes all",
        ));
    }
    refuse_a_strangers(source)?;
    Ok(Some(RegisterSettings {
        events: wanted(patterns)?,
        left_out: manual_only::left_out(patterns),
    }))
}

/// A file that comes with a project may say where deliveries go, or that webhooks are made.
/// With both, whoever wrote it would be sent what happens in the account of whoever starts
/// cmhook in that folder.
fn refuse_a_strangers(source: &Raw) -> Result<(), ConfigError> {
    let Some(file) = &source.origin else {
        return Ok(());
    };
    let is_own = user_config_folder().is_some_and(|folder| file.starts_with(folder));
    let given = [
        ("public_url", source.public_url.is_some()),
        ("relay", source.relay.is_some()),
    ];
    match given.into_iter().find(|(_, given)| *given && !is_own) {
        None => Ok(()),
        Some((name, _)) => Err(ConfigError::new(
            format!(
                "`register` and `{name}` stand in the same file, `{}`, and so its author would say where your account's events are sent",
                file.display()
            ),
            "take `register` out of it and start with `--register`, or keep both in your own configuration folder",
        )),
    }
}

/// The events that patterns mean, each once. One that is named by itself is so even where a
/// glob means it too.
fn wanted(patterns: &[EventPattern]) -> Result<Vec<WantedEvent>, ConfigError> {
    let mut events: Vec<WantedEvent> = Vec::new();
    let (globs, single): (Vec<_>, Vec<_>) = patterns.iter().partition(|one| one.is_glob());
    for (pattern, is_named) in
        (single.iter().map(|one| (one, true))).chain(globs.iter().map(|one| (one, false)))
    {
        known_event(pattern)?;
        let mut names: Vec<String> = (pattern.api_names().into_iter())
            .map(str::to_owned)
            .collect();
        if names.is_empty() && is_named {
            // The manual has it, and the API knows by itself what it has.
            names.push(pattern.to_string());
        }
        if names.is_empty() {
            return Err(ConfigError::new(
                format!(
                    "`--events {pattern}` means no event of Cakemail's API, so there is nothing to register"
                ),
                "`cmhook trigger --list` lists the names; the API's begin in upper case",
            ));
        }
        for name in names {
            if events.iter().all(|known| known.name != name) {
                events.push(WantedEvent { name, is_named });
            }
        }
    }
    Ok(events)
}

/// The URL of a public way in that is the user's own.
pub(super) fn public_url(sources: &[Raw]) -> Result<Option<String>, ConfigError> {
    let given = (sources.iter()).find_map(|source| source.public_url.as_deref());
    let Some(text) = given.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let bad = |problem: &str, hint: &str| {
        // What stands behind an `@` or a `?` may be a secret.
        let shown = super::server::presentable(text);
        Err(ConfigError::new(
            format!("`--public-url {shown}` {problem}"),
            hint,
        ))
    };
    let hint = "write the whole URL that leads here, such as `https://hooks.example.com/shop`";
    let Ok(url) = text.parse::<Uri>() else {
        return bad("is no URL", hint);
    };
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else {
        return bad("is no URL", hint);
    };
    if authority.as_str().contains('@') || authority.host().is_empty() {
        return bad("is no URL that Cakemail could call", hint);
    }
    if text.contains('#') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return bad("is no URL that Cakemail could call", hint);
    }
    if text.chars().count() > LONGEST_URL {
        return Err(ConfigError::new(
            format!("`--public-url` has more than {LONGEST_URL} characters"),
            "Cakemail takes no longer one",
        ));
    }
    match scheme {
        "https" => {}
        "http" if is_loopback(&url) => {}
        _ => {
            return bad(
                "is not https",
                "Cakemail calls https URLs only; plain http is for a sandbox on this machine",
            );
        }
    }
    Ok(Some(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::OneOrMany;

    fn raw(register: Option<bool>, events: &str) -> (Raw, Vec<EventPattern>) {
        let raw = Raw {
            register,
            events: Some(OneOrMany::One(events.into())),
            ..Raw::default()
        };
        let patterns = (events.split(',').filter(|text| !text.is_empty()))
            .map(|text| text.parse().unwrap())
            .collect();
        (raw, patterns)
    }

    fn collected(events: &str) -> Result<Vec<(String, bool)>, ConfigError> {
        let (raw, patterns) = raw(Some(true), events);
        let settings = collect(&[raw], &patterns)?.unwrap();
        let events = settings.events.into_iter();
        Ok(events.map(|one| (one.name, one.is_named)).collect())
    }

    #[test]
    fn each_event_is_meant_once_and_by_its_name_first() {
        let events = collected("email.op*,email.opened,EMAIL.BOUNCED,campaign.sent").unwrap();
        let expected = [
            ("Email.Opened", true),
            ("Email.Bounced", true),
            ("campaign.sent", true),
        ];
        let expected = expected.map(|(name, named)| (name.to_owned(), named));
        assert_eq!(events, expected);
        assert_eq!(collected("*").unwrap().len(), 59);
        assert!(
            collected("email.*")
                .unwrap()
                .iter()
                .all(|(_, named)| !named)
        );
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let error = collected("emial.*").unwrap_err();
        assert!(error.hint.contains("email.*"), "{error:?}");
        let error = collected("email.sent,email.opend").unwrap_err();
        assert_eq!(error.message, "there is no event called `email.opend`");
        assert!(error.hint.contains("`email.opened`"), "{error:?}");
        let error = collected("campaign.se*").unwrap_err();
        assert!(error.message.contains("means no event"), "{error:?}");
        let error = collected("").unwrap_err();
        assert!(error.message.contains("for which events"), "{error:?}");
        let (raw, patterns) = raw(Some(false), "");
        assert_eq!(collect(&[raw], &patterns).unwrap(), None);
    }

    #[test]
    fn a_projects_file_does_not_say_both() {
        let (mut one, patterns) = raw(Some(true), "email.*");
        one.origin = Some("/project/cmhook.toml".into());
        assert!(collect(&[one.clone()], &patterns).is_ok());
        one.relay = Some("hooks.example.com".into());
        assert!(collect(&[one.clone()], &patterns).is_err());
        let (typed, patterns) = raw(Some(true), "email.*");
        assert!(collect(&[typed, one], &patterns).is_ok());
    }

    #[test]
    fn a_public_url_is_one_that_cakemail_can_call() {
        let url = |text: &str| {
            let raw = Raw {
                public_url: Some(text.into()),
                ..Raw::default()
            };
            public_url(&[raw])
        };
        for text in [
            "https://hooks.example.com",
            "https://hooks.example.com:8443/a/b?c=d",
            "http://127.0.0.1:4400/x",
        ] {
            assert_eq!(url(text).unwrap().as_deref(), Some(text));
        }
        assert_eq!(url(" ").unwrap(), None);
        for text in [
            "hooks.example.com",
            "http://hooks.example.com",
            "ftp://a.example",
            "https://u:sentinel@a.example",
            "https://a.example/#sentinel",
            "https://a.example/ b",
        ] {
            let error = url(text).unwrap_err();
            assert!(!error.message.contains("sentinel"), "{error}");
        }
        let long = format!("https://a.example/{}", "a".repeat(LONGEST_URL));
        assert!(url(&long).is_err());
    }
}
