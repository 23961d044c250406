//! Webhooks that are at Cakemail for as long as the listener runs.

use serde::Serialize;

use super::Object;
use crate::delivery::Registration;

/// See [`Object::Registered`].
#[derive(Debug, Serialize)]
pub struct RegistrationObject<'a> {
    event: &'a str,
    id: &'a str,
    url: &'a str,
    reused: bool,
}

impl<'a> From<&'a Registration> for RegistrationObject<'a> {
    fn from(registration: &'a Registration) -> Self {
        Self {
            event: &registration.event,
            id: &registration.id,
            url: &registration.url,
            reused: registration.is_reused,
        }
    }
}

impl<'a> Object<'a> {
    /// A webhook was made, or is sent elsewhere now.
    pub fn registered(registration: &'a Registration) -> Self {
        Self::Registered(registration.into())
    }

    /// A webhook that was made is archived.
    pub fn archived(registration: &'a Registration) -> Self {
        Self::Archived(registration.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_said_with_its_event_id_and_url() {
        let registration = Registration {
            event: "Email.Opened".into(),
            id: "X1qRXqz1upM9".into(),
            url: "https://shop.hooks.example.com".into(),
            is_reused: false,
            flags: Box::default(),
        };
        let mut lines = Vec::new();
        Object::registered(&registration)
            .write_line(&mut lines)
            .unwrap();
        Object::archived(&registration)
            .write_line(&mut lines)
            .unwrap();
        // The lines of the example in docs/json.md.
        let expected = concat!(
            r#"{"type":"registered","event":"Email.Opened","id":"X1qRXqz1upM9","url":"https://shop.hooks.example.com","reused":false}"#,
            "\n",
            r#"{"type":"archived","event":"Email.Opened","id":"X1qRXqz1upM9","url":"https://shop.hooks.example.com","reused":false}"#,
            "\n",
        );
        assert_eq!(std::str::from_utf8(&lines).unwrap(), expected);
    }
}
