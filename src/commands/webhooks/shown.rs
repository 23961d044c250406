//! How webhooks are written.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::cakemail::webhook::{RatePeriod, Webhook, WebhookStatus, shown_url};
use crate::cli::JsonArgs;
use crate::commands::ink::{self, Ink};
use crate::commands::json_output::JsonOutput;
use crate::commands::table::{Cell, Column, write_all};
use crate::config::{Color, ConfigError};
use crate::lines::coloured;

/// The fields of a webhook in JSON.
const FIELDS: [&str; 10] = [
    "id",
    "status",
    "event",
    "url",
    "archived_at",
    "rate_limit",
    "rate_limit_period",
    "name",
    "key",
    "change",
];

/// A webhook with what is known of it here.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) webhook: Webhook,
    /// Of those that were made together.
    pub(super) name: Option<String>,
    /// Where it is to be shown.
    pub(super) key: Option<SecretString>,
    /// What was done to it.
    pub(super) change: Option<&'static str>,
}

impl Item {
    pub(super) const fn new(webhook: Webhook) -> Self {
        Self {
            webhook,
            name: None,
            key: None,
            change: None,
        }
    }

    /// Its URL, a password in which is shown to whoever wants the key as well.
    fn url(&self) -> Cow<'_, str> {
        match self.key {
            Some(_) => Cow::Borrowed(&self.webhook.url),
            None => shown_url(&self.webhook.url),
        }
    }

    fn object(&self) -> Object<'_> {
        let webhook = match self.url() {
            Cow::Borrowed(_) => Cow::Borrowed(&self.webhook),
            Cow::Owned(url) => Cow::Owned(Webhook {
                url,
                ..self.webhook.clone()
            }),
        };
        Object {
            webhook,
            name: self.name.as_deref(),
            key: self.key.as_ref().map(SecretString::expose_secret),
            change: self.change,
        }
    }
}

/// A webhook in JSON: as the API has it, and what is known here.
#[derive(Debug, Serialize)]
struct Object<'a> {
    #[serde(flatten)]
    webhook: Cow<'a, Webhook>,
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'a str>,
}

const COLUMNS: [Column; 6] = [
    column("ID", None, 0),
    column("STATUS", None, 1),
    column("EVENT", Some(16), 0),
    // A host and the start of a path are still there.
    column("URL", Some(28), 0),
    column("NAME", Some(8), 2),
    column("LIMIT", None, 3),
];

const fn column(name: &'static str, gives: Option<usize>, drops: u8) -> Column {
    Column {
        name,
        right: false,
        gives,
        drops,
    }
}

/// How one run writes.
pub(super) struct Output {
    json: Option<JsonOutput>,
    color: Color,
    /// Whether standard output is a terminal.
    pub(super) terminal: bool,
    /// For standard output.
    pub(super) ink: Ink,
}

impl Output {
    /// As the flags say.
    ///
    /// # Errors
    /// At a field that there is not, or a jq expression that is none.
    pub(super) fn new(args: &JsonArgs, color: Color) -> Result<Self, ConfigError> {
        Self::with_fields(args, &FIELDS, color)
    }

    /// The same for objects with these fields.
    ///
    /// # Errors
    /// As [`Output::new`].
    pub(super) fn with_fields(
        args: &JsonArgs,
        fields: &[&str],
        color: Color,
    ) -> Result<Self, ConfigError> {
        let json = args.wanted().then(|| JsonOutput::new(args, fields, color));
        let terminal = io::stdout().is_terminal();
        Ok(Self {
            json: json.transpose()?,
            color,
            terminal,
            ink: Ink::new(color, terminal),
        })
    }

    /// Where JSON is wanted, how it is written.
    pub(super) const fn json(&self) -> Option<&JsonOutput> {
        self.json.as_ref()
    }

    /// Whether words for people are wanted on standard output: in a pipe there are rows.
    pub(super) const fn is_for_people(&self) -> bool {
        self.terminal && self.json.is_none()
    }

    /// Writes one: as an object, or line by line.
    ///
    /// # Errors
    /// Those of standard output and of the jq expression.
    pub(super) fn one(&self, item: &Item, key: &str) -> anyhow::Result<()> {
        if let Some(json) = &self.json {
            return json.write_one(item.object());
        }
        Ok(self.block(&mut io::stdout().lock(), item, key)?)
    }

    /// Writes several as [`Output::one`] does, a line between them: as an array, or in blocks.
    ///
    /// # Errors
    /// As [`Output::one`].
    pub(super) fn each(&self, items: &[(Item, String)]) -> anyhow::Result<()> {
        if let Some(json) = &self.json {
            return json.write_all(items.iter().map(|(item, _)| item.object()));
        }
        let mut out = io::stdout().lock();
        for (at, (item, key)) in items.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            self.block(&mut out, item, key)?;
        }
        Ok(())
    }

    fn block(&self, out: &mut impl io::Write, item: &Item, key: &str) -> io::Result<()> {
        let webhook = &item.webhook;
        writeln!(out, "ID: {}", ink::shown(&webhook.id))?;
        if let Some(name) = &item.name {
            writeln!(out, "Name: {}", ink::shown(name))?;
        }
        writeln!(out, "URL: {}", ink::shown(&item.url()))?;
        writeln!(out, "Event: {}", ink::shown(&webhook.event))?;
        writeln!(out, "Status: {}", self.status(webhook))?;
        writeln!(out, "Limit: {}", limit(webhook, true))?;
        writeln!(out, "Key: {}", ink::shown(key))
    }

    /// Whether it is sent anything, and if not since when.
    pub(super) fn status(&self, webhook: &Webhook) -> String {
        // A word of the API's that no document has may be anything.
        let name = ink::shown(webhook.status.name());
        let word = self.ink.paint(style(&webhook.status), &name);
        let since = webhook
            .archived_at
            .and_then(|at| Timestamp::from_second(at).ok());
        match since.filter(|_| webhook.status == WebhookStatus::Archived) {
            Some(at) => format!("{word} since {}", self.ink.time(at)),
            None => word.into_owned(),
        }
    }

    /// Writes several: as an array, as a table on a terminal, or as values between tabs.
    ///
    /// # Errors
    /// Those of standard output and of the jq expression.
    pub(super) fn all(&self, items: &[Item]) -> anyhow::Result<()> {
        if let Some(json) = &self.json {
            return json.write_all(items.iter().map(Item::object));
        }
        let colour = coloured(self.color, self.terminal);
        let with_changes = items.iter().any(|item| item.change.is_some());
        let rows: Vec<Vec<Cell>> = items.iter().map(|item| row(item, with_changes)).collect();
        let mut columns = COLUMNS.to_vec();
        if with_changes {
            columns.insert(0, column("CHANGE", None, 0));
        }
        if items.iter().any(|item| item.key.is_some()) {
            columns.push(column("KEY", None, 0));
        }
        write_all(columns, &rows, colour)?;
        Ok(())
    }
}

fn row(item: &Item, with_change: bool) -> Vec<Cell> {
    let webhook = &item.webhook;
    let mut row = vec![
        Cell::styled(&webhook.id, ink::BOLD),
        Cell::styled(webhook.status.name(), style(&webhook.status)),
        Cell::new(&webhook.event),
        Cell::new(item.url()),
        Cell::new(item.name.as_deref().unwrap_or_default()),
        Cell::styled(limit(webhook, false), ink::DIM),
    ];
    if with_change {
        row.insert(0, Cell::new(item.change.unwrap_or_default()));
    }
    if let Some(key) = &item.key {
        row.push(Cell::new(key.expose_secret()));
    }
    row
}

const fn style(status: &WebhookStatus) -> anstyle::Style {
    match status {
        WebhookStatus::Active => ink::GREEN,
        WebhookStatus::Archived => ink::DIM,
        WebhookStatus::Other(_) => ink::YELLOW,
    }
}

/// Webhooks by id and event, the first of many.
pub(super) fn some(webhooks: &[&Webhook]) -> String {
    const MOST: usize = 5;
    let words = webhooks.iter().take(MOST);
    let words = words.map(|webhook| format!("{} ({})", webhook.id, webhook.event));
    let mut words: Vec<_> = words.collect();
    if webhooks.len() > MOST {
        words.push(format!("and {} more", webhooks.len() - MOST));
    }
    words.join(", ")
}

/// `50/s`, or in words `50 a second`.
fn limit(webhook: &Webhook, in_words: bool) -> String {
    let Some(rate) = webhook.rate_limit else {
        let none = if in_words { "the API shows none" } else { "" };
        return none.into();
    };
    let Some(period) = webhook.rate_limit_period else {
        return rate.to_string();
    };
    if in_words {
        let article = if period == RatePeriod::Hour {
            "an"
        } else {
            "a"
        };
        return format!("{rate} {article} {period}");
    }
    let period = match period {
        RatePeriod::Second => "s",
        RatePeriod::Minute => "min",
        RatePeriod::Hour => "h",
        RatePeriod::Day => "d",
    };
    format!("{rate}/{period}")
}
