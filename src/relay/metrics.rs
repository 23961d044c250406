//! What is counted, for Prometheus.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::StatusCode;
use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::watch;

use super::answer::Reason;

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    /// `answered` by an app, or the relay's own reason.
    outcome: String,
    /// `2xx` and so on.
    status: &'static str,
}

#[derive(Debug, Clone, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

/// No labels: of what there may be none at all.
type Bare = [(&'static str, &'static str); 0];

/// The counters. Nothing in them names a tunnel: a name is half of a secret.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    deliveries: Family<Outcome, Counter>,
    seconds: Histogram,
    bytes: Counter,
    refused_requests: Family<Why, Counter>,
    refused_agents: Family<Why, Counter>,
    queued: Counter,
    handed: Counter,
    agents: Gauge,
    waiting: Gauge,
    waiting_bytes: Gauge,
    expired: Counter,
    certificate: Family<Bare, Gauge>,
    connections: Gauge,
    in_flight: Arc<watch::Sender<usize>>,
    in_flight_gauge: Gauge,
}

/// A delivery that is under way, until this is dropped.
#[derive(Debug)]
pub(super) struct InFlight(Arc<watch::Sender<usize>>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Metrics {
    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("cmhook_relay");
        let deliveries = Family::default();
        let help = "Deliveries by what came of them";
        registry.register("deliveries", help, deliveries.clone());
        let seconds = Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let help = "From the head of a delivery to that of its answer";
        registry.register_with_unit("delivery", help, Unit::Seconds, seconds.clone());
        let mut counter = |name: &str, help: &str| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        };
        let bytes = counter("delivered_bytes", "Bytes of the bodies of deliveries");
        let queued = counter(
            "queued",
            "Deliveries that were kept for an agent that was not there",
        );
        let handed = counter("handed_on", "Deliveries that had waited and were handed on");
        let expired = counter("expired", "Deliveries that waited for too long");
        let mut family = |name: &str, help: &str| {
            let family = Family::<Why, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let refused_requests = family("refused_requests", "Requests that became no delivery");
        let refused_agents = family("refused_agents", "Agents that were not let in");
        let mut gauge = |name: &str, help: &str| {
            let gauge = Gauge::default();
            registry.register(name, help, gauge.clone());
            gauge
        };
        let agents = gauge("agents", "Agents that are connected");
        let waiting = gauge("waiting", "Deliveries that wait for an agent");
        let waiting_bytes = gauge("waiting_bytes", "Their bytes");
        let connections = gauge("connections", "Connections to the public side");
        let in_flight_gauge = gauge("in_flight", "Deliveries that are under way");
        let certificate = Family::default();
        let help = "Until when the certificate is good, in seconds since 1970";
        registry.register_with_unit(
            "certificate_expiry_timestamp",
            help,
            Unit::Seconds,
            certificate.clone(),
        );
        Self {
            registry,
            deliveries,
            seconds,
            bytes,
            refused_requests,
            refused_agents,
            queued,
            handed,
            agents,
            waiting,
            waiting_bytes,
            expired,
            certificate,
            connections,
            in_flight: Arc::new(watch::Sender::new(0)),
            in_flight_gauge,
        }
    }

    /// A delivery begins.
    pub(super) fn fly(&self) -> InFlight {
        self.in_flight.send_modify(|count| *count += 1);
        InFlight(Arc::clone(&self.in_flight))
    }

    /// Waits until no delivery is under way.
    pub(super) async fn landed(&self) {
        let mut count = self.in_flight.subscribe();
        let _ = count.wait_for(|count| *count == 0).await;
    }

    pub(super) fn delivered(
        &self,
        status: StatusCode,
        reason: Option<&str>,
        took: Duration,
        bytes: usize,
    ) {
        let status = match status.as_u16() / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        let outcome = Outcome {
            outcome: reason.unwrap_or("answered").to_owned(),
            status,
        };
        self.deliveries.get_or_create(&outcome).inc();
        self.seconds.observe(took.as_secs_f64());
        self.bytes.inc_by(bytes as u64);
    }

    pub(super) fn turned_away(&self, reason: Reason) {
        let reason = reason.code();
        self.refused_requests.get_or_create(&Why { reason }).inc();
    }

    pub(super) fn refused_agent(&self, reason: Reason) {
        let reason = reason.code();
        self.refused_agents.get_or_create(&Why { reason }).inc();
    }

    pub(super) fn queued(&self) {
        self.queued.inc();
    }

    pub(super) fn handed(&self, count: u64) {
        self.handed.inc_by(count);
    }

    /// All of it as text; what is not counted as it happens is told now.
    pub(super) fn text(&self, now: &Now) -> String {
        self.agents.set(signed(now.agents as u64));
        self.waiting.set(signed(now.waiting));
        self.waiting_bytes.set(signed(now.waiting_bytes));
        self.expired.inner().store(now.expired, Ordering::Relaxed);
        if let Some(until) = now.certificate_until {
            self.certificate.get_or_create(&[]).set(until.as_second());
        }
        self.connections.set(signed(now.connections as u64));
        let in_flight = *self.in_flight.borrow();
        self.in_flight_gauge.set(signed(in_flight as u64));
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// What is known at one moment.
#[derive(Debug, Default)]
pub(super) struct Now {
    pub(super) agents: usize,
    pub(super) waiting: u64,
    pub(super) waiting_bytes: u64,
    pub(super) expired: u64,
    pub(super) certificate_until: Option<Timestamp>,
    pub(super) connections: usize,
}

/// For the log: a number with three decimals at most.
pub(super) fn millis(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
