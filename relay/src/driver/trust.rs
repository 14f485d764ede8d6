//! Whom the relay believes to be the service that an `https://` URL names.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::tls::{TlsError, broken, certificates};

/// A host, and the authorities that may vouch for it.
#[derive(Clone, Debug)]
pub(super) struct Trust {
    host: ServerName<'static>,
    config: Arc<ClientConfig>,
}

impl Trust {
    /// The authorities in a PEM file, and no others.
    pub(super) fn in_file(host: ServerName<'static>, file: &Path) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| broken(file, error))?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has both versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { host, config: Arc::new(config) })
    }

    /// Shakes hands with whoever is at the other end, if that is the host.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsConnector::from(self.config.clone()).connect(self.host.clone(), stream).await
    }
}

/// A URL's host as certificates name it: a name or an address.
pub(super) fn name(host: &str) -> Option<ServerName<'static>> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    ServerName::try_from(bare.unwrap_or(host).to_owned()).ok()
}
