//! Events as people name them, to those that the API has.

use crate::cakemail::event::EventPattern;
use crate::cakemail::manual_only;
use crate::config::{ConfigError, known_event, unknown_event};

/// An event that there is to be a webhook for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// As the API writes it, or as it was typed where only the manual has it.
    pub(super) event: String,
    /// Whether it is one of those that a glob means: what the API does not send of them is
    /// left out.
    pub(super) by_glob: bool,
}

/// The events that these words mean, each once, in their order.
///
/// # Errors
/// At the first that means none.
pub(super) fn wanted(words: &[String]) -> Result<Vec<Wanted>, ConfigError> {
    let mut all: Vec<Wanted> = Vec::new();
    for word in words.iter().map(|word| word.trim()) {
        // A comma too many means nothing.
        if word.is_empty() {
            continue;
        }
        let pattern: EventPattern = word.parse().map_err(|_| unknown_event(word, None))?;
        let by_glob = pattern.is_glob();
        let mut events = pattern.api_names();
        if events.is_empty() && by_glob {
            events = pattern.names();
        }
        if events.is_empty() {
            known_event(&pattern)?;
            add(&mut all, word, false);
        }
        for event in events {
            add(&mut all, event, by_glob);
        }
    }
    if all.is_empty() {
        return Err(ConfigError {
            message: "`--events` names no event".into(),
            hint: "name some, such as `email.opened,email.clicked` or `email.*`".into(),
        });
    }
    Ok(all)
}

/// What is to be said of events that the words match and that only the manual has.
pub(super) fn left_out(words: &[String]) -> Option<String> {
    let patterns: Vec<EventPattern> = words.iter().filter_map(|word| word.parse().ok()).collect();
    manual_only::left_out(&patterns)
}

/// What is named exactly is wanted for certain, whatever glob means it too.
fn add(all: &mut Vec<Wanted>, event: &str, by_glob: bool) {
    match all.iter_mut().find(|known| is_same(&known.event, event)) {
        Some(known) => known.by_glob &= by_glob,
        None => all.push(Wanted {
            event: event.to_owned(),
            by_glob,
        }),
    }
}

/// Whether two names mean the same event.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    let pattern = one.parse::<EventPattern>();
    one == other || pattern.is_ok_and(|pattern| !pattern.is_glob() && pattern.matches(other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cakemail::event::{NAMES, is_of_the_api};

    fn read(words: &[&str]) -> Result<Vec<(String, bool)>, ConfigError> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        let all = wanted(&words)?.into_iter();
        Ok(all.map(|one| (one.event, one.by_glob)).collect())
    }

    #[test]
    fn any_name_becomes_the_apis() {
        for (word, event) in [
            ("email.opened", "Email.Opened"),
            ("EMAIL.OPENED", "Email.Opened"),
            ("email.spam_complaint", "Email.ReportedAsSpam"),
            ("campaign.cancelled", "Campaign.Canceled"),
            (" contact.subscribed ", "Contact.Added"),
            // The API has no such event, and says so itself.
            ("campaign.sent", "campaign.sent"),
        ] {
            assert_eq!(read(&[word]).unwrap(), [(event.into(), false)], "{word}");
        }
    }

    #[test]
    fn an_event_is_wanted_once_and_for_certain_where_it_is_named() {
        let read = read(&["email.*", "email.opened", "", "email.complained"]).unwrap();
        let api = NAMES.iter().filter(|name| is_of_the_api(name));
        let emails = api.filter(|name| name.starts_with("Email."));
        assert_eq!(read.len(), emails.count());
        for (event, by_glob) in read {
            let named = ["Email.Opened", "Email.ReportedAsSpam"].contains(&&*event);
            assert_eq!(by_glob, !named, "{event}");
        }
    }

    #[test]
    fn what_means_nothing_is_said() {
        let error = read(&["email.opend"]).unwrap_err();
        assert_eq!(error.message, "there is no event called `email.opend`");
        assert!(error.hint.contains("`email.opened`"), "{}", error.hint);
        assert!(
            read(&["zzz.*"])
                .unwrap_err()
                .message
                .contains("no event matches")
        );
        assert!(
            read(&["", " "])
                .unwrap_err()
                .message
                .contains("names no event")
        );
    }

    #[test]
    fn every_name_is_wanted_as_it_is() {
        for name in NAMES {
            let read = read(&[name]).unwrap();
            assert_eq!(read.len(), 1, "{name}");
            assert!(is_same(&read[0].0, name), "{name} {read:?}");
        }
    }
}
