//! Joining the sources and checking what comes out.

use std::path::PathBuf;

use http::{HeaderName, HeaderValue, StatusCode};

use super::address::{address, inspector_address};
use super::origin::with_origin;
use super::{
    ConfigError, ConfigFiles, ForwardSettings, OneOrMany, OutputSettings, Policy, Raw, Settings,
    StoreSettings, Target, account, register, relay, secrets, units, user_data_folder,
};
use crate::cakemail::event::EventPattern;

/// The first of several sources that says something.
fn first<T>(values: impl IntoIterator<Item = Option<T>>) -> Option<T> {
    values.into_iter().flatten().next()
}

/// Joins the sources, first wins, and checks everything.
///
/// # Errors
/// At the first setting that cannot be used.
pub fn resolve(flags: Raw, files: ConfigFiles) -> Result<Settings, ConfigError> {
    let sources: Vec<Raw> = std::iter::once(flags).chain(files.sources).collect();
    joined(&sources, files.doubts).map_err(|error| with_origin(error, &sources))
}

fn joined(sources: &[Raw], mut doubts: Vec<String>) -> Result<Settings, ConfigError> {
    macro_rules! pick {
        ($field:ident) => {
            first(sources.iter().map(|source| source.$field.clone()))
        };
    }
    macro_rules! many {
        ($field:ident) => {
            pick!($field).map(OneOrMany::into_vec).unwrap_or_default()
        };
    }

    let secrets = secrets::collect(sources, &mut doubts)?;
    let policy = policy(
        &many!(forward),
        &routes(sources)?,
        &many!(events),
        Answers {
            reject_invalid: pick!(reject_invalid).unwrap_or(false),
            ack: pick!(ack).unwrap_or(false),
            status: pick!(status),
        },
        &mut doubts,
    )?;
    let register = register::collect(sources, &policy)?;
    if register.is_none() {
        doubts.extend(unused_events(&policy));
    }
    if policy.reject_invalid && secrets.is_empty() && register.is_none() {
        return Err(ConfigError::new(
            "`--reject-invalid` would reject every delivery, because no secret is known",
            "give the webhook's secret with `--secret`, `--secret-file` or CMHOOK_SECRET",
        ));
    }
    let relay = relay::collect(sources, &mut doubts)?;
    let account = account::collect(pick!(api).as_deref(), pick!(account))?;
    let insecure_target = pick!(insecure_target).unwrap_or(false);
    if insecure_target
        && let Some(target) = policy.targets().find(|t| t.is_https() && !t.is_loopback())
    {
        return Err(ConfigError::new(
            format!("`--insecure-target` is for loopback targets only, and `{target}` is not one"),
            "have the system trust its certificate, or forward over plain HTTP",
        ));
    }
    Ok(Settings {
        listen: address(
            "--listen",
            pick!(listen).as_deref().unwrap_or("127.0.0.1:4400"),
            4400,
        )?,
        inspector: if pick!(no_inspector).unwrap_or(false) {
            None
        } else {
            let text = pick!(inspector);
            Some(inspector_address(
                text.as_deref().unwrap_or("127.0.0.1:4040"),
            )?)
        },
        relay,
        public_url: register::public_url(sources)?,
        register,
        account,
        forward: ForwardSettings {
            timeout: units::duration("--timeout", pick!(timeout).as_deref().unwrap_or("30s"))?,
            headers: headers(&many!(header))?,
            host_header: pick!(host_header).unwrap_or_default(),
            insecure_target,
        },
        max_body: units::size("--max-body", pick!(max_body).as_deref().unwrap_or("25MB"))?,
        store: store(
            pick!(store),
            pick!(ephemeral).unwrap_or(false),
            pick!(durable).unwrap_or(false),
            pick!(keep).unwrap_or(10_000),
            pick!(keep_bytes).as_deref().unwrap_or("256MB"),
        )?,
        output: OutputSettings {
            json: pick!(json).unwrap_or(false),
            quiet: pick!(quiet).unwrap_or(false),
            no_tui: pick!(no_tui).unwrap_or(false),
            color: pick!(color).unwrap_or_default(),
        },
        policy,
        secrets,
        doubts,
    })
}

/// The routes of the first source that has any.
fn routes(sources: &[Raw]) -> Result<Vec<(String, String)>, ConfigError> {
    for source in sources {
        if !source.route.is_empty() {
            return source
                .route
                .iter()
                .map(|route| {
                    let (glob, url) = route.split_once('=').ok_or_else(|| {
                        ConfigError::new(
                            format!("`--route {route}` is not of the form GLOB=URL"),
                            "for example `--route 'campaign.*=localhost:3001'`",
                        )
                    })?;
                    Ok((glob.to_owned(), url.to_owned()))
                })
                .collect();
        }
        if let Some(table) = &source.routes {
            return table
                .iter()
                .map(|(glob, url)| match url.as_str() {
                    Some(url) => Ok((glob.clone(), url.to_owned())),
                    None => Err(ConfigError::new(
                        format!("the route for `{glob}` in the configuration file is not a text"),
                        "write it as \"campaign.*\" = \"localhost:3001\"",
                    )),
                })
                .collect();
        }
    }
    Ok(Vec::new())
}

#[derive(Clone, Copy)]
struct Answers {
    reject_invalid: bool,
    ack: bool,
    status: Option<u16>,
}

fn policy(
    forward: &[String],
    routes: &[(String, String)],
    events: &[String],
    answers: Answers,
    doubts: &mut Vec<String>,
) -> Result<Policy, ConfigError> {
    let target = |text: &str| {
        text.parse::<Target>()
            .map_err(|error| ConfigError::new(error.to_string(), error.hint()))
    };
    let mut pattern = |text: &str| {
        let pattern: EventPattern = text.parse().map_err(|error| {
            ConfigError::new(
                format!("{error}"),
                "for example `--events 'email.*,campaign.sent'`",
            )
        })?;
        if let Some(name) = pattern.suggestion() {
            doubts.push(format!(
                "no known event is called `{pattern}`; did you mean `{name}`?"
            ));
        } else if !pattern.is_known() {
            doubts.push(format!("no known event is called `{pattern}`"));
        }
        Ok::<_, ConfigError>(pattern)
    };
    let events = events
        .iter()
        .flat_map(|list| list.split(','))
        .filter(|text| !text.trim().is_empty())
        .map(&mut pattern)
        .collect::<Result<Vec<_>, _>>()?;
    let status = answers
        .status
        .map(|code| {
            StatusCode::from_u16(code)
                .ok()
                .filter(|status| (200..600).contains(&status.as_u16()))
                .ok_or_else(|| {
                    ConfigError::new(
                        format!("`--status {code}` is no status of an answer"),
                        "use a number from 200 to 599",
                    )
                })
        })
        .transpose()?;
    let policy = Policy {
        forward: forward
            .iter()
            .map(|t| target(t))
            .collect::<Result<_, _>>()?,
        routes: routes
            .iter()
            .map(|(glob, url)| Ok((pattern(glob)?, target(url)?)))
            .collect::<Result<_, ConfigError>>()?,
        events,
        reject_invalid: answers.reject_invalid,
        ack: answers.ack,
        status,
    };
    if policy.status.is_some() && answers.ack {
        return Err(ConfigError::new(
            "`--status` and `--ack` exclude each other",
            "`--status` answers without forwarding, `--ack` answers 200 and forwards behind it",
        ));
    }
    if policy.status.is_some() && policy.targets().next().is_some() {
        doubts.push("with `--status` nothing is forwarded, so the targets are not used".into());
    }
    Ok(policy)
}

fn unused_events(policy: &Policy) -> Option<String> {
    let is_unused = !policy.events.is_empty() && policy.forward.is_empty();
    is_unused.then(|| "`--events` chooses what is forwarded, and there is no `--forward`".into())
}

fn headers(lines: &[String]) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    lines
        .iter()
        .map(|line| {
            let bad = |what: &str| {
                // The value may be a password, so only what can be the name is shown.
                let ends = |c: char| c == ':' || c == '=' || c.is_whitespace();
                let name = line.split(ends).next().unwrap_or_default();
                ConfigError::new(
                    format!("`--header {}` {what}", name.escape_debug()),
                    "write it as `--header 'X-Name: value'`",
                )
            };
            let (name, value) = line.split_once(':').ok_or_else(|| bad("has no colon"))?;
            let name = HeaderName::from_bytes(name.trim().as_bytes())
                .map_err(|_| bad("is not the name of a header"))?;
            if crate::http::headers::is_hop_by_hop(&name) || name == http::header::CONTENT_LENGTH {
                return Err(bad("is set by the connection itself"));
            }
            let mut value = HeaderValue::from_bytes(value.trim().as_bytes())
                .map_err(|_| bad("has a value with a control character in it"))?;
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

fn store(
    path: Option<PathBuf>,
    ephemeral: bool,
    durable: bool,
    keep: usize,
    keep_bytes: &str,
) -> Result<StoreSettings, ConfigError> {
    if keep == 0 {
        return Err(ConfigError::new(
            "`--keep 0` would keep nothing",
            "keep at least 1; `--ephemeral` keeps in memory only",
        ));
    }
    if ephemeral && durable {
        return Err(ConfigError::new(
            "`--ephemeral` and `--durable` exclude each other",
            "leave one of them out",
        ));
    }
    let path = match (ephemeral, path) {
        (true, _) => None,
        (false, Some(path)) => Some(path),
        (false, None) => Some(
            user_data_folder()
                .ok_or_else(|| {
                    ConfigError::new(
                        "there is no home folder to keep deliveries in",
                        "say where with `--store PATH`, or use `--ephemeral`",
                    )
                })?
                .join("deliveries.db"),
        ),
    };
    Ok(StoreSettings {
        path,
        durable,
        keep,
        keep_bytes: usize::try_from(units::size("--keep-bytes", keep_bytes)?).unwrap_or(usize::MAX),
    })
}

#[cfg(test)]
mod tests;
