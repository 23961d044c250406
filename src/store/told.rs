//! What the listener tells of beside deliveries: its tunnel, and the webhooks that were made
//! for it.

use std::sync::Arc;

use super::Store;
use crate::delivery::{Notice, Registration, Tunnel};

impl Store {
    /// Remembers and publishes how the tunnel is doing.
    pub fn tell_tunnel(&self, tunnel: Tunnel) {
        let tunnel = Arc::new(tunnel);
        let mut state = self.state();
        state.tunnel = Some(Arc::clone(&tunnel));
        self.publish(|| Notice::Tunnel(tunnel));
    }

    /// How the tunnel is doing; `None` where there is none.
    pub fn tunnel(&self) -> Option<Arc<Tunnel>> {
        self.state().tunnel.clone()
    }

    /// Remembers and publishes a webhook that was made for this listener, or one that is sent
    /// elsewhere from now on.
    pub fn tell_registered(&self, registration: Registration) {
        let registration = Arc::new(registration);
        let mut state = self.state();
        let mut all: Vec<_> = state.registrations.to_vec();
        match all.iter_mut().find(|known| known.id == registration.id) {
            Some(known) => *known = Arc::clone(&registration),
            None => all.push(Arc::clone(&registration)),
        }
        state.registrations = all.into();
        self.publish(|| Notice::Registered(registration));
    }

    /// Forgets a webhook that is archived, and publishes that.
    pub fn tell_archived(&self, id: &str) {
        let mut state = self.state();
        let (gone, rest): (Vec<_>, Vec<_>) =
            (state.registrations.iter().cloned()).partition(|known| *known.id == *id);
        state.registrations = rest.into();
        for registration in gone {
            self.publish(|| Notice::Archived(registration));
        }
    }

    /// The webhooks that are there for this listener.
    pub fn registrations(&self) -> Arc<[Arc<Registration>]> {
        Arc::clone(&self.state().registrations)
    }
}
