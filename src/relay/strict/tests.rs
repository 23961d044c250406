//! What passes is what was sent, up to where it is refused, however it comes in pieces.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::io::AsyncReadExt as _;

use super::*;

/// A socket from which these pieces come, one by one, and then the end.
struct Pieces(std::vec::IntoIter<Vec<u8>>);

impl Pieces {
    /// The bytes, cut again and again into pieces of these sizes.
    fn cut(mut bytes: &[u8], sizes: &[usize]) -> Self {
        let mut sizes = sizes.iter().cycle();
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let size = sizes.next().copied().unwrap_or(1).min(bytes.len());
            pieces.push(bytes[..size].to_vec());
            bytes = &bytes[size..];
        }
        Self(pieces.into_iter())
    }
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = self.0.next().unwrap_or_default();
        // Pieces are smaller than what is read at once.
        buf.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

/// What hyper would get of these bytes, and what is said to be wrong with them.
fn through(bytes: &[u8], sizes: &[usize]) -> (Vec<u8>, Option<(u64, Violation)>) {
    let violations = Violations::default();
    let mut strict = Strict::new(Pieces::cut(bytes, sizes), violations.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let mut passed = Vec::new();
    runtime.unwrap().block_on(async {
        while strict.read_buf(&mut passed).await.unwrap() > 0 {
            passed.reserve(1000);
        }
    });
    (passed, violations.found(|found| found.violation))
}

/// Bodies like to look like something else.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..60),
        select(vec![
            b"0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            b"\r\n\r\n\r\n".to_vec(),
            b"POST / HTTP/1.1\nHost: a\n\n".to_vec(),
        ]),
    ]
}

fn good() -> impl Strategy<Value = Vec<u8>> {
    let framing = select(vec!["none", "length", "chunked"]);
    let line = select(vec![
        "GET /",
        "POST /a/../%2F;x?y=z",
        "brew! //",
        "PUT http://a/x",
    ]);
    let fields = vec("(X-[A-Za-z]{1,5}: [ -~]{0,20}\r\n)?", 0..4);
    (line, fields, body(), framing, vec(1_usize..20, 1..5)).prop_map(
        |(line, fields, body, framing, sizes)| {
            let framed = match framing {
                "length" => format!("Content-Length: {}\r\n", body.len()),
                "chunked" => "Transfer-Encoding: chunked\r\n".to_owned(),
                _ => String::new(),
            };
            let fields = fields.concat();
            let head = format!("{line} HTTP/1.1\r\nHost: a\r\n{fields}{framed}\r\n");
            let mut request = head.into_bytes();
            match framing {
                "length" => request.extend(body),
                "chunked" => {
                    for piece in Pieces::cut(&body, &sizes).0 {
                        request.extend(format!("{:x};a=b\r\n", piece.len()).bytes());
                        request.extend(piece);
                        request.extend(b"\r\n");
                    }
                    request.extend(b"0\r\nX-Trailer: 1\r\n\r\n");
                }
                _ => {}
            }
            request
        },
    )
}

/// What makes something else of a request.
fn spoilt() -> impl Strategy<Value = (prop::sample::Index, usize, Vec<u8>)> {
    let with = select(vec![
        &b""[..],
        b"\n",
        b"\r",
        b"\r\n",
        b"\r\n\r\n",
        b" ",
        b"\t",
        b"\0",
        b":",
        b"Host: b\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: x\r\n",
        b"0",
        b"f",
        b";",
        b"\xff",
    ]);
    let with = with.prop_map(<[u8]>::to_vec);
    (any::<prop::sample::Index>(), 0_usize..6, with)
}

proptest! {
    #[test]
    fn what_is_good_passes_as_it_is(
        requests in vec(good(), 1..5),
        between in select(vec!["", "\r\n", "\r\n\r\n\r\n"]),
        sizes in vec(1_usize..300, 1..20),
    ) {
        let sent = requests.join(between.as_bytes());
        let (passed, violation) = through(&sent, &sizes);
        prop_assert_eq!(violation, None);
        prop_assert_eq!(passed, requests.concat());
    }

    #[test]
    fn what_is_not_passes_up_to_there_and_however_it_is_cut(
        requests in vec(good(), 1..5),
        spoilt in vec(spoilt(), 1..3),
        sizes in (vec(1_usize..300, 1..20), vec(1_usize..10, 1..20)),
    ) {
        let mut sent = requests.concat();
        for (at, out, with) in spoilt {
            let at = at.index(sent.len());
            let end = (at + out).min(sent.len());
            sent.splice(at..end, with);
            if sent.is_empty() {
                return Ok(());
            }
        }
        let (one, first) = through(&sent, &sizes.0);
        let (other, second) = through(&sent, &sizes.1);
        prop_assert_eq!(first, second);
        let misframed = matches!(first, Some((_, Violation::Misframed)));
        if misframed {
            // How much of a body that is never whole has passed makes no difference.
            let common = one.len().min(other.len());
            prop_assert_eq!(&one[..common], &other[..common]);
        } else {
            prop_assert_eq!(&one, &other);
        }
        let honest = match first {
            Some(_) if !misframed => one.strip_suffix(STAND_IN).unwrap(),
            _ => &one,
        };
        // What has passed would pass again: nothing is in it that is refused elsewhere.
        let (again, violation) = through(honest, &[100]);
        prop_assert_eq!(violation, None);
        prop_assert_eq!(again, honest);
    }

    #[test]
    fn behind_what_is_refused_nothing_passes(
        before in vec(good(), 0..3),
        bad in select(vec![
            &b"GET / HTTP/1.1\nHost: a\n\n"[..],
            b"GET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"\x16\x03\x01",
        ]),
        behind in vec(good(), 1..3),
        sizes in vec(1_usize..300, 1..20),
    ) {
        let sent = [before.concat(), bad.to_vec(), behind.concat()].concat();
        let (passed, violation) = through(&sent, &sizes);
        prop_assert_eq!(violation.map(|(number, _)| number), Some(before.len() as u64 + 1));
        prop_assert_eq!(passed, [before.concat(), STAND_IN.to_vec()].concat());
    }

    #[test]
    fn rubbish_does_not_break_it(
        sent in vec(any::<u8>(), 0..500),
        sizes in vec(1_usize..50, 1..10),
    ) {
        through(&sent, &sizes);
    }
}
