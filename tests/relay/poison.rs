//! Requests that fit into HTTP/1 and that HTTP/2 between relay and agent has trouble with.

use crate::scene::{Scene, first_of};

/// Bytes for which HTTP/2's Huffman code takes 28 bits each.
const LONG: u8 = 0xf9;

#[test]
fn a_head_that_is_much_longer_in_http2_passes() {
    let mut scene = Scene::start(&[]);
    for (field, name) in [(60_000, "x-a"), (65_000, "x-b")] {
        let line = format!("POST {}/{name} HTTP/1.1\r\n", scene.path);
        let host = scene.relay.address();
        let head = format!("{line}Host: {host}\r\nContent-Length: 2\r\n{name}: ");
        let value = vec![LONG; field];
        let mut connection = scene.connect();
        connection.send([head.as_bytes(), &value, b"\r\n\r\n{}"].concat());
        let answer = connection.answer();
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let seen = scene.app.next();
        assert_eq!(seen.target(), format!("/{name}"));
        assert_eq!(seen.all(name), [&value[..]]);
        assert_eq!(scene.agent.delivery()["request"]["path"], seen.target());
    }
    scene.prove_untouched(2);
}

#[test]
fn a_length_with_many_zeros_is_refused_and_with_some_is_the_number() {
    let scene = Scene::start(&[]);
    let sent = |zeros: usize| {
        let zeros = "0".repeat(zeros);
        scene.fill(&format!(
            "POST PATH/x HTTP/1.1\r\nHost: HOST\r\nContent-Length: {zeros}2\r\n\r\n{{}}"
        ))
    };
    let answers = scene.say(&sent(19));
    assert_eq!(first_of(&answers), (400, "malformed".to_owned(), 1));
    let mut connection = scene.connect();
    connection.send(sent(18));
    assert_eq!(connection.answer().status(), 200);
    let seen = scene.app.next();
    assert_eq!(seen.one("content-length").as_deref(), Some("2"));
    assert_eq!(seen.body, b"{}");
    scene.agent.stop();
}
