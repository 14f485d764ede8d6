//! A certificate for the relay's end of a connection, and the trust in it at the clients'.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tickwire::Tls;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::Connector;

/// A certificate that is signed by itself, in files that are gone when this is dropped.
#[derive(Debug)]
pub struct Certificate {
    directory: PathBuf,
}

impl Certificate {
    /// A new one, for relays on this machine.
    pub fn make() -> Self {
        let directory = std::env::temp_dir().join(format!("tickwire-bench-{}", std::process::id()));
        let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("it is an address");
        std::fs::create_dir_all(&directory).expect("there is a place for short-lived files");
        let certificate = Self { directory };
        let write = |file: PathBuf, text: String| std::fs::write(file, text).expect("a bench may write there");
        write(certificate.chain(), made.cert.pem());
        write(certificate.key(), made.signing_key.serialize_pem());
        certificate
    }

    /// The file that clients are to trust.
    pub fn chain(&self) -> PathBuf {
        self.directory.join("chain.pem")
    }

    fn key(&self) -> PathBuf {
        self.directory.join("key.pem")
    }

    pub(super) fn tls(&self) -> Tls {
        Tls::from_files(self.chain(), self.key()).expect("the files were just written")
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        // What is left of it is the system's to clean up.
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Believes the certificate in this file, and no other.
pub(super) fn trust(chain: &Path) -> Connector {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(chain).expect("the relay's process has written it");
    roots.add(certificate).expect("it is a certificate");
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Connector::Rustls(Arc::new(config))
}
