//! Writes a line for each notice, and goes on where it was after a reader was slow.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::Style;
use super::human;
use crate::delivery::{Attempt, Delivery, Kept, Notice, Registration, Tunnel};
use crate::store::{Gap, Notices, Store};
use crate::wire::Object;

pub(super) struct Writer {
    pub(super) style: Style,
    pub(super) store: Store,
    pub(super) last_delivery: u64,
    // Attempts printed for each of the newest deliveries, to go on after a lag.
    pub(super) pending: HashMap<u64, u32>,
    // What was said of the tunnel last.
    pub(super) tunnel: Option<Arc<Tunnel>>,
    // The webhooks that were told of.
    pub(super) registered: Vec<Arc<Registration>>,
    // Lines so far.
    pub(super) written: Arc<AtomicU64>,
}

impl Writer {
    pub(super) fn run(
        &mut self,
        first: Option<Arc<Tunnel>>,
        registered: &[Arc<Registration>],
        mut notices: Notices,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if let Some(tunnel) = first {
            self.tunnel(&mut out, &tunnel)?;
        }
        self.registrations(&mut out, registered)?;
        out.flush()?;
        drop(out);
        loop {
            let mut next = notices.wait().map(Some);
            let mut out = io::BufWriter::new(io::stdout().lock());
            // What else is there already goes out with the same write.
            loop {
                match next {
                    Ok(None) => break,
                    Ok(Some(Notice::End)) => return out.flush(),
                    Ok(Some(notice)) => self.print(&mut out, &notice)?,
                    Err(Gap) => {
                        let (snapshot, again) = self.store.subscribe();
                        notices = again;
                        let ended = snapshot.ended;
                        if let Some(tunnel) = &snapshot.tunnel {
                            self.tunnel(&mut out, tunnel)?;
                        }
                        self.registrations(&mut out, &snapshot.registrations)?;
                        self.catch_up(&mut out, &Remembered::of(snapshot.kept))?;
                        if ended {
                            return out.flush();
                        }
                    }
                }
                next = notices.look();
            }
            out.flush()?;
        }
    }

    /// Prints what came between the last notice and the snapshot.
    fn catch_up(&mut self, out: &mut impl Write, kept: &[Remembered]) -> io::Result<()> {
        let oldest_open = self.pending.keys().min().copied().unwrap_or(u64::MAX);
        let from = kept.partition_point(|k| k.id < oldest_open.min(self.last_delivery + 1));
        for Remembered {
            id,
            delivery,
            attempts,
        } in &kept[from..]
        {
            if *id > self.last_delivery
                && let Some(delivery) = delivery.upgrade().or_else(|| self.kept(*id))
            {
                self.delivery(out, &delivery)?;
            }
            let printed = self.pending.get(id).copied().unwrap_or(0);
            for attempt in attempts.iter().filter_map(Weak::upgrade) {
                if attempt.n > printed {
                    self.attempt(out, &attempt)?;
                }
            }
        }
        Ok(())
    }

    /// The delivery as it is now: with a new verdict it is another one in memory.
    fn kept(&self, id: u64) -> Option<Arc<Delivery>> {
        self.store.get(id).map(|kept| kept.delivery)
    }

    pub(super) fn print(&mut self, out: &mut impl Write, notice: &Notice) -> io::Result<()> {
        match notice {
            Notice::Delivery(delivery) => self.delivery(out, delivery),
            Notice::Attempt(attempt) => self.attempt(out, attempt),
            Notice::Answered(answer) => match &mut self.style {
                Style::Json => json(out, &Object::from(&**answer)),
                Style::Human(human) => human.own_answer(out, answer),
            },
            Notice::Refused(refusal) => match &mut self.style {
                Style::Json => json(out, &Object::from(&**refusal)),
                Style::Human(human) => human.refusal(out, refusal),
            },
            Notice::Judged(delivery) => match &mut self.style {
                Style::Json => json(out, &Object::verdict_of(delivery)),
                Style::Human(human) => human.judged(out, delivery),
            },
            Notice::Deleted(ids) => match &mut self.style {
                Style::Json => json(out, &Object::Deleted { ids }),
                Style::Human(human) => human.deleted(out, ids),
            },
            Notice::Marked { delivery, marked } => match &mut self.style {
                Style::Json => {
                    let (delivery, marked) = (*delivery, *marked);
                    json(out, &Object::Marked { delivery, marked })
                }
                // Nothing that is worth a line to people.
                Style::Human(_) => Ok(()),
            },
            Notice::Repeated { delivery, times } => match &mut self.style {
                Style::Json => {
                    let (delivery, times) = (*delivery, *times);
                    json(out, &Object::Repeated { delivery, times })
                }
                Style::Human(human) => human.repeated(out, *delivery),
            },
            Notice::Warning(warning) => match &mut self.style {
                Style::Json => json(out, &Object::from(&**warning)),
                Style::Human(_) => {
                    out.flush()?;
                    let mut err = io::stderr().lock();
                    let _ = human::warning(&mut err, warning);
                    Ok(())
                }
            },
            Notice::Tunnel(tunnel) => self.tunnel(out, tunnel),
            Notice::Registered(one) => self.registered(out, one),
            Notice::Archived(one) => self.archived(out, one),
            Notice::End => Ok(()),
        }
    }

    /// Programs are told each change but that of the round-trip time. People are not told
    /// each try of the same that fails.
    fn tunnel(&mut self, out: &mut impl Write, tunnel: &Arc<Tunnel>) -> io::Result<()> {
        let before = self.tunnel.replace(Arc::clone(tunnel));
        match &mut self.style {
            Style::Json if tunnel.is_news_after(before.as_deref()) => {
                json(out, &Object::from(&**tunnel))
            }
            Style::Human(human) if is_news(tunnel, before.as_deref()) => human.tunnel(out, tunnel),
            Style::Json | Style::Human(_) => Ok(()),
        }
    }

    /// Tells what is new of the webhooks, which are these now.
    fn registrations(&mut self, out: &mut impl Write, now: &[Arc<Registration>]) -> io::Result<()> {
        let is_gone = |one: &Arc<Registration>| now.iter().all(|other| other.id != one.id);
        let gone: Vec<_> = (self.registered.iter())
            .filter(|one| is_gone(one))
            .cloned()
            .collect();
        for one in &gone {
            self.archived(out, one)?;
        }
        now.iter().try_for_each(|one| self.registered(out, one))
    }

    fn registered(&mut self, out: &mut impl Write, one: &Arc<Registration>) -> io::Result<()> {
        if self.registered.contains(one) {
            return Ok(());
        }
        self.registered.retain(|known| known.id != one.id);
        self.registered.push(Arc::clone(one));
        match &mut self.style {
            Style::Json => json(out, &Object::registered(one)),
            Style::Human(human) => human.registered(out, one),
        }
    }

    fn archived(&mut self, out: &mut impl Write, one: &Arc<Registration>) -> io::Result<()> {
        self.registered.retain(|known| known.id != one.id);
        match &mut self.style {
            Style::Json => json(out, &Object::archived(one)),
            // People are told once how many, at the end.
            Style::Human(_) => Ok(()),
        }
    }

    fn delivery(&mut self, out: &mut impl Write, delivery: &Arc<Delivery>) -> io::Result<()> {
        // Deliveries that are never forwarded would gather here.
        const REMEMBERED: usize = 1 << 16;
        self.written.fetch_add(1, Ordering::Relaxed);
        self.last_delivery = delivery.id;
        if self.pending.len() >= REMEMBERED {
            let before = delivery.id.saturating_sub(REMEMBERED as u64 / 2);
            self.pending.retain(|id, _| *id >= before);
        }
        self.pending.insert(delivery.id, 0);
        match &mut self.style {
            Style::Json => json(out, &Object::from(&**delivery)),
            Style::Human(human) => human.delivery(out, delivery),
        }
    }

    fn attempt(&mut self, out: &mut impl Write, attempt: &Arc<Attempt>) -> io::Result<()> {
        self.written.fetch_add(1, Ordering::Relaxed);
        self.pending.insert(attempt.delivery, attempt.n);
        match &mut self.style {
            Style::Json => json(out, &Object::from(&**attempt)),
            Style::Human(human) => {
                let delivery = self.store.get(attempt.delivery).map(|kept| kept.delivery);
                human.attempt(out, attempt, delivery.as_deref(), &self.registered)
            }
        }
    }
}

/// Whether people have not read the same already.
fn is_news(tunnel: &Tunnel, before: Option<&Tunnel>) -> bool {
    let news = tunnel.is_news_after(before);
    let (now, then) = (tunnel.phase.trouble(), before.map(|b| b.phase.trouble()));
    news && (now.is_none() || then != Some(now))
}

/// What was kept when a snapshot was taken. Printing it takes as long as the reader likes;
/// it must not keep in memory what the ring drops meanwhile.
struct Remembered {
    id: u64,
    delivery: Weak<Delivery>,
    attempts: Vec<Weak<Attempt>>,
}

impl Remembered {
    fn of(kept: Vec<Kept>) -> Vec<Self> {
        let of = |kept: Kept| Self {
            id: kept.delivery.id,
            delivery: Arc::downgrade(&kept.delivery),
            attempts: kept.attempts.iter().map(Arc::downgrade).collect(),
        };
        kept.into_iter().map(of).collect()
    }
}

fn json(out: &mut impl Write, object: &Object<'_>) -> io::Result<()> {
    object.write_line(out)
}
