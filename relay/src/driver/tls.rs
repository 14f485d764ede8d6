//! TLS on the relay's own port: a certificate from files, and the handshake that comes before HTTP.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};

use super::accept::{Permits, Shared};
use super::http;
use super::transport::{Transport, settle};

/// Bytes that a connection's TLS may hold beyond what the system takes. Few: what waits belongs into the outbox, which knows what may be
/// dropped, and a frame that is larger leaves in pieces.
const BUFFER: usize = 4 * 1024;

/// A server's certificate and its key, from two PEM files. Cheap to clone; all clones are the same one.
///
/// TLS 1.2 and 1.3 are spoken, and `http/1.1` within. Files that were renewed are taken up by [`Tls::reload`].
#[derive(Clone, Debug)]
pub struct Tls {
    shared: Arc<Files>,
}

#[derive(Debug)]
struct Files {
    chain: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

/// Why certificates, or a key, can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read, or what is in it is broken.
    #[error("{} can't be read: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why; [`io::ErrorKind::InvalidData`] if the system could read it.
        #[source]
        error: io::Error,
    },
    /// There is no certificate in the file that should have some.
    #[error("there is no certificate in {}", file.display())]
    NoCertificate {
        /// The file.
        file: PathBuf,
    },
    /// There is no private key in the file that should have it.
    #[error("there is no private key in {}", file.display())]
    NoKey {
        /// The file.
        file: PathBuf,
    },
    /// The key is not that of the chain's first certificate.
    #[error("the key in {} does not belong to the first certificate in {}", key.display(), chain.display())]
    Mismatch {
        /// The file with the chain.
        chain: PathBuf,
        /// The file with the key.
        key: PathBuf,
    },
}

impl Tls {
    /// The certificate in `chain`, followed there by those that lead to a known authority, and its `key`: RSA, ECDSA or Ed25519, in PKCS #8,
    /// PKCS #1 or SEC 1. Both are PEM; they may be one file.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub fn from_files(chain: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Result<Self, TlsError> {
        let (chain, key) = (chain.into(), key.into());
        let config = RwLock::new(load(&chain, &key)?);
        Ok(Self { shared: Arc::new(Files { chain, key, config }) })
    }

    /// Reads the files again, for new connections; those that are open go on. Waits for the disk.
    ///
    /// # Errors
    /// See [`TlsError`]. What was read before stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = load(&self.shared.chain, &self.shared.key)?;
        *self.shared.config.write().expect(UNBROKEN) = config;
        Ok(())
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.shared.config.read().expect(UNBROKEN).clone().into()
    }
}

/// Why the configuration can be had.
const UNBROKEN: &str = "nothing panics while it holds the configuration";

/// Serves one connection from the handshake on.
pub(super) async fn serve(stream: TcpStream, tls: Tls, shared: Arc<Shared>, permits: Permits) {
    let ousted = permits.stranger.ousted();
    let Ok(stream) = settle(stream) else { return };
    let handshake = tls.acceptor().accept_with(stream, |session| session.set_buffer_limit(Some(BUFFER)));
    let shaken = tokio::select! {
        biased;
        () = ousted.notified() => return,
        shaken = tokio::time::timeout(shared.config.handshake_timeout, handshake) => shaken,
    };
    let peer = permits.peer;
    match shaken {
        Ok(Ok(stream)) => http::serve(Transport::Tls(Box::new(stream)), shared, permits).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

fn load(chain: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let certificates = certificates(chain)?;
    let no_key = || TlsError::NoKey { file: key.to_owned() };
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| in_file(key, error, no_key))?;

    let provider = Arc::new(ring::default_provider());
    let private = provider.key_provider.load_private_key(private).map_err(|error| broken(key, error))?;
    let certified = CertifiedKey::new(certificates, private);
    match certified.keys_match() {
        // Of a kind of key that does not tell.
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(TlsError::Mismatch { chain: chain.to_owned(), key: key.to_owned() });
        }
        Err(error) => return Err(broken(chain, error)),
    }
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])
        .expect("the provider has both versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificates in a PEM file: one at least.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let nothing = || TlsError::NoCertificate { file: file.to_owned() };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| in_file(file, error, nothing))?;
    if certificates.is_empty() { Err(nothing()) } else { Ok(certificates) }
}

fn in_file(file: &Path, error: pem::Error, nothing: impl FnOnce() -> TlsError) -> TlsError {
    match error {
        pem::Error::NoItemsFound => nothing(),
        pem::Error::Io(error) => TlsError::Unreadable { file: file.to_owned(), error },
        error => broken(file, error),
    }
}

pub(super) fn broken(file: &Path, error: impl std::error::Error + Send + Sync + 'static) -> TlsError {
    TlsError::Unreadable { file: file.to_owned(), error: io::Error::new(io::ErrorKind::InvalidData, error) }
}
