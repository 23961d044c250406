//! What a listener registers at Cakemail, and the public URL that it is told of.

use std::path::Path;

use http::Uri;

use super::{ConfigError, Policy, Raw, Target, known_event};
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
    policy: &Policy,
) -> Result<Option<RegisterSettings>, ConfigError> {
    let Some(source) = sources.iter().find(|source| source.register.is_some()) else {
        return Ok(None);
    };
    if source.register != Some(true) {
        return Ok(None);
    }
    let patterns = &policy.events;
    if patterns.is_empty() {
        return Err(ConfigError::new(
            "`--register` needs to know for which events",
            "for example `--events email.opened,email.bounced`; `--events 'email.*'` takes all of e-mails, `'*'` takes all",
        ));
    }
    if !source.is_register_typed {
        refuse_a_strangers(sources, policy)?;
    }
    Ok(Some(RegisterSettings {
        events: wanted(patterns)?,
        left_out: manual_only::left_out(patterns),
    }))
}

/// A file that comes with a project may say where deliveries go. Where webhooks are made
/// without anybody having asked for it in this run, whoever wrote it would be sent what happens
/// in the account of whoever starts cmhook in that folder.
fn refuse_a_strangers(sources: &[Raw], policy: &Policy) -> Result<(), ConfigError> {
    let is_elsewhere = |target: &Target| !target.is_loopback();
    let given = |given: fn(&Raw) -> bool| sources.iter().find(|source| given(source));
    let is_public = |source: &&Raw| source.public_url.as_deref().is_some_and(is_said);
    let places = [
        // Where there is both, that is the one that is registered.
        match given(|source| source.public_url.is_some()).filter(is_public) {
            Some(source) => ("public_url", Some(source)),
            None => ("relay", given(|source| source.relay.is_some())),
        },
        (
            "forward",
            given(|source| source.forward.is_some())
                .filter(|_| policy.forward.iter().any(is_elsewhere)),
        ),
        (
            "routes",
            given(|source| !source.route.is_empty() || source.routes.is_some())
                .filter(|_| policy.routes.iter().any(|(_, target)| is_elsewhere(target))),
        ),
    ];
    for (name, source) in places {
        let Some(source) = source.filter(|source| source.is_strangers) else {
            continue;
        };
        if name == "relay" && !source.relay.as_deref().is_some_and(is_said) {
            continue;
        }
        let file = source.origin.as_deref().unwrap_or(Path::new(""));
        return Err(ConfigError::new(
            format!(
                "`{name}` stands in `{}`, and with `register` its author would say where your account's events are sent",
                file.display()
            ),
            format!(
                "type `--register` if you trust that file, else `--register=false`; or keep `{name}` in your own configuration folder"
            ),
        ));
    }
    Ok(())
}

fn is_said(text: &str) -> bool {
    !text.trim().is_empty()
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

    fn raw(register: Option<bool>, events: &str) -> (Raw, Policy) {
        let raw = Raw {
            register,
            events: Some(OneOrMany::One(events.into())),
            ..Raw::default()
        };
        let patterns = (events.split(',').filter(|text| !text.is_empty()))
            .map(|text| text.parse().unwrap())
            .collect();
        let policy = Policy {
            events: patterns,
            ..Policy::default()
        };
        (raw, policy)
    }

    fn collected(events: &str) -> Result<Vec<(String, bool)>, ConfigError> {
        let (raw, policy) = raw(Some(true), events);
        let settings = collect(&[raw], &policy)?.unwrap();
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
        let (raw, policy) = raw(Some(false), "");
        assert_eq!(collect(&[raw], &policy).unwrap(), None);
    }

    #[test]
    fn a_projects_file_does_not_say_where() {
        let (own, mut policy) = raw(Some(true), "email.*");
        let project = Raw {
            origin: Some("/project/cmhook.toml".into()),
            is_strangers: true,
            ..Raw::default()
        };
        let relay = |text: &str| Raw {
            relay: Some(text.into()),
            ..project.clone()
        };
        let public = |of: &Raw, text: &str| Raw {
            public_url: Some(text.into()),
            ..of.clone()
        };
        let check = |sources: &[&Raw], policy: &Policy| {
            let sources: Vec<Raw> = sources.iter().copied().cloned().collect();
            collect(&sources, policy)
        };
        let flags = Raw::default();
        let both = Raw {
            register: Some(true),
            ..relay("hooks.example.com")
        };
        assert!(check(&[&flags, &project, &own], &policy).is_ok());
        let error = check(&[&flags, &relay("hooks.example.com"), &own], &policy).unwrap_err();
        assert!(error.message.contains("/project/cmhook.toml"), "{error}");
        assert!(check(&[&flags, &both], &policy).is_err());
        assert!(
            check(
                &[&flags, &public(&project, "https://a.example"), &own],
                &policy
            )
            .is_err()
        );
        // What is said before counts, and an empty text is none.
        let typed = public(&flags, "https://own.example");
        assert!(check(&[&typed, &both, &own], &policy).is_ok());
        assert!(check(&[&public(&flags, ""), &both, &own], &policy).is_err());
        assert!(check(&[&flags, &relay(" "), &own], &policy).is_ok());
        let typed = Raw {
            register: Some(true),
            is_register_typed: true,
            ..Raw::default()
        };
        assert!(check(&[&typed, &both, &own], &policy).is_ok());
        let forward = Raw {
            forward: Some(OneOrMany::One("a.example".into())),
            ..project.clone()
        };
        policy.forward = vec!["127.0.0.1:3000".parse().unwrap()];
        assert!(check(&[&flags, &forward, &own], &policy).is_ok());
        policy.forward.push("a.example".parse().unwrap());
        assert!(check(&[&flags, &forward, &own], &policy).is_err());
        assert!(check(&[&forward, &forward, &own], &policy).is_err());
        assert!(check(&[&flags, &project, &own], &policy).is_ok());
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
