//! An authority and the DNS server that it asks, as processes of their own.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;

use crate::needs::{needs, works};

/// Whether the two are installed.
#[track_caller]
pub fn is_here() -> bool {
    let runs = |name: &str| works(Command::new(name).arg("-h"));
    needs(
        runs("pebble") && runs("pebble-challtestsrv"),
        "pebble and pebble-challtestsrv",
    )
}

/// A child that is killed when it goes out of scope.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What it is like.
#[derive(Debug, Clone, Copy)]
pub struct Like {
    /// Where it looks for proofs over plain HTTP.
    pub http: u16,
    /// And over TLS.
    pub tls: u16,
    /// How long its certificates are good, in seconds.
    pub life: u32,
}

/// A running authority.
pub struct Authority {
    _pebble: Killed,
    _dns: Killed,
    /// Its directory.
    pub directory: String,
    management: String,
    /// The root of its own certificate.
    pub ca: PathBuf,
}

impl Authority {
    /// Starts one, with its files in this folder.
    pub fn start(folder: &Path, like: Like) -> Self {
        let dns_port = free_udp();
        let dns = Command::new("pebble-challtestsrv")
            .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
            .args(["-dns01", &format!("127.0.0.1:{dns_port}")])
            .args(["-management", &format!("127.0.0.1:{}", free())])
            // Every name is this machine.
            .args(["-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble-challtestsrv starts");
        let dns = Killed(dns);
        let (api, management) = (free(), free());
        own_certificate(folder);
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{api}"),
            "managementListenAddress": format!("127.0.0.1:{management}"),
            "certificate": folder.join("own.pem"),
            "privateKey": folder.join("own.key"),
            "httpPort": like.http,
            "tlsPort": like.tls,
            "certificateValidityPeriod": like.life,
        }});
        let path = folder.join("pebble.json");
        std::fs::write(&path, config.to_string()).expect("the configuration");
        let pebble = Command::new("pebble")
            .arg("-config")
            .arg(&path)
            .args(["-strict", "-dnsserver", &format!("127.0.0.1:{dns_port}")])
            .env("PEBBLE_VA_NOSLEEP", "1")
            // Each order is to be proved anew.
            .env("PEBBLE_AUTHZREUSE", "0")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pebble starts");
        let pebble = Killed(pebble);
        wait_for(api);
        wait_for(management);
        Self {
            _pebble: pebble,
            _dns: dns,
            directory: format!("https://localhost:{api}/dir"),
            management: format!("https://localhost:{management}"),
            ca: folder.join("own-ca.pem"),
        }
    }

    /// Writes the root of the certificates that it gives into a file.
    pub fn root(&self, folder: &Path) -> PathBuf {
        let path = folder.join("root.pem");
        let got = Command::new("curl")
            .args([
                "--silent",
                "--show-error",
                "--fail",
                "--noproxy",
                "*",
                "--cacert",
            ])
            .arg(&self.ca)
            .arg("--output")
            .arg(&path)
            .arg(format!("{}/roots/0", self.management))
            .status();
        assert!(got.expect("curl starts").success());
        path
    }
}

/// The certificate of the authority's own HTTPS, and the root of that.
fn own_certificate(folder: &Path) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Or curl takes its certificates for its own.
    params.distinguished_name.push(DnType::CommonName, "a root");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key"));
    let issuer = issuer.expect("a root");
    let key = KeyPair::generate().expect("a key");
    let names = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    let own = names.signed_by(&key, &issuer).expect("a certificate");
    for (name, text) in [
        ("own-ca.pem", issuer.pem()),
        ("own.pem", own.pem()),
        ("own.key", key.serialize_pem()),
    ] {
        std::fs::write(folder.join(name), text).expect("a file");
    }
}

/// A port that nobody listens on; somebody else could take it before it is used.
pub fn free() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn free_udp() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    socket.local_addr().expect("an address").port()
}

fn wait_for(port: u16) {
    let deadline = Instant::now() + Duration::from_secs(30);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < deadline, "nobody listens on {port}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
