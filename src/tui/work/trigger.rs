//! Sending a sample of an event.

use super::Worker;
use crate::capture::trigger::own;
use crate::capture::trigger::send::Sent;
use crate::delivery::words::took;
use crate::tui::msg::{Msg, Said};

impl Worker {
    /// Sends a signed sample to the door that Cakemail uses, see [`own::send`].
    pub(super) fn trigger(&self, event: &'static str) {
        let this = self.clone();
        self.runtime.spawn(async move {
            match own::send(&this.again, &this.url, event).await {
                Err(why) => this.say(Said::bad(why)),
                Ok((id, sent)) => {
                    if let Some(id) = id {
                        this.tell(Msg::Select(id));
                    }
                    this.say(remark(sent.event.as_deref().unwrap_or(event), id, &sent));
                }
            }
        });
    }
}

fn remark(event: &str, id: Option<u64>, sent: &Sent) -> Said {
    let what = match id {
        Some(id) => format!("Sent {event} as #{id}"),
        None => format!("Sent {event}"),
    };
    match &sent.answer {
        Ok(answer) => Said {
            text: format!("{what}: answered {} in {}", answer.status, took(sent.took)),
            bad: answer.status >= 400,
        },
        Err(failure) => Said::bad(format!("cannot send {event}: {}", failure.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::work::test_bench::{Bench, said};

    #[tokio::test]
    async fn a_sample_comes_in_as_any_other() {
        let mut bench = Bench::new().await;
        for (forwards, status) in [(true, 200), (false, 200)] {
            if !forwards {
                bench = Bench::without_target().await;
            }
            bench.worker.trigger("email.opened");
            let Msg::Select(id) = bench.next().await else {
                panic!("it is not selected");
            };
            let (text, bad) = said(bench.next().await);
            let begin = format!("Sent email.opened as #{id}: answered {status} in ");
            assert!(text.starts_with(&begin) && !bad, "{text}");
            let kept = bench.worker.store().get(id).unwrap();
            assert_eq!(kept.delivery.request.event.as_deref(), Some("email.opened"));
            assert!(kept.delivery.request.verdict.is_valid());
            assert_eq!(kept.attempts.len(), usize::from(forwards));
        }
    }
}
