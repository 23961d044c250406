//! Text that a terminal would act on, wherever somebody else can put it. None of it may
//! reach standard output or standard error as it is.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use crate::captured::{Captured, Ended, Listening, command};
use crate::support::hostile::{self, CORPUS, is_foreign, send};
use crate::support::listener::home;
use crate::support::raw::{ask, request};
use crate::support::sender::{Scheme, sign};

/// Nothing that a terminal acts on, but the ends of lines.
#[track_caller]
fn harmless(bytes: &[u8], what: &str) {
    let text = std::str::from_utf8(bytes);
    let text = text.unwrap_or_else(|error| panic!("{what}: {error} in {bytes:?}"));
    let foreign = text.chars().find(|c| *c != '\n' && is_foreign(*c));
    assert_eq!(foreign, None, "{what}: {text:?}");
}

#[track_caller]
fn all_harmless(ended: &Ended, what: &str) {
    harmless(&ended.out, what);
    harmless(&ended.err, what);
}

#[test]
fn nothing_of_a_sender_or_an_app_reaches_a_terminal() {
    let app = hostile::app();
    for style in [&["--color", "never"][..], &["--json"], &["-vv"]] {
        let listener =
            Listening::start(&[style, &["-s", "s", "--timeout", "5s", &app.target()]].concat());
        for text in CORPUS {
            for bytes in hostile::requests(text) {
                send(listener.address, &bytes);
            }
        }
        let long = "\x1b[31m\u{202e}".repeat(20_000);
        let body = serde_json::json!({ "event": &long[..100], "data": long }).to_string();
        ask(listener.address, request("POST /", "", body.as_bytes()));
        // A lone surrogate is no text in JSON, and must not end the line either.
        ask(
            listener.address,
            request("POST /", "", br#"{"event":"a\ud800\u001b]0;x"}"#),
        );
        let ended = listener.process.stop();
        all_harmless(&ended, &format!("{style:?}"));
        let seen = ended.stdout().matches(if style == ["--json"] {
            "\"delivery\""
        } else {
            "-->"
        });
        assert!(seen.count() > CORPUS.len(), "{}", ended.text());
    }
}

#[test]
fn nothing_of_a_sender_over_http_2_reaches_a_log() {
    let app = hostile::app();
    for style in [&["-vv"][..], &["-vv", "--json"]] {
        let listener = Listening::start(&[style, &["-s", "s", &app.target()]].concat());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.expect("a runtime").block_on(async {
            use hyper_util::rt::{TokioExecutor, TokioIo};
            let stream = tokio::net::TcpStream::connect(listener.address)
                .await
                .expect("it listens");
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await
                    .expect("it speaks HTTP/2");
            tokio::spawn(connection);
            for text in CORPUS {
                let value: Vec<u8> = text.bytes().filter(|b| *b >= 0x20 && *b != 0x7f).collect();
                let path: String = text.chars().filter(|c| !c.is_control()).collect();
                let uri = format!("http://hooks.test/{}", path.replace(' ', ""));
                let Ok(request) = http::Request::post(uri).header("x-value", value).body(
                    http_body_util::Full::new(bytes::Bytes::from_static(text.as_bytes())),
                ) else {
                    continue;
                };
                let _ = sender.send_request(request).await;
            }
        });
        let ended = listener.process.stop();
        all_harmless(&ended, "HTTP/2");
        assert!(ended.stderr().len() > 10_000, "there is a log");
    }
}

/// A cmhook that cannot start, with hostile words in its arguments and files.
#[track_caller]
fn fails(home: &Path, args: &[OsString], what: &str) {
    for json in [false, true] {
        let mut command = command(home);
        command.args(args);
        if json {
            command.env("CMHOOK_JSON", "1");
        }
        let ended = Captured::start(&mut command, home).end();
        assert_ne!(ended.status.code(), Some(0), "{what}: {}", ended.text());
        assert!(!ended.err.is_empty(), "{what}: {}", ended.text());
        all_harmless(&ended, what);
    }
}

#[test]
fn nothing_of_an_argument_or_a_path_is_printed_as_it_is() {
    let words = CORPUS.iter().map(|text| text.as_bytes().to_vec());
    let raw = [b"\x9b31m\x9d0;x\x9c\xff".to_vec(), b"\xed\xa0\x80".to_vec()];
    for word in words.chain(raw) {
        let home = home();
        let arg = |before: &str| {
            let mut bytes = before.as_bytes().to_vec();
            bytes.extend_from_slice(&word);
            OsString::from_vec(bytes)
        };
        let listen = OsString::from("listen");
        for flag in [
            "--forward=",
            "--forward=http://",
            "--forward=http://x/",
            "--listen=",
            "--route=",
            "--header=",
            "--timeout=",
            "--max-body=",
            "--status=",
            "--config=",
            "--secret-file=",
            "--color=",
            "--",
            "--keep-bytes=",
        ] {
            // Were it taken, this would still keep it from starting.
            let mut args = vec![listen.clone(), "--ephemeral".into(), "--durable".into()];
            if flag == "--keep-bytes=" {
                args.truncate(1);
            }
            args.push(arg(flag));
            fails(home.path(), &args, flag);
        }
        fails(home.path(), &[arg("")], "a command");
        fails(
            home.path(),
            &[OsString::from("man"), arg("")],
            "a manual page",
        );
        // A folder where a store cannot be, and one that is no store.
        let store = home.path().join(std::ffi::OsStr::from_bytes(&word));
        if fs::write(&store, "not a store, by far").is_ok() {
            let mut flag = OsString::from("--store=");
            flag.push(store.join("below"));
            fails(home.path(), &[listen.clone(), flag], "a store's folder");
            let mut flag = OsString::from("--store=");
            flag.push(&store);
            fails(
                home.path(),
                &[listen.clone(), "--listen=0".into(), flag],
                "a store",
            );
        }
    }
}

#[test]
fn nothing_of_a_configuration_file_is_printed_as_it_is() {
    for text in CORPUS {
        let quoted = toml::Value::String((*text).to_owned()).to_string();
        for file in [
            format!("{text} = 1"),
            format!("keep = {text}"),
            format!("{quoted} = 1"),
            format!("keep = {quoted}"),
            format!("forward = {quoted}"),
            format!("listen = {quoted}"),
            format!("timeout = {quoted}"),
            format!("headers = {quoted}"),
            format!("color = {quoted}"),
            format!("events = {quoted}\nstatus = 1"),
            format!("[routes]\n{quoted} = 1"),
            format!("[routes]\n{quoted} = {quoted}"),
            format!("[[secrets]]\nlabel = {quoted}"),
            format!("[[secrets]]\nlabel = {quoted}\nenv = {quoted}"),
            format!("[[secrets]]\nlabel = {quoted}\nvalue = \"\""),
        ] {
            let home = home();
            fs::write(home.path().join("cmhook.toml"), &file).expect("a file");
            fails(home.path(), &["listen".into(), "--listen=x".into()], &file);
        }
    }
}

#[test]
fn labels_paths_and_doubts_are_shown_harmlessly() {
    for text in CORPUS {
        let home = home();
        // A folder cannot have every name.
        let folder = home.path().join(text.replace(['/', '\0'], ""));
        fs::create_dir(&folder).expect("a folder");
        let quoted = toml::Value::String((*text).to_owned()).to_string();
        let event = text.replace(|c: char| c.is_control() || c.is_whitespace(), "x");
        let event = toml::Value::String(event).to_string();
        let config = folder.join("cmhook.toml");
        let file = format!(
            "store = \"deliveries.db\"\nevents = {event}\nforward = \"3000\"\n\
             [[secrets]]\nlabel = {quoted}\nvalue = \"s\"\n\
             [[secrets]]\nevent = {quoted}\nvalue = \"t\"\n"
        );
        fs::write(&config, file).expect("a file");
        let body = "{}";
        let (name, value) = sign(Scheme::ApiBase64, "t", body);
        for style in [&[][..], &["--json"]] {
            let args = [style, &["--config", config.to_str().expect("UTF-8")]].concat();
            let listener = Listening::start_in(self::home(), &args, |_| {});
            let field = format!("{name}: {value}\r\n");
            ask(listener.address, request("POST /", &field, body.as_bytes()));
            let ended = listener.process.stop();
            all_harmless(&ended, text);
            assert!(ended.stdout().contains("api-base64"), "{}", ended.text());
        }
    }
}
