//! Sample payloads as Cakemail would send them, filled in from a seed.

use jiff::Timestamp;

/// The templates, one file an event, in the manual's envelope.
const TEMPLATES: &[(&str, &str)] = &[
    (
        "email.sent",
        include_str!("../../assets/events/email.sent.json"),
    ),
    (
        "email.opened",
        include_str!("../../assets/events/email.opened.json"),
    ),
    (
        "email.clicked",
        include_str!("../../assets/events/email.clicked.json"),
    ),
    (
        "email.bounced",
        include_str!("../../assets/events/email.bounced.json"),
    ),
    (
        "email.unsubscribed",
        include_str!("../../assets/events/email.unsubscribed.json"),
    ),
    (
        "email.spam_complaint",
        include_str!("../../assets/events/email.spam_complaint.json"),
    ),
    (
        "campaign.sent",
        include_str!("../../assets/events/campaign.sent.json"),
    ),
    (
        "campaign.scheduled",
        include_str!("../../assets/events/campaign.scheduled.json"),
    ),
    (
        "campaign.cancelled",
        include_str!("../../assets/events/campaign.cancelled.json"),
    ),
];

/// The events that there is a sample for.
pub fn events() -> impl ExactSizeIterator<Item = &'static str> {
    TEMPLATES.iter().map(|(event, _)| *event)
}

/// The body of a sample delivery: the same bytes for the same event, seed and time.
/// `None` for an event that has no template.
pub fn body(event: &str, seed: u64, now: Timestamp) -> Option<Vec<u8>> {
    let (_, template) = TEMPLATES.iter().find(|(name, _)| *name == event)?;
    let mut random = SplitMix(seed);
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template.trim_end();
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((field, after)) = after.split_once("}}") else {
            break;
        };
        out.push_str(&fill(field, &mut random, now));
        rest = after;
    }
    out.push_str(rest);
    Some(out.into_bytes())
}

fn fill(field: &str, random: &mut SplitMix, now: Timestamp) -> String {
    const NAMES: [&str; 8] = [
        "amal", "bea", "chen", "dora", "emil", "farah", "gil", "hana",
    ];
    match field {
        "now" => now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "campaign_id" => (700 + random.below(300)).to_string(),
        "contact_id" => (1_000 + random.below(9_000)).to_string(),
        "list_id" => (10 + random.below(90)).to_string(),
        "count" => (200 + random.below(20_000)).to_string(),
        "message_id" => format!("msg_{:012x}", random.below(1 << 48)),
        // Networks that are set aside for documentation (RFC 5737, RFC 2606).
        "ip" => format!("203.0.113.{}", 1 + random.below(254)),
        "email" => format!(
            "{}{}@example.com",
            NAMES[usize::try_from(random.below(8)).unwrap_or(0)],
            random.below(100)
        ),
        other => format!("{{{{{other}}}}}"),
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): enough to vary samples, and the same
/// everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cakemail::event::name_in;

    #[test]
    fn every_sample_is_json_of_its_event_and_the_same_for_the_same_seed() {
        let now = Timestamp::from_second(1_764_000_000).unwrap();
        for event in events() {
            let made = body(event, 7, now).unwrap();
            assert!(
                serde_json::from_slice::<serde_json::Value>(&made).is_ok(),
                "{event}"
            );
            assert!(!String::from_utf8_lossy(&made).contains("{{"), "{event}");
            assert_eq!(name_in(&made).as_deref(), Some(event));
            assert_eq!(body(event, 7, now).unwrap(), made);
        }
        assert_eq!(body("email.nonsense", 7, now), None);
        assert_ne!(body("email.sent", 7, now), body("email.sent", 8, now));
    }
}
