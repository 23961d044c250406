use super::*;

fn target(text: &str) -> Target {
    text.parse().unwrap()
}

#[test]
fn the_hint_knows_where_localhost_is_not_what_it_seems() {
    for (place, text, says) in [
        (Place::Host, "3000", "start it"),
        (Place::Host, "app:3000", "start it"),
        (Place::Container, "3000", "host.docker.internal"),
        (Place::Container, "127.0.0.1:3000", "host.docker.internal"),
        (Place::Container, "app:3000", "start it"),
        (Place::Wsl, "3000", "WSL"),
        (Place::Wsl, "10.0.0.1:3000", "start it"),
    ] {
        let hint = hint_in(place, &target(text));
        assert!(hint.contains(says), "{place:?} {text}: {hint}");
    }
    let linux = "Linux version 6.1.0-18-amd64 (debian-kernel@lists.debian.org)";
    let wsl = "Linux version 5.15.146.1-microsoft-standard-WSL2";
    for (has_mark, cgroup, version, place) in [
        (false, "0::/init.scope\n", linux, Place::Host),
        (false, "", "", Place::Host),
        (true, "0::/\n", linux, Place::Container),
        (true, "0::/\n", wsl, Place::Container),
        (
            false,
            "11:cpu:/kubepods/besteffort/pod1/2\n",
            linux,
            Place::Container,
        ),
        (false, "0::/\n", wsl, Place::Wsl),
    ] {
        assert_eq!(Place::told_by(has_mark, cgroup, version), place, "{cgroup}");
    }
}

#[test]
fn what_the_system_says_has_a_code() {
    use io::ErrorKind as Kind;
    for (kind, code) in [
        (Kind::ConnectionRefused, FailureCode::Refused),
        (Kind::ConnectionReset, FailureCode::Reset),
        (Kind::BrokenPipe, FailureCode::Reset),
        (Kind::UnexpectedEof, FailureCode::Closed),
        (Kind::TimedOut, FailureCode::Timeout),
        (Kind::HostUnreachable, FailureCode::Unreachable),
        (Kind::NetworkUnreachable, FailureCode::Unreachable),
        (Kind::AddrNotAvailable, FailureCode::Unreachable),
        (Kind::PermissionDenied, FailureCode::Unreachable),
        (Kind::OutOfMemory, FailureCode::Protocol),
    ] {
        let failure = of(&target("app.test:81"), &io::Error::from(kind));
        assert_eq!(failure.code, code, "{kind:?}");
        assert!(failure.message.contains("app.test:81"), "{failure:?}");
    }
}

#[tokio::test]
async fn whoever_speaks_first_speaks_no_http() {
    use hyper::client::conn::http1;
    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncWriteExt as _;
    let (ours, mut theirs) = tokio::io::duplex(100);
    theirs.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
    let (mut requests, connection) = http1::handshake(TokioIo::new(ours)).await.unwrap();
    let asked = requests.try_send_request(hyper::Request::new(String::new()));
    let _ = connection.await;
    let error = asked.await.unwrap_err().into_error();
    assert!(!error.is_parse(), "{error:?}");
    let failure = of(&"127.0.0.1:25".parse().unwrap(), &AskError::Send(error));
    assert_eq!(failure.code, FailureCode::Protocol);
    assert!(failure.message.contains("that is not HTTP"), "{failure:?}");
}
