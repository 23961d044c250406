//! Where agents are: which connections have which name.
//!
//! A name is taken before the connection's upgrade is granted, so that there is one answer
//! to who has it: a [`Seat`] holds it meanwhile.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use super::carrier::Carrier;
use super::tokens::OwnerId;
use crate::config::Claim;
use crate::link::{Farewell, Pulse};

/// Agents that may share a name: each gets a copy of every delivery.
const SHARERS: usize = 16;

/// Who asks for a name.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    /// The token's; `None` for an agent without one.
    pub(super) owner: Option<OwnerId>,
    /// The agent's own random number.
    pub(super) instance: Box<str>,
    /// For people.
    pub(super) holder: Box<str>,
    pub(super) claim: Claim,
}

/// A connection of an agent.
#[derive(Debug)]
pub(super) struct Link {
    id: u64,
    pub(super) asker: Asker,
    pub(super) carrier: Carrier,
    pub(super) pulse: Pulse,
}

#[derive(Debug)]
struct Taken {
    id: u64,
    asker: Asker,
    since: Timestamp,
    // `None` while its upgrade is under way.
    link: Option<Arc<Link>>,
}

#[derive(Debug, Default)]
struct Name {
    taken: Vec<Taken>,
    // Whether somebody sees to what waits for it.
    is_drained: bool,
}

/// Somebody else has the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) holder: Box<str>,
    pub(super) since: Timestamp,
    pub(super) shares: bool,
}

/// Where agents are; clones are handles on the same.
#[derive(Debug, Clone)]
pub(super) struct Agents(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    names: Mutex<HashMap<Box<str>, Name>>,
    next: AtomicU64,
    // How many there are.
    count: watch::Sender<usize>,
}

/// A name that is taken for a connection.
#[derive(Debug)]
pub(super) struct Seat {
    agents: Agents,
    name: Box<str>,
    id: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut names = self.agents.names();
        if let Some(name) = names.get_mut(&self.name) {
            name.taken.retain(|taken| taken.id != self.id);
            if name.taken.is_empty() && !name.is_drained {
                names.remove(&self.name);
            }
        }
        self.agents.recount(&names);
    }
}

impl Default for Agents {
    fn default() -> Self {
        Self(Arc::new(Shared {
            names: Mutex::default(),
            next: AtomicU64::new(1),
            count: watch::Sender::new(0),
        }))
    }
}

impl Agents {
    fn names(&self) -> MutexGuard<'_, HashMap<Box<str>, Name>> {
        self.0.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn recount(&self, names: &HashMap<Box<str>, Name>) {
        let count = names.values().map(|name| name.taken.len()).sum();
        self.0.count.send_replace(count);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        *self.0.count.borrow()
    }

    /// Waits until there is none.
    pub(super) async fn gone(&self) {
        let mut count = self.0.count.subscribe();
        let _ = count.wait_for(|count| *count == 0).await;
    }

    /// Takes a name. An agent takes the place of its own connection before; what else it
    /// takes is told so.
    pub(super) fn take(&self, name: &str, asker: Asker) -> Result<Seat, Held> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let mut names = self.names();
        let entry = names.entry(name.into()).or_default();
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut entry.taken)
            .into_iter()
            .partition(|taken| taken.asker.instance == asker.instance);
        let all_share = others.iter().all(|taken| taken.asker.claim == Claim::Share);
        let may = match asker.claim {
            Claim::Exclusive => others.is_empty(),
            Claim::Share => all_share && others.len() < SHARERS,
            Claim::Takeover => true,
        };
        if let Some(first) = others.first().filter(|_| !may) {
            let held = Held {
                holder: first.asker.holder.clone(),
                since: first.since,
                shares: all_share,
            };
            entry.taken = own.into_iter().chain(others).collect();
            return Err(held);
        }
        let again = Farewell::new(Farewell::GOING_AWAY, "this agent has connected again");
        close(own.iter(), &again);
        if asker.claim == Claim::Takeover {
            let words = format!("{} has taken the name over", asker.holder);
            close(others.iter(), &Farewell::new(Farewell::TAKEN_OVER, words));
        } else {
            entry.taken = others;
        }
        entry.taken.push(Taken {
            id,
            asker,
            since: Timestamp::now(),
            link: None,
        });
        self.recount(&names);
        drop(names);
        Ok(Seat {
            agents: self.clone(),
            name: name.into(),
            id,
        })
    }

    /// The connections of a name that take deliveries, the first that came first; none where
    /// nobody is there.
    pub(super) fn of(&self, name: &str) -> Vec<Arc<Link>> {
        let names = self.names();
        let taken = names.get(name).map_or(&[][..], |name| &name.taken[..]);
        let links = taken.iter().filter_map(|taken| taken.link.clone());
        let is_open = |link: &Arc<Link>| !link.carrier.is_closed() && !link.carrier.is_leaving();
        links.filter(is_open).collect()
    }

    /// Whether somebody has it, or is about to.
    pub(super) fn has(&self, name: &str) -> bool {
        self.names()
            .get(name)
            .is_some_and(|name| !name.taken.is_empty())
    }

    /// Ends the connections for which there is a farewell.
    pub(super) fn close_where(&self, farewell: impl Fn(&str, &Asker) -> Option<Farewell>) {
        for (name, entry) in self.names().iter() {
            for taken in &entry.taken {
                if let Some(farewell) = farewell(name, &taken.asker) {
                    close(std::iter::once(taken), &farewell);
                }
            }
        }
    }

    /// Who sees to what waits for a name: `Some` for the first that asks, until it is done.
    pub(super) fn begin_drain(&self, name: &str) -> Option<Drained> {
        let mut names = self.names();
        let entry = names.entry(name.into()).or_default();
        if std::mem::replace(&mut entry.is_drained, true) {
            return None;
        }
        Some(Drained {
            agents: self.clone(),
            name: name.into(),
        })
    }
}

/// The right to see to what waits for a name.
#[derive(Debug)]
pub(super) struct Drained {
    agents: Agents,
    name: Box<str>,
}

impl Drop for Drained {
    fn drop(&mut self) {
        let mut names = self.agents.names();
        if let Some(name) = names.get_mut(&self.name) {
            name.is_drained = false;
            if name.taken.is_empty() {
                names.remove(&self.name);
            }
        }
    }
}

fn close<'a>(taken: impl Iterator<Item = &'a Taken>, farewell: &Farewell) {
    for link in taken.filter_map(|taken| taken.link.as_ref()) {
        link.pulse.close(farewell.clone());
    }
}

impl Seat {
    /// The connection is there.
    ///
    /// One whose seat has been taken meanwhile is told so and not let in.
    pub(super) fn fill(&self, carrier: Carrier, pulse: Pulse) -> Option<Arc<Link>> {
        let mut names = self.agents.names();
        let taken = names.get_mut(&self.name);
        let taken = taken.and_then(|name| name.taken.iter_mut().find(|taken| taken.id == self.id));
        let Some(taken) = taken else {
            pulse.close(Farewell::new(
                Farewell::TAKEN_OVER,
                "another agent has taken the name over",
            ));
            return None;
        };
        let link = Arc::new(Link {
            id: self.id,
            asker: taken.asker.clone(),
            carrier,
            pulse,
        });
        taken.link = Some(Arc::clone(&link));
        Some(link)
    }
}

impl Link {
    /// Among all connections of this relay's run.
    pub(super) const fn id(&self) -> u64 {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(instance: &str, claim: Claim) -> Asker {
        Asker {
            owner: None,
            instance: instance.into(),
            holder: format!("{instance}@host").into(),
            claim,
        }
    }

    #[test]
    fn one_agent_has_a_name_and_the_other_is_told_who() {
        let agents = Agents::default();
        let seat = agents.take("a", asker("one", Claim::Exclusive)).unwrap();
        let held = agents
            .take("a", asker("two", Claim::Exclusive))
            .unwrap_err();
        assert_eq!(&*held.holder, "one@host");
        assert!(agents.take("a", asker("two", Claim::Share)).is_err());
        assert!(agents.take("b", asker("two", Claim::Exclusive)).is_ok());
        assert_eq!(agents.count(), 1);
        drop(seat);
        assert_eq!(agents.count(), 0);
        assert!(agents.take("a", asker("two", Claim::Exclusive)).is_ok());
    }

    #[test]
    fn an_agent_takes_its_own_place() {
        let agents = Agents::default();
        let first = agents.take("a", asker("one", Claim::Exclusive)).unwrap();
        let second = agents.take("a", asker("one", Claim::Exclusive)).unwrap();
        assert_eq!(agents.count(), 1);
        drop(first);
        assert!(agents.has("a"), "the old seat takes nothing with it");
        drop(second);
        assert!(!agents.has("a"));
    }

    #[test]
    fn sharers_are_not_without_number() {
        let agents = Agents::default();
        let take = |n: usize| agents.take("a", asker(&n.to_string(), Claim::Share));
        let seats: Vec<_> = (0..SHARERS).map(|n| take(n).unwrap()).collect();
        assert!(take(SHARERS).unwrap_err().shares);
        assert_eq!(agents.count(), seats.len());
    }

    #[test]
    fn sharers_share_with_sharers() {
        let agents = Agents::default();
        let _one = agents.take("a", asker("one", Claim::Share)).unwrap();
        let _two = agents.take("a", asker("two", Claim::Share)).unwrap();
        let held = agents
            .take("a", asker("three", Claim::Exclusive))
            .unwrap_err();
        assert!(held.shares);
        let _three = agents.take("a", asker("three", Claim::Takeover)).unwrap();
        assert_eq!(agents.count(), 1);
    }
}
