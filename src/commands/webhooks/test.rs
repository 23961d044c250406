//! `cmhook webhooks test`: what Cakemail would send, sent from here.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::behind::Behind;
use super::shown::Output;
use super::tested::{FIELDS, Told, say_untried, untried};
use super::unanswered::advised;
use super::{Account, keys, warn};
use crate::account::Keyed;
use crate::cakemail::diagnosis::{Keys, Reply, why_refused};
use crate::cakemail::event::EventPattern;
use crate::cakemail::sample::{self, Sample};
use crate::cakemail::signature::Secret;
use crate::cakemail::webhook::{Webhook, WebhookStatus};
use crate::capture::trigger::random_seed;
use crate::capture::trigger::request::{Payload, Requests};
use crate::capture::trigger::send::{Answer, Sender};
use crate::cli::WebhooksTestArgs;
use crate::commands::Outcome;
use crate::commands::listener_client::ApiError;
use crate::commands::setup::{Setup, color, runtime};
use crate::config::{ConfigError, Target, duration};
use crate::delivery::{Received, Registration, Scheme, Verdict};
use crate::http::headers::to_kept;

/// How long Cakemail waits. Source: its CLI manual.
const CAKEMAIL_WAITS: Duration = Duration::from_secs(5);

pub(super) fn run(args: &WebhooksTestArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let scheme = Scheme::from_name(&args.scheme).ok_or_else(|| ConfigError {
        message: format!("`--scheme {}` is no scheme", args.scheme.escape_debug()),
        hint: "it is cakemail-hex, cakemail-base64 or api-base64".into(),
    })?;
    let timeout = duration("--timeout", &args.timeout)?;
    let setup = Setup::read(config, &args.store, |raw| {
        raw.color = args.color.color.map(color);
    })?;
    let out = Output::with_fields(&args.json, &FIELDS, setup.settings.output.color)?;
    let account = Account::with_output(&args.account, out, config)?;
    let ids = account.meant(&args.id);
    let ok = runtime()?.block_on(async {
        let all = keys::fetch_some(&account, &ids).await?;
        let mut ok = all.len() == ids.len();
        let mut tried = Vec::new();
        for Keyed { webhook, key } in all {
            let trying = async {
                let key = with_key(&account, &webhook, key)?;
                let named = args.store.store.is_some();
                try_it(&setup, named, &account, &webhook, &key, (scheme, timeout)).await
            };
            let told = match trying.await {
                // The others are tried all the same.
                Err(error) if ids.len() > 1 => Err(error),
                told => Ok(told?),
            };
            ok &= told.as_ref().is_ok_and(|told| told.sent.is_fine());
            if account.out.json().is_none() {
                match &told {
                    Ok(told) => told.say(&account, &webhook)?,
                    Err(error) => say_untried(&account, &webhook, error)?,
                }
            }
            tried.push((webhook, told));
        }
        if let Some(json) = account.out.json() {
            let mut objects = tried.iter().map(|(webhook, told)| match told {
                Ok(told) => told.object(webhook, scheme),
                Err(error) => untried(webhook, scheme, error),
            });
            if ids.len() > 1 {
                json.write_all(objects)?;
            } else if let Some(object) = objects.next() {
                json.write_one(object)?;
            }
        }
        anyhow::Ok(ok)
    })?;
    Ok(if ok { Outcome::Fine } else { Outcome::No })
}

/// A webhook's key, without which nothing can be sent.
fn with_key(
    account: &Account,
    webhook: &Webhook,
    key: Option<SecretString>,
) -> Result<SecretString, ApiError> {
    let id = &webhook.id;
    let key = key.ok_or_else(|| ApiError {
        code: "no_secret".into(),
        message: format!("the API shows no key of the webhook {id}, so nothing can be signed"),
        hint: "does the account own it? `--account N` names another".into(),
    })?;
    if webhook.status == WebhookStatus::Archived {
        warn(&format!(
            "the webhook {id} is archived, so Cakemail sends it nothing: `{}` brings it back",
            account.command(&["webhooks", "unarchive", id])
        ));
    }
    Ok(key)
}

async fn try_it(
    setup: &Setup,
    named: bool,
    account: &Account,
    webhook: &Webhook,
    key: &SecretString,
    (scheme, timeout): (Scheme, Duration),
) -> Result<Told, ApiError> {
    let of_it = |words: &[&str]| {
        let words = [&["webhooks", "update", &webhook.id], words].concat();
        account.command(&words)
    };
    let change = of_it(&["--url", "URL"]);
    let (target, path) = target(&webhook.url, &change)?;
    let sample = sample_of(&webhook.event)?;
    let seed = random_seed().map_err(|error| ApiError {
        code: "internal".into(),
        message: format!("the system gives no random numbers: {error}"),
        hint: String::new(),
    })?;
    let payload = Payload::sample(sample, seed, Timestamp::now());
    let body = payload.body.clone();
    let secret = Secret::new(&webhook.id, None, key.expose_secret());
    let secret = secret.map_err(|error| ApiError {
        code: "no_secret".into(),
        message: format!("the key of the webhook {}: {error}", webhook.id),
        hint: String::new(),
    })?;
    let requests = Requests {
        secrets: vec![secret],
        scheme,
        headers: Vec::new(),
    };
    let place = target.url_for(&path).map(|url| url.to_string());
    let place = place.and_then(|url| url.split('?').next()?.parse().ok());
    let place = place.unwrap_or_else(|| target.clone());
    let behind = Behind::find(setup, named, &place).await;
    let sender = Sender::new(target, requests, timeout, false).at(&path);
    let mut sent = sender.send(payload).await;
    sent.answer = sent.answer.map_err(|failure| advised(failure, &change));
    let arrived = match &behind {
        None => None,
        Some(behind) => behind.arrived(&body).await,
    };
    let hints = match &sent.answer {
        Err(failure) if failure.hint.is_empty() => Vec::new(),
        Err(failure) => vec![failure.hint.to_string()],
        Ok(answer) => {
            let received = received(body, sample, &path, scheme, &webhook.id);
            let registration = Registration {
                event: webhook.event.as_str().into(),
                id: webhook.id.as_str().into(),
                url: webhook.url.as_str().into(),
                is_reused: false,
                flags: account.words.clone(),
            };
            let slower = of_it(&["--rate-limit", "N"]);
            hints(answer, &received, sent.took, registration, &slower)
        }
    };
    Ok(Told {
        sent,
        hints,
        listener: behind.is_some(),
        arrived,
    })
}

/// What was sent, as a listener would have taken it in.
fn received(body: Bytes, sample: &Sample, path: &str, scheme: Scheme, id: &str) -> Received {
    Received {
        received_at: Timestamp::now(),
        peer: "".into(),
        method: "POST".into(),
        path_and_query: path.into(),
        headers: to_kept(&http::HeaderMap::new()),
        body,
        event: Some(sample.name().into()),
        verdict: Verdict::Valid {
            scheme,
            secret: Arc::from(id),
        },
        original: None,
        relayed: None,
    }
}

/// The webhook's URL as a target, and its path and query, which are sent as they are. `change`
/// is the command that gives it another.
fn target(url: &str, change: &str) -> Result<(Target, String), ApiError> {
    let bad = |why: String| ApiError {
        code: "bad_url".into(),
        message: format!("nothing can be sent to the webhook's URL: {why}"),
        hint: format!("change it with `{change}`"),
    };
    let whole = url.split('#').next().unwrap_or_default();
    let uri: http::Uri = whole.parse().map_err(|_| bad("it is no URL".into()))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let scheme = uri
        .scheme_str()
        .ok_or_else(|| bad("it is not whole".into()))?;
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let target = format!("{scheme}://{authority}").parse::<Target>();
    let target = target.map_err(|error| bad(error.to_string()))?;
    Ok((target, path.to_owned()))
}

fn sample_of(event: &str) -> Result<&'static Sample, ApiError> {
    let pattern = event.parse::<EventPattern>().ok();
    let names = pattern.map(|pattern| pattern.names()).unwrap_or_default();
    let mut names = std::iter::once(event).chain(names);
    names.find_map(sample::find).ok_or_else(|| ApiError {
        code: "no_sample".into(),
        message: format!("there is no sample of {}", event.escape_debug()),
        hint: "`cmhook trigger --from-file FILE --to URL` sends a payload of your own".into(),
    })
}

/// What usually is the matter with such an answer.
fn hints(
    answer: &Answer,
    received: &Received,
    took: Duration,
    registration: Registration,
    slower: &str,
) -> Vec<String> {
    let one = |text: &str| vec![text.to_owned()];
    let reply = Reply {
        status: answer.status,
        headers: &to_kept(&answer.headers),
        body: &answer.start,
    };
    // Each webhook of an account has a key of its own.
    let keys = Keys {
        several: true,
        webhooks: [Arc::new(registration)].into(),
    };
    let why = why_refused(received, reply, &keys).and_then(|refusal| refusal.why);
    if let Some(why) = why {
        let mut lines: Vec<_> = why.lines().collect();
        lines.push(
            "an app made after another of Cakemail's documents wants another header: `--scheme cakemail-hex` or `--scheme cakemail-base64` signs so".into(),
        );
        return lines;
    }
    match answer.status {
        200..=299 if took > CAKEMAIL_WAITS => {
            one("Cakemail waits for 5 seconds only: answer first, and do the work behind it")
        }
        300..=399 => {
            let to = answer.headers.get(http::header::LOCATION);
            let to = to.and_then(|to| to.to_str().ok()).unwrap_or("elsewhere");
            vec![format!(
                "it points to {to}: redirects are not followed, so make that the webhook's URL"
            )]
        }
        404 | 410 => one("the app knows no such path: does the webhook's URL have the right one?"),
        405 => one("the app takes no POST at this path"),
        413 => one("the app takes no bodies of this size"),
        415 => one("the app does not take application/json"),
        429 => vec![format!(
            "the app is asked too often: `{slower}` slows Cakemail down"
        )],
        502..=504 => one(
            "what stands in front of the app, a proxy or a tunnel, does not reach it: is the app running?",
        ),
        500.. => one("the app failed: its log says why, and Cakemail would try again"),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_sent_to_as_it_is() {
        for (url, target, path) in [
            ("https://a.example", "https://a.example", "/"),
            (
                "https://a.example/b/?c=%20#d",
                "https://a.example",
                "/b/?c=%20",
            ),
            ("http://127.0.0.1:1/x?y", "http://127.0.0.1:1", "/x?y"),
        ] {
            let (found, at) = super::target(url, "").unwrap();
            assert_eq!((found.to_string().as_str(), &*at), (target, path));
            let whole = found.url_for(&at).unwrap().to_string();
            let sent = url.split('#').next().unwrap();
            assert_eq!(whole.trim_end_matches('/'), sent.trim_end_matches('/'));
        }
        assert!(super::target("nonsense", "").is_err());
    }

    #[test]
    fn every_event_has_a_sample() {
        for name in crate::cakemail::event::NAMES {
            assert_eq!(sample_of(name).unwrap().name(), *name);
        }
        assert_eq!(sample_of("EMAIL.OPENED").unwrap().name(), "email.opened");
        assert!(sample_of("Nothing.Such").is_err());
    }
}
