//! What is said once at the start.

use std::io::{self, Write};
use std::sync::Arc;

use anstyle::Style;
use jiff::Timestamp;

use super::human::{BOLD, DIM, GREEN, shown, warning};
use crate::delivery::{Registration, Tunnel, Warning, words};

/// What is said once at the start.
#[derive(Debug, Clone)]
pub struct Block {
    /// Where deliveries arrive.
    pub url: String,
    /// A public URL that is the user's own.
    pub public_url: Option<String>,
    /// The webhooks that are there for this listener.
    pub registered: Arc<[Arc<Registration>]>,
    /// The command that shows their keys.
    pub keys: Option<String>,
    /// The way in from a public URL.
    pub tunnel: Option<Tunnel>,
    /// Where they go, one line each.
    pub targets: Vec<String>,
    /// What they are verified with.
    pub secrets: String,
    /// Where they are kept.
    pub store: String,
    /// The web inspector, where there is one.
    pub inspector: Option<String>,
    /// What the user should know, with or without a hint.
    pub warnings: Vec<Warning>,
}

impl Block {
    /// What is to be known of a tunnel through which nothing comes.
    fn closed_tunnel(&self) -> Option<Warning> {
        let tunnel = self
            .tunnel
            .as_ref()
            .filter(|one| one.open_url().is_none())?;
        let hint = tunnel.phase.trouble().map_or("", |(_, hint)| hint);
        Some(Warning {
            code: "tunnel",
            message: format!("tunnel: {}", words::tunnel(tunnel, Timestamp::now())),
            hint: hint.to_owned(),
        })
    }

    /// Writes the block, or with `brief` only its warnings and its last line.
    pub(super) fn write(&self, out: &mut impl Write, colour: bool, brief: bool) -> io::Result<()> {
        let paint = |style: Style, text: &str| {
            if colour {
                format!("{style}{text}{style:#}")
            } else {
                text.to_owned()
            }
        };
        if !brief {
            writeln!(
                out,
                "{}",
                paint(BOLD, concat!("cmhook ", env!("CARGO_PKG_VERSION")))
            )?;
            let row = |name: &str| paint(DIM, &format!("  {name:<8}"));
            if let Some(url) = &self.public_url {
                writeln!(out, "{}{}", row("public"), paint(BOLD, &shown(url)))?;
            }
            if let Some(tunnel) = &self.tunnel {
                let name = if self.public_url.is_none() {
                    "public"
                } else {
                    "relay"
                };
                let url = match tunnel.open_url() {
                    Some(url) => paint(BOLD, &shown(url)),
                    None => "none yet".to_owned(),
                };
                writeln!(out, "{}{url}", row(name))?;
            }
            writeln!(out, "{}{}", row("webhook"), self.url)?;
            for (at, target) in self.targets.iter().enumerate() {
                let name = if at == 0 { "forward" } else { "" };
                writeln!(out, "{}{}", row(name), shown(target))?;
            }
            if let Some(point) = words::registered(self.registered.len()) {
                writeln!(out, "{}{point}", row("events"))?;
            }
            for one in &*self.registered {
                let id = paint(DIM, &shown(&one.id));
                writeln!(out, "{}{}  {id}", row(""), shown(&one.event))?;
            }
            if let Some(command) = &self.keys {
                writeln!(out, "{}for your app: {}", row("keys"), shown(command))?;
            }
            writeln!(out, "{}{}", row("secrets"), shown(&self.secrets))?;
            writeln!(out, "{}{}", row("store"), shown(&self.store))?;
            if let Some(link) = &self.inspector {
                writeln!(out, "{}{link}", row("inspect"))?;
            }
        }
        for one in self.warnings.iter().chain(&self.closed_tunnel()) {
            warning(out, one)?;
        }
        let open = self.tunnel.as_ref().and_then(Tunnel::open_url);
        let open = self.public_url.as_deref().or(open);
        let url = open.map_or_else(|| self.url.clone(), shown);
        let stop = if brief { "" } else { " (Ctrl-C stops)" };
        writeln!(
            out,
            "{}{stop}",
            paint(GREEN, &format!("Ready, waiting for deliveries at {url}"))
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Phase;

    fn block(tunnel: Option<Tunnel>) -> Block {
        Block {
            url: "http://127.0.0.1:4400/".into(),
            public_url: None,
            registered: Arc::default(),
            keys: None,
            tunnel,
            targets: vec!["http://localhost:3000".into()],
            secrets: "1 (bounces)".into(),
            store: "in memory only (--ephemeral)".into(),
            inspector: None,
            warnings: Vec::new(),
        }
    }

    fn written(tunnel: Option<Tunnel>, brief: bool) -> String {
        text(&block(tunnel), brief)
    }

    fn text(block: &Block, brief: bool) -> String {
        let mut out = Vec::new();
        block.write(&mut out, false, brief).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }

    #[test]
    fn what_points_here_stands_with_its_ids_and_the_way_to_the_keys() {
        let one = |event: &str| {
            Arc::new(Registration {
                event: event.into(),
                id: "X1qR".into(),
                url: "https://shop.hooks.example.com".into(),
                is_reused: false,
                flags: Box::default(),
            })
        };
        let mut block = block(None);
        block.registered = [one("Email.Opened"), one("Email.Sent")].into();
        block.keys = Some("cmhook webhooks list --show-secrets".into());
        let text = text(&block, false);
        let lines: Vec<&str> = text.lines().collect();
        let expected = [
            "  events  2 webhooks point here",
            "          Email.Opened  X1qR",
            "          Email.Sent  X1qR",
            "  keys    for your app: cmhook webhooks list --show-secrets",
        ];
        assert_eq!(lines[3..7], expected);
    }

    fn tunnel(public_url: Option<&str>, phase: Phase) -> Tunnel {
        Tunnel {
            relay: "https://hooks.example.com".into(),
            public_url: public_url.map(Into::into),
            phase,
            since: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn the_public_url_comes_first_where_there_is_one() {
        let online = Phase::Online {
            round_trip: None,
            waiting: 12,
        };
        let refused = Phase::Refused {
            code: "token".into(),
            reason: "the relay does not know the token".into(),
            hint: "log in with `cmhook relay login`".into(),
            next_at: None,
        };
        let url = Some("https://shop.hooks.example.com\u{1b}");
        insta::assert_snapshot!(
            [
                written(None, false),
                written(Some(tunnel(url, online.clone())), false),
                written(Some(tunnel(url, online)), true),
                written(Some(tunnel(None, Phase::Connecting)), false),
                written(Some(tunnel(None, refused)), true),
            ]
            .join("\n")
        );
    }
}
