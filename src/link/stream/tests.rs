//! Bytes are the same at the other end, and no peer breaks it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::runtime::Runtime;

use super::*;

/// A runtime whose clock goes on by itself where all is waited for.
fn runtime() -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

async fn pair(room: usize) -> (Stream<DuplexStream>, Stream<DuplexStream>) {
    let (one, other) = duplex(room);
    let client = WebSocketStream::from_raw_socket(one, Role::Client, Some(config())).await;
    (
        Stream::new(client),
        Stream::accepted(other, Vec::new()).await,
    )
}

/// Writes all of it in pieces of these sizes, flushing now and then, and reads as much as
/// `expected` has.
async fn exchange(
    stream: Stream<DuplexStream>,
    sent: &[u8],
    sizes: &[usize],
    expected: &[u8],
) -> Vec<u8> {
    let (mut from, mut to) = tokio::io::split(stream);
    let writing = async {
        let (mut left, mut sizes) = (sent, sizes.iter().cycle());
        while !left.is_empty() {
            let size = sizes.next().copied().unwrap_or(1).min(left.len());
            to.write_all(&left[..size]).await.unwrap();
            left = &left[size..];
            if size % 3 == 0 {
                to.flush().await.unwrap();
            }
        }
        to.flush().await.unwrap();
    };
    let reading = async {
        let mut read = vec![0; expected.len()];
        from.read_exact(&mut read).await.unwrap();
        read
    };
    tokio::join!(writing, reading).1
}

/// A frame as RFC 6455 has it, or nearly so.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let first = prop_oneof![
        3 => select(vec![0x82_u8, 0x02, 0x00, 0x80, 0x89, 0x8a]),
        1 => any::<u8>(),
    ];
    let length = prop_oneof![
        6 => (0_u64..200).prop_map(Some),
        1 => any::<u64>().prop_map(Some),
        6 => Just(None),
    ];
    (first, any::<u8>(), length, vec(any::<u8>(), 0..200)).prop_map(
        |(first, mask, says, payload)| {
            let length = says.unwrap_or(payload.len() as u64);
            let bit = if mask < 240 { 0x80 } else { 0 };
            let mut frame = vec![first];
            match length {
                0..=125 => frame.push(bit + u8::try_from(length).unwrap()),
                126..=0xffff => {
                    frame.push(bit + 126);
                    frame.extend(u16::try_from(length).unwrap().to_be_bytes());
                }
                _ => {
                    frame.push(bit + 127);
                    frame.extend(length.to_be_bytes());
                }
            }
            if bit > 0 {
                frame.extend([mask; 4]);
            }
            frame.extend(payload);
            frame
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bytes_are_the_same_in_both_directions(
        one in vec(any::<u8>(), 0..200_000),
        other in vec(any::<u8>(), 0..1000),
        room in select(vec![1_usize, 7, 1000, 100_000]),
        sizes in vec(1_usize..100_000, 1..10),
        few in vec(1_usize..100, 1..10),
    ) {
        // A byte at a time takes long.
        let one = if room < 100 { &one[..one.len().min(3000)] } else { &one };
        let (first, second) = runtime().block_on(async {
            let (client, server) = pair(room).await;
            tokio::join!(
                exchange(client, one, &sizes, &other),
                exchange(server, &other, &few, one),
            )
        });
        prop_assert!(first == other, "the server's");
        prop_assert!(second == one, "the client's");
    }

    #[test]
    fn no_frames_break_it(
        frames in vec(frame(), 0..40),
        room in 1_usize..5000,
        cut in any::<prop::sample::Index>(),
    ) {
        let mut sent = frames.concat();
        sent.truncate(cut.index(sent.len() + 1));
        runtime().block_on(async {
            let (mut peer, io) = duplex(room);
            let mut stream = Stream::accepted(io, Vec::new()).await;
            let pulse = stream.pulse();
            let hostile = async {
                // It does not read: what is said to it is in the way.
                let _ = peer.write_all(&sent).await;
                drop(peer);
            };
            let mut read = Vec::new();
            let ((), _) = tokio::join!(hostile, stream.read_to_end(&mut read));
            // No more comes out than went in, and only where data did.
            assert!(read.len() <= sent.len());
            assert_eq!(pulse.has_sent(), !read.is_empty());
            let _ = stream.write_all(b"still there?").await;
            let _ = stream.shutdown().await;
        });
    }
}

#[test]
fn who_is_thrown_out_hears_why_although_it_goes_on_sending() {
    runtime().block_on(async {
        let (mut peer, io) = duplex(1000);
        let mut stream = Stream::accepted(io, Vec::new()).await;
        let flood = [0x89_u8, 0x80, 0, 0, 0, 0].repeat(100_000);
        let (mut from, mut to) = tokio::io::split(&mut peer);
        let mut heard = Vec::new();
        let mut buffer = [0; 1000];
        let (_, ended, ()) = tokio::join!(
            async { to.write_all(&flood).await },
            async { stream.read(&mut buffer).await },
            async {
                let code = Farewell::POLICY.to_be_bytes();
                while !heard.windows(2).any(|two| two == code) {
                    assert_ne!(from.read_buf(&mut heard).await.unwrap(), 0);
                }
            },
        );
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    });
}
