//! Deliveries of every size and kind, framed and signed in every way, made from their numbers.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::sender::{Header, Scheme, sign};

/// What they are signed with, where they are signed right.
pub const SECRET: &str = "whsec_ünd so weiter";

/// A generator of its own (splitmix64), so that every run sends the same.
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() >> 1).expect("64 bits") % limit
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let words = (0..count.div_ceil(8)).flat_map(|_| self.next().to_le_bytes());
        words.take(count).collect()
    }
}

/// One delivery, made from its number alone.
#[derive(Debug)]
pub struct Sample {
    pub body: Vec<u8>,
    signature: Option<Header>,
    pub verdict: &'static str,
    chunked: bool,
    random: Random,
}

impl Sample {
    pub fn new(index: u64) -> Self {
        let mut random = Random(index);
        let body = body(index, &mut random);
        let (signature, verdict) = signature(&body, &mut random);
        Self {
            body,
            signature,
            verdict,
            chunked: index % 2 == 1,
            random,
        }
    }

    /// The request as its bytes, to a host and a path that its number is put behind.
    pub fn request(mut self, host: &str, path: &str, index: u64) -> Vec<u8> {
        let mut head =
            format!("POST {path}/{index} HTTP/1.1\r\nHost: {host}\r\nX-Index: {index}\r\n");
        if let Some((name, value)) = &self.signature {
            write!(head, "{name}: {value}\r\n").expect("memory");
        }
        if !self.chunked {
            write!(head, "Content-Length: {}\r\n\r\n", self.body.len()).expect("memory");
            return [head.as_bytes(), &self.body].concat();
        }
        head.push_str("Transfer-Encoding: chunked\r\n\r\n");
        let mut request = head.into_bytes();
        let mut left = &*self.body;
        while !left.is_empty() {
            let most = self
                .random
                .pick(&[1, 20, 5_000, 70_000])
                .max(self.body.len() / 50);
            let (chunk, rest) = left.split_at(1 + self.random.below(most.min(left.len())));
            let extension = self.random.pick(&["", "", ";name=value"]);
            request.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
            request.extend_from_slice(chunk);
            request.extend_from_slice(b"\r\n");
            left = rest;
        }
        request.extend_from_slice(b"0\r\n\r\n");
        request
    }
}

/// Mostly small, a tenth empty, one in a thousand large, and two of 10 MiB.
fn body(index: u64, random: &mut Random) -> Vec<u8> {
    const FRAGMENTS: &[&[u8]] = &[
        b"\0",
        b"\xff\xfe",
        b"\\/",
        b"0\r\n\r\n",
        b"\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"{\"event\":\"email.opened\",\"url\":\"https:\\/\\/example.com\"}",
        "zoé 日本".as_bytes(),
        b"\xef\xbb\xbf",
    ];
    if index < 2 {
        return random.bytes(10 << 20);
    }
    if index % 1000 == 7 {
        let size = random.below(3 << 20);
        return random.bytes(size);
    }
    let size = match random.below(20) {
        0 | 1 => 0,
        2..=13 => random.below(200),
        14..=18 => random.below(4 << 10),
        _ => random.below(64 << 10),
    };
    match random.below(3) {
        0 => random.bytes(size),
        1 => {
            let text = "x".repeat(size);
            format!(
                r#"{{"event":"email.opened","data":{{"url":"https:\/\/example.com\/{text}"}}}}"#
            )
            .into_bytes()
        }
        _ => {
            let mut body = Vec::new();
            while body.len() < size {
                body.extend_from_slice(random.pick(FRAGMENTS));
            }
            body
        }
    }
}

/// Signs it right, wrong or not at all, and says which. A body is never what is signed
/// wrongly for but by a change, so that the verdict follows without cmhook's code.
fn signature(body: &[u8], random: &mut Random) -> (Option<Header>, &'static str) {
    let scheme = random.pick(&Scheme::ALL);
    let right = sign(scheme, SECRET, body);
    match random.below(8) {
        0 => (None, "unsigned"),
        1 => (Some(sign(scheme, "another secret", body)), "invalid"),
        2 => (
            Some(sign(scheme, SECRET, [body, b"\n"].concat())),
            "invalid",
        ),
        3 => {
            // One digit of the digest is another one.
            let mut value = right.1.into_bytes();
            let at = random.below(40);
            value[at] = if value[at] == b'0' { b'1' } else { b'0' };
            let value = String::from_utf8(value).expect("ASCII still");
            (Some((right.0, value)), "invalid")
        }
        _ => (Some(right), "valid"),
    }
}

/// The SHA-256 of it.
pub fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
