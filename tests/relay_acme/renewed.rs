//! Certificates that end.

use std::path::Path;
use std::time::Duration;

use cmhook::relay::acme::By;
use tempfile::tempdir;
use tokio::time::{sleep, timeout};

use crate::authority::{Authority, Like, is_here};
use crate::host::{Log, Ports};
use crate::issued::settings;

/// The account that is kept.
fn account(data: &Path) -> Vec<u8> {
    let folder = std::fs::read_dir(data.join("acme"))
        .expect("a folder")
        .next()
        .expect("one authority")
        .expect("an entry")
        .path();
    std::fs::read(folder.join("account.json")).expect("an account")
}

#[tokio::test]
async fn a_certificate_is_renewed_in_time_and_served_until_then() {
    if !is_here() {
        return;
    }
    let (log, _guard) = Log::take();
    let folder = tempdir().expect("a folder");
    let data = folder.path().join("data");
    let ports = Ports::open().await;
    let like = Like {
        http: ports.http(),
        tls: ports.tls(),
        life: 12,
    };
    let authority = Authority::start(folder.path(), like);
    let root = authority.root(folder.path());
    let settings = settings(&authority.directory, &authority.ca, &data, &[By::Tls]);
    let host = ports.serve(settings);
    host.ready().await;
    let (first, _) = host.connect(&root, &[]).await.expect("TLS");
    let kept = account(&data);
    let renewed = async {
        loop {
            let (now, _) = host.connect(&root, &[]).await.expect("TLS at every moment");
            if now != first {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    // Sooner than it ends.
    timeout(Duration::from_secs(11), renewed)
        .await
        .expect("a new one");
    assert_eq!(account(&data), kept, "it is the same account");

    // An authority that is gone is asked again and again, and the certificate stays.
    drop(authority);
    log.has("there is no new certificate").await;
    assert!(host.tls.is_ready());
}
