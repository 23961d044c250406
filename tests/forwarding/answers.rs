//! What of an app's answer belongs to the sender alone: redirects are not followed, cookies
//! not collected.

use crate::listening;
use crate::support::raw::{Connection, RawApp, request};

#[test]
fn no_kind_of_redirect_is_followed() {
    let app = RawApp::answering(|request| {
        let status = request.target()[1..].to_owned();
        let host = request.one("host").unwrap_or_default();
        format!(
            "HTTP/1.1 {status} Elsewhere\r\nLocation: http://{host}/there\r\n\
             Set-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    });
    let mut listener = listening(&app.target(), &[]);
    let mut connection = Connection::open(listener.address());
    for status in [300, 301, 302, 303, 305, 307, 308] {
        connection.send(request(&format!("POST /{status}"), "", b"{}"));
        let answer = connection.answer();
        assert_eq!(answer.status(), status);
        let there = format!("http://{}/there", app.target());
        assert_eq!(answer.one("location"), Some(there), "{status}");
        let cookies = answer.all("set-cookie");
        assert_eq!(cookies, [b"a=1".to_vec(), b"b=2; Path=/".to_vec()]);
        let seen = app.next();
        assert_eq!(seen.target(), format!("/{status}"));
        assert!(
            seen.all("cookie").is_empty(),
            "{status}: a cookie came back"
        );
        let delivery = listener.delivery();
        let attempt = listener.attempt(&delivery);
        assert_eq!(attempt["status"], status, "{attempt}");
    }
    listener.stop();
    assert!(app.is_idle(), "a redirect was followed");
}
