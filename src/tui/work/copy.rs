//! What is copied: always the original, whatever is shown of it.

use super::Worker;
use super::clipboard::{Clipboard, Copied, MOST_FOR_TERMINAL};
use crate::capture::asked;
use crate::delivery::words::size;
use crate::delivery::{Headers, Kept, Outcome, Phase, Tunnel, value_text};
use crate::export::curl;
use crate::payload::body::as_text;
use crate::tui::msg::{CopyWhat, Msg, Said};

impl Worker {
    /// Copies something of a delivery by every way that there is. `attempt` is the one whose
    /// response is meant, the newest without; `text` is what the cursor stands on.
    pub(super) fn copy(&self, id: u64, what: CopyWhat, attempt: Option<u32>, text: Option<String>) {
        let this = self.clone();
        // Programs are started there too, which takes a moment.
        self.runtime.spawn_blocking(move || {
            let clipboard = Clipboard::of_this_session();
            this.tell(match this.text_of(id, what, attempt, text) {
                Ok(text) => {
                    let copying = clipboard.copy(&text);
                    let copied = this.runtime.block_on(copying);
                    remark(name(what), &text, copied, this.doubt(what))
                }
                Err(why) => Msg::Copied(Said::bad(why), None),
            });
        });
    }

    /// What should be known of what is copied.
    fn doubt(&self, what: CopyWhat) -> Option<&'static str> {
        let is_gone = |tunnel: &Tunnel| matches!(&tunnel.phase, Phase::Refused { code, .. } if code == "taken_over");
        let tunnel = self.store().tunnel()?;
        let is_doubtful =
            what == CopyWhat::PublicUrl && self.public_url.is_none() && is_gone(&tunnel);
        is_doubtful
            .then_some("another listener has it now: `cmhook listen --takeover` gets it back")
    }

    fn text_of(
        &self,
        id: u64,
        what: CopyWhat,
        attempt: Option<u32>,
        text: Option<String>,
    ) -> Result<String, String> {
        match what {
            CopyWhat::Id => return Ok(id.to_string()),
            CopyWhat::Url => return Ok(self.url.to_string()),
            CopyWhat::PublicUrl => {
                let relayed = || self.store().tunnel()?.public_url.clone();
                let url = self
                    .public_url
                    .as_deref()
                    .map(str::to_owned)
                    .or_else(relayed);
                return url.ok_or_else(|| "the relay has not named a public URL yet".into());
            }
            CopyWhat::Value | CopyWhat::Path => {
                return text.ok_or_else(|| "there is nothing at the cursor to copy".into());
            }
            CopyWhat::Curl | CopyWhat::Payload | CopyWhat::Headers | CopyWhat::Response => {}
        }
        let kept = self.store().get(id);
        let kept = kept.ok_or_else(|| format!("#{id} is kept no longer"))?;
        let received = &kept.delivery.request;
        match what {
            CopyWhat::Payload => payload(id, &received.body),
            CopyWhat::Headers => Ok(fields(&received.headers)),
            CopyWhat::Response => response(&kept, attempt),
            _ => {
                let url = asked::url(&kept, None, &self.again.policy());
                let command = curl::command(received, &url);
                // A shell that it is pasted into would run it at the line's end.
                Ok(command.trim_end_matches('\n').to_owned())
            }
        }
    }
}

const fn name(what: CopyWhat) -> &'static str {
    match what {
        CopyWhat::Curl => "the curl command",
        CopyWhat::Payload => "the payload",
        CopyWhat::Value => "the value",
        CopyWhat::Path => "the path",
        CopyWhat::Headers => "the headers",
        CopyWhat::Response => "the response",
        CopyWhat::Id => "the id",
        CopyWhat::Url => "the URL",
        CopyWhat::PublicUrl => "the public URL",
    }
}

fn payload(id: u64, body: &[u8]) -> Result<String, String> {
    if body.is_empty() {
        return Err(format!("the payload of #{id} is empty"));
    }
    let text = as_text(body).map(str::to_owned);
    text.ok_or_else(|| format!("the payload of #{id} is not text: x exports it"))
}

fn fields(headers: &Headers) -> String {
    let mut out = String::with_capacity(headers.as_bytes().len());
    for (name, value) in headers.iter() {
        for part in [name, ": ", &value_text(value), "\n"] {
            out.push_str(part);
        }
    }
    out
}

/// Status, headers, and as much of the body as is kept.
fn response(kept: &Kept, attempt: Option<u32>) -> Result<String, String> {
    let id = kept.delivery.id;
    let meant = match attempt {
        Some(n) => kept
            .attempts
            .iter()
            .map(|attempt| &**attempt)
            .find(|attempt| attempt.n == n),
        None => kept.newest(),
    };
    let meant = meant.ok_or_else(|| format!("no app was asked about #{id} yet"))?;
    let answer = match &meant.outcome {
        Outcome::Answered(answer) => answer,
        Outcome::Failed(failure) => {
            return Err(format!("there is no response: {}", failure.message));
        }
    };
    let body = as_text(&answer.body)
        .ok_or_else(|| "the body of the response is not text: x exports it".to_owned())?;
    let head = fields(&answer.headers);
    Ok(format!("HTTP/1.1 {}\n{head}\n{body}", answer.status))
}

fn remark(what: &str, text: &str, copied: Copied, doubt: Option<&str>) -> Msg {
    let bytes = size(text.len() as u64);
    if copied.to.is_empty() {
        let most = size((MOST_FOR_TERMINAL / 4 * 3) as u64);
        return Msg::Copied(
            Said::bad(format!(
                "cannot copy {what}: {bytes} are too many for the terminal, which takes {most}, and no program of the system's clipboard works"
            )),
            None,
        );
    }
    let to = copied.to.join(" and ");
    let done = format!("Copied {what}, {bytes}, to {to}");
    let said = match doubt {
        None => Said::fine(done),
        Some(doubt) => Said::bad(format!("{done}, but {doubt}")),
    };
    Msg::Copied(said, copied.to_terminal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::work::test_bench::Bench;

    #[tokio::test]
    async fn what_is_copied_is_the_original() {
        let bench = Bench::new().await;
        let id = bench.kept("{\"a\":\"\u{202e}b\"}\r\n".as_bytes()).await;
        let text = |what| bench.worker.text_of(id, what, None, None);
        assert_eq!(text(CopyWhat::Id).unwrap(), "1");
        assert_eq!(text(CopyWhat::Url).unwrap(), bench.url());
        assert!(text(CopyWhat::PublicUrl).is_err());
        bench.worker.store().tell_tunnel(Tunnel {
            relay: "https://hooks.example.com".into(),
            public_url: Some("https://shop.hooks.example.com".into()),
            phase: Phase::Connecting,
            since: jiff::Timestamp::UNIX_EPOCH,
        });
        let public = text(CopyWhat::PublicUrl).unwrap();
        assert_eq!(public, "https://shop.hooks.example.com");
        assert_eq!(bench.worker.doubt(CopyWhat::PublicUrl), None);
        bench.worker.store().tell_tunnel(Tunnel {
            phase: Phase::Refused {
                code: "taken_over".into(),
                reason: "ada@laptop has taken the name over".into(),
                hint: String::new(),
                next_at: None,
            },
            ..(*bench.worker.store().tunnel().unwrap()).clone()
        });
        let doubt = bench.worker.doubt(CopyWhat::PublicUrl).unwrap();
        assert!(doubt.contains("--takeover"), "{doubt}");
        assert_eq!(bench.worker.doubt(CopyWhat::Url), None);
        assert_eq!(
            text(CopyWhat::Payload).unwrap(),
            "{\"a\":\"\u{202e}b\"}\r\n"
        );
        assert_eq!(
            text(CopyWhat::Headers).unwrap(),
            "content-type: application/json\nx-tab: a\tb\n"
        );
        let curl = text(CopyWhat::Curl).unwrap();
        let target = format!("--url '{}hook'", bench.target());
        assert!(curl.contains(&target) && !curl.ends_with('\n'), "{curl}");
        assert_eq!(
            text(CopyWhat::Response).unwrap_err(),
            "no app was asked about #1 yet"
        );
        assert!(text(CopyWhat::Value).is_err());
        let value = bench
            .worker
            .text_of(id, CopyWhat::Value, None, Some("\"x\"".into()));
        assert_eq!(value.unwrap(), "\"x\"");
    }

    #[tokio::test]
    async fn the_response_is_that_of_the_attempt_that_is_meant() {
        let bench = Bench::new().await;
        let id = bench.kept(b"{}").await;
        bench.app.answer(500, "oh no");
        bench.worker.again().replay(id, None).await.unwrap();
        bench.app.answer(200, "fine");
        bench.worker.again().replay(id, None).await.unwrap();
        let text = |attempt| bench.worker.text_of(id, CopyWhat::Response, attempt, None);
        let first = text(Some(1)).unwrap();
        assert!(
            first.starts_with("HTTP/1.1 500\n") && first.ends_with("\n\noh no"),
            "{first}"
        );
        assert!(text(None).unwrap().ends_with("\n\nfine"));
        assert_eq!(text(None), text(Some(2)));
    }

    #[tokio::test]
    async fn what_is_no_text_is_refused_with_a_way_out() {
        let bench = Bench::new().await;
        for (body, why) in [
            (&b""[..], "the payload of #1 is empty"),
            (b"\xff", "the payload of #2 is not text: x exports it"),
            (b"a\0", "the payload of #3 is not text: x exports it"),
        ] {
            let id = bench.kept(body).await;
            let text = bench.worker.text_of(id, CopyWhat::Payload, None, None);
            assert_eq!(text.unwrap_err(), why);
        }
        let gone = bench.worker.text_of(9, CopyWhat::Curl, None, None);
        assert_eq!(gone.unwrap_err(), "#9 is kept no longer");
    }
}
