//! How connections to apps are made: whose addresses, whose certificates.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::tls;

/// Makes connections.
pub type Connector = HttpsConnector<HttpConnector<Resolver>>;

/// How certificates of `https` targets are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// There are none: nothing is loaded, every certificate fails.
    NoTls,
    /// As the system does.
    System,
    /// Not at all. For loopback targets only, which the settings see to.
    Anything,
}

/// How long one address is tried before the other family's gets its turn.
const NEXT_ADDRESS: Duration = Duration::from_millis(100);

/// What makes connections to `http` and `https` targets.
pub fn connector(trust: Trust) -> Connector {
    let mut http = HttpConnector::new_with_resolver(Resolver);
    http.set_nodelay(true);
    http.enforce_http(false);
    http.set_happy_eyeballs_timeout(Some(NEXT_ADDRESS));
    http.set_connect_timeout(Some(Duration::from_secs(10)));
    hyper_rustls::HttpsConnectorBuilder::new()
        .with_tls_config(tls_config(trust))
        .https_or_http()
        .enable_http1()
        .wrap_connector(http)
}

fn tls_config(trust: Trust) -> ClientConfig {
    match trust {
        Trust::NoTls => tls::client(RootCertStore::empty()),
        Trust::System => tls::client(tls::system_roots()),
        Trust::Anything => {
            let provider = tls::provider();
            tls::versions(ClientConfig::builder_with_provider(Arc::clone(&provider)))
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(TrustAnything(provider)))
                .with_no_client_auth()
        }
    }
}

/// Accepts every certificate but still wants the server to hold its key.
#[derive(Debug)]
struct TrustAnything(Arc<CryptoProvider>);

impl ServerCertVerifier for TrustAnything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            cert,
            dss,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// Finds addresses; `localhost` is both 127.0.0.1 and ::1, whatever the hosts file
/// says, because apps listen on either.
#[derive(Debug, Clone, Copy)]
pub struct Resolver;

/// The name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoSuchHost(io::Error);

type Addresses = std::vec::IntoIter<SocketAddr>;

/// Whether the name means this machine.
fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether a connection to `to` ends at a listener on `own`.
pub fn reaches(to: SocketAddr, own: SocketAddr) -> bool {
    let at = own.ip().to_canonical();
    // Connecting to no address in particular means this machine.
    let to_ip = match to.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    // A socket on all addresses of IPv6 takes those of IPv4 too.
    let is_among = || at.is_unspecified() && (at.is_ipv6() || to_ip.is_ipv4()) && is_local(to_ip);
    to.port() == own.port() && (to_ip == at || is_among())
}

/// Whether the address is one of this machine's: only those can be bound.
fn is_local(ip: IpAddr) -> bool {
    ip.is_loopback() || UdpSocket::bind((ip, 0)).is_ok()
}

/// The addresses of this machine for itself. In a container there is often no IPv6, and
/// then its error must not hide what IPv4 has to say.
fn loopback() -> &'static [IpAddr] {
    const BOTH: [IpAddr; 2] = [
        IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST),
    ];
    static HAS_V6: LazyLock<bool> =
        LazyLock::new(|| UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok());
    &BOTH[..if *HAS_V6 { 2 } else { 1 }]
}

/// The addresses of a host, with that port.
///
/// # Errors
/// Where it has none.
pub async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, NoSuchHost> {
    if is_localhost(host) {
        let own = loopback().iter();
        return Ok(own.map(|ip| SocketAddr::new(*ip, port)).collect());
    }
    let found: Vec<_> = tokio::net::lookup_host((host, port))
        .await
        .map_err(NoSuchHost)?
        .collect();
    Ok(found)
}

impl tower_service::Service<Name> for Resolver {
    type Response = Addresses;
    type Error = NoSuchHost;
    type Future = Pin<Box<dyn Future<Output = Result<Addresses, NoSuchHost>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoSuchHost>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        Box::pin(async move { Ok(resolve(name.as_str(), 0).await?.into_iter()) })
    }
}
