//! Cakemail's part: signs as its documents say, and sends.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// A header's name and value.
pub type Header = (&'static str, String);

#[derive(Debug, Clone, Copy)]
pub enum Scheme {
    CakemailHex,
    CakemailBase64,
    ApiBase64,
}

impl Scheme {
    pub const ALL: [Self; 3] = [Self::CakemailHex, Self::CakemailBase64, Self::ApiBase64];

    /// As verdicts call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::CakemailHex => "cakemail-hex",
            Self::CakemailBase64 => "cakemail-base64",
            Self::ApiBase64 => "api-base64",
        }
    }
}

/// Computed here and not by cmhook's own code, which is what is under test.
pub fn sign(scheme: Scheme, secret: &str, body: impl AsRef<[u8]>) -> Header {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(body.as_ref());
    let digest = mac.finalize().into_bytes();
    match scheme {
        Scheme::CakemailHex => ("X-Cakemail-Signature", hex::encode(digest)),
        Scheme::CakemailBase64 => ("X-Cakemail-Signature", STANDARD.encode(digest)),
        Scheme::ApiBase64 => ("X-Signature", STANDARD.encode(digest)),
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// As it came, so with its chunk sizes if it was chunked.
    pub body: String,
}

/// Sends one delivery on a connection of its own and reads the answer to its end.
#[track_caller]
pub fn post(to: SocketAddr, signature: Option<&Header>, body: &str) -> Answer {
    let signature =
        signature.map_or_else(String::new, |(name, value)| format!("{name}: {value}\r\n"));
    let request = format!(
        "POST /webhooks/cakemail HTTP/1.1\r\n\
         Host: {to}\r\n\
         Content-Type: application/json\r\n\
         Content-Length: {}\r\n\
         Connection: close\r\n\
         {signature}\r\n\
         {body}",
        body.len()
    );

    let mut stream = TcpStream::connect(to).expect("cmhook listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a timeout can be set");
    stream
        .write_all(request.as_bytes())
        .expect("cmhook reads the request");
    let mut answer = Vec::new();
    stream
        .read_to_end(&mut answer)
        .expect("cmhook answers and closes");

    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {answer}"));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no status: {head}"));
    Answer {
        status,
        body: body.to_owned(),
    }
}
