//! The first certificate.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cmhook::relay::acme::{By, Settings};
use tempfile::tempdir;

use crate::authority::{Authority, Like, free, is_here};
use crate::host::{Log, NAME, Ports};

pub fn settings(directory: &str, ca: &Path, data: &Path, by: &[By]) -> Settings {
    Settings {
        host: NAME.to_owned(),
        email: "ops@example.com".to_owned(),
        directory: directory.to_owned(),
        ca: Some(ca.to_owned()),
        data: data.to_owned(),
        by: by.to_vec(),
        retry: Duration::from_millis(200),
    }
}

/// The files below a folder, with their permissions.
fn files(folder: &Path, found: &mut Vec<(PathBuf, u32)>) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let mode = path.metadata().expect("it is there").permissions().mode();
        found.push((path.clone(), mode & 0o777));
        if path.is_dir() {
            files(&path, found);
        }
    }
}

#[tokio::test]
async fn either_proof_gets_a_certificate_that_is_kept() {
    if !is_here() {
        return;
    }
    for by in [By::Tls, By::Http] {
        let folder = tempdir().expect("a folder");
        let data = folder.path().join("data");
        let ports = Ports::open().await;
        let like = Like {
            http: ports.http(),
            tls: ports.tls(),
            life: 86400,
        };
        let authority = Authority::start(folder.path(), like);
        let root = authority.root(folder.path());
        let settings = settings(&authority.directory, &authority.ca, &data, &[by]);
        let host = ports.serve(settings.clone());
        assert!(
            host.connect(&root, &["h2"]).await.is_err(),
            "there is none yet"
        );
        host.ready().await;
        let (first, alpn) = host.connect(&root, &["h2", "http/1.1"]).await.expect("TLS");
        assert_eq!(alpn.as_deref(), Some(&b"h2"[..]));
        // Who wants to know nothing but proof gets none when there is no order.
        assert!(host.connect(&root, &["acme-tls/1"]).await.is_err());
        let (_, alpn) = host
            .connect(&root, &["acme-tls/1", "h2"])
            .await
            .expect("TLS");
        assert_eq!(alpn.as_deref(), Some(&b"h2"[..]));
        assert!(host.tls.covers(NAME) && !host.tls.covers("a.hooks.example.com"));
        drop(host);

        // Without the authority, what it gave is shown from the first moment on.
        drop(authority);
        let host = Ports::open().await.serve(settings);
        assert!(host.tls.is_ready());
        let (second, _) = host.connect(&root, &[]).await.expect("TLS");
        assert_eq!(first, second);

        let mut found = Vec::new();
        files(&data, &mut found);
        let names: Vec<_> = found
            .iter()
            .filter_map(|(path, _)| path.file_name())
            .collect();
        assert_eq!(found.len(), 4, "{names:?}");
        for (path, mode) in found {
            assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{path:?}");
        }
    }
}

#[tokio::test]
async fn where_one_proof_cannot_be_seen_the_other_is_given() {
    if !is_here() {
        return;
    }
    let (log, _guard) = Log::take();
    let folder = tempdir().expect("a folder");
    let ports = Ports::open().await;
    let like = Like {
        http: ports.http(),
        // As behind a firewall.
        tls: free(),
        life: 86400,
    };
    let authority = Authority::start(folder.path(), like);
    let both = [By::Tls, By::Http];
    let data = folder.path().join("data");
    let host = ports.serve(settings(&authority.directory, &authority.ca, &data, &both));
    host.ready().await;
    assert!(log.text().contains("by=TLS-ALPN-01"), "{}", log.text());
}

#[tokio::test]
async fn an_authority_that_cannot_be_asked_is_said() {
    if !is_here() {
        return;
    }
    let (log, _guard) = Log::take();
    let folder = tempdir().expect("a folder");
    let ports = Ports::open().await;
    let like = Like {
        http: ports.http(),
        tls: ports.tls(),
        life: 86400,
    };
    let authority = Authority::start(folder.path(), like);
    let data = folder.path().join("data");
    let nobody = format!("https://localhost:{}/dir", free());
    let host = ports.serve(settings(&nobody, &authority.ca, &data, &[By::Tls]));
    log.has("Connection refused").await;
    assert!(!host.tls.is_ready());
    drop(host);

    // Its certificate is vouched for by nobody whom the system knows.
    let mut unknown = settings(&authority.directory, &authority.ca, &data, &[By::Tls]);
    unknown.ca = None;
    let host = Ports::open().await.serve(unknown);
    log.has("UnknownIssuer").await;
    drop(host);

    let nothing = authority.directory.replace("/dir", "/nothing");
    let host = Ports::open()
        .await
        .serve(settings(&nothing, &authority.ca, &data, &[By::Tls]));
    log.has("expected struct Directory").await;
    assert!(!host.tls.is_ready());
    assert!(!data.exists(), "nothing is kept");
}

#[test]
fn what_cannot_be_asked_for_is_refused_at_once() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let _entered = runtime.enter();
    let folder = tempdir().expect("a folder");
    let good = settings(
        "https://localhost/dir",
        Path::new("ca"),
        folder.path(),
        &[By::Tls],
    );
    let stop = tokio_util::sync::CancellationToken::new();
    let start = |settings| cmhook::relay::tls::Tls::from_acme(settings, &stop).map(drop);
    for host in ["127.0.0.1", "::1", "localhost", "a b.example", ""] {
        let mut wrong = good.clone();
        wrong.host = host.to_owned();
        let error = start(wrong).expect_err("no certificate for that");
        assert_eq!(
            error.to_string(),
            format!("no authority gives `{host}` a certificate")
        );
    }
    for directory in ["http://localhost/dir", "localhost", ""] {
        let mut wrong = good.clone();
        wrong.directory = directory.to_owned();
        assert!(start(wrong).is_err());
    }
    let mut wrong = good.clone();
    wrong.by.clear();
    assert!(start(wrong).is_err());
    start(good).expect("these are fine");
    stop.cancel();
}
