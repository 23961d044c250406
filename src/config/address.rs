//! Where cmhook itself listens.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::ConfigError;

/// An address of the flag `name`, whose usual port is `usual`.
///
/// # Errors
/// Where it is none.
pub fn address(name: &str, text: &str, usual: u16) -> Result<SocketAddr, ConfigError> {
    let text = text.trim();
    let bare = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = bare.parse::<u16>() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let with_host = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    with_host.parse().map_err(|_| {
        ConfigError::new(
            format!("`{name} {}` is not an address", text.escape_debug()),
            format!(
                "use a port (`{usual}`, or `0` for a free one) or ADDRESS:PORT (`127.0.0.1:{usual}`)"
            ),
        )
    })
}

/// Where the inspector is served. What was captured is for this machine's user alone.
pub(super) fn inspector_address(text: &str) -> Result<SocketAddr, ConfigError> {
    let address = address("--inspector", text, 4040)?;
    if address.ip().is_loopback() {
        return Ok(address);
    }
    Err(ConfigError::new(
        format!(
            "`--inspector {}` could be reached from other machines, and it is served on loopback only",
            text.escape_debug()
        ),
        "use a port or `127.0.0.1:PORT`; from another machine, forward the port over SSH (`ssh -L`)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for (text, expected) in [
            ("4400", "127.0.0.1:4400"),
            (":4400", "127.0.0.1:4400"),
            ("0", "127.0.0.1:0"),
            ("localhost:1", "127.0.0.1:1"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(
                address("--listen", text, 4400).unwrap().to_string(),
                expected
            );
        }
        for text in ["", "70000", "example.com:1", "1.2.3.4"] {
            assert!(address("--listen", text, 4400).is_err(), "{text}");
        }
    }
}
