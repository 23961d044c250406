//! The request as it would stand on the wire in HTTP/1.1.

use crate::delivery::Received;

/// Request line, headers, a blank line, and the body.
///
/// The framing is that of the body as it is kept: chunks were taken off when it came in,
/// so one `content-length` stands in place of every field that said otherwise.
pub fn request(received: &Received) -> Vec<u8> {
    let body = &received.body;
    let mut out = Vec::with_capacity(body.len() + received.headers.as_bytes().len() + 128);
    for part in [
        &*received.method,
        " ",
        &received.path_and_query,
        " HTTP/1.1\r\n",
    ] {
        out.extend_from_slice(part.as_bytes());
    }
    let mut field = |name: &str, value: &[u8]| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    // HTTP/2 has no such header, and HTTP/1.1 wants one.
    if received.headers.get("host").is_none() {
        field("host", b"localhost");
    }
    let length = body.len().to_string();
    let mut framed = false;
    for (name, value) in received.headers.iter() {
        if !is_framing(name) {
            field(name, value);
        } else if !framed {
            framed = true;
            field("content-length", length.as_bytes());
        }
    }
    if !framed && !body.is_empty() {
        field("content-length", length.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding", "trailer"]
        .iter()
        .any(|framing| name.eq_ignore_ascii_case(framing))
}

#[cfg(test)]
mod tests {
    use crate::export::read::tests::received;

    #[test]
    fn one_length_stands_for_what_framed_it() {
        for (headers, expected) in [
            (
                vec![("host", "a"), ("content-length", "2"), ("x-b", "c")],
                "host: a\r\ncontent-length: 2\r\nx-b: c\r\n",
            ),
            (
                vec![
                    ("host", "a"),
                    ("transfer-encoding", "chunked"),
                    ("trailer", "x"),
                ],
                "host: a\r\ncontent-length: 2\r\n",
            ),
            (vec![], "host: localhost\r\ncontent-length: 2\r\n"),
        ] {
            let request = super::request(&received("/a?b", headers, b"{}"));
            assert_eq!(
                String::from_utf8(request).unwrap(),
                format!("POST /a?b HTTP/1.1\r\n{expected}\r\n{{}}")
            );
        }
    }
}
