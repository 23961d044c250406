//! What a value is, by the name that stands before it.

/// What is expected of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// Nothing: what it looks like decides.
    Text,
    /// A word of the protocol, such as an event's name: people's names are not looked for.
    Word,
    /// The path of a URL, which an app has its routes by: only people's names are looked for.
    Path,
    /// A browser's name, with versions in it that look like addresses.
    UserAgent,
    /// An e-mail address, perhaps with a name.
    Mail,
    /// An e-mail address where there is an `@` in it, and else anything.
    MaybeMail,
    /// A person's name.
    Name,
    /// The name of a person or a thing.
    AnyName,
    /// A telephone number.
    Phone,
    /// Something that lets whoever has it in.
    Token,
}

/// Parts of the names of what lets whoever has it in.
const TOKENS: [&str; 15] = [
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "accesskey",
    "privatekey",
    "authorization",
    "credential",
    "signature",
    "session",
    "cookie",
    "csrf",
    "jwt",
];

/// Parts of the names of people's names.
const NAMES: [&str; 12] = [
    "firstname",
    "lastname",
    "middlename",
    "fullname",
    "givenname",
    "familyname",
    "surname",
    "displayname",
    "nickname",
    "username",
    "sendername",
    "contactname",
];

impl Context {
    /// By a member's name or a field's, in any spelling.
    pub(super) fn of(name: &str) -> Self {
        let name: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        match &*name {
            "event" | "type" | "status" | "object" | "action" | "method" | "timestamp"
            | "bouncetype" | "contenttype" | "accept" | "acceptencoding" | "acceptlanguage"
            | "envelope" => Self::Word,
            "useragent" | "ua" => Self::UserAgent,
            "name" | "names" | "title" => Self::AnyName,
            "fromname" | "toname" | "recipientname" | "customername" | "ownername" | "author"
            | "login" => Self::Name,
            "email" | "emails" | "emailaddress" | "emailaddresses" | "mail" | "recipient"
            | "recipients" => Self::Mail,
            "from" | "to" | "cc" | "bcc" | "replyto" | "sender" | "contact" | "user" => {
                Self::MaybeMail
            }
            "tel" | "fax" | "cell" => Self::Phone,
            "pin" | "otp" | "pwd" => Self::Token,
            name if NAMES.iter().any(|part| name.contains(part)) => Self::Name,
            name if name.ends_with("email") || name.ends_with("emailaddress") => Self::Mail,
            name if name.contains("phone") || name.contains("mobile") => Self::Phone,
            name if TOKENS.iter().any(|part| name.contains(part)) => Self::Token,
            _ => Self::Text,
        }
    }

    /// Of the values in an object or a list of that context, where they have none of their own.
    pub(super) const fn inside(self, is_list: bool) -> Self {
        match self {
            Self::Mail | Self::MaybeMail | Self::Word | Self::AnyName if !is_list => Self::Text,
            other => other,
        }
    }

    /// Of a value with this context of its own, in one with that.
    pub(super) fn or(self, outer: Self) -> Self {
        if self == Self::Text { outer } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_every_spelling() {
        for (name, context) in [
            ("email", Context::Mail),
            ("E-Mail", Context::Mail),
            ("contact_email", Context::Mail),
            ("email_id", Context::Text),
            ("First Name", Context::Name),
            ("user.firstName", Context::Name),
            ("name", Context::AnyName),
            ("filename", Context::Text),
            ("X-Api-Key", Context::Token),
            ("access_token", Context::Token),
            ("user_agent", Context::UserAgent),
            ("phone_number", Context::Phone),
            ("event", Context::Word),
            ("data", Context::Text),
        ] {
            assert_eq!(Context::of(name), context, "{name}");
        }
    }
}
