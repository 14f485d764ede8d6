//! Whom a client believes to be the relay that a `wss://` URL names.

#[cfg(feature = "tls")]
pub use tls::TrustError;

/// Whose certificates a client believes when it connects by `wss://`; by default those that the public authorities vouch for (Mozilla's list).
/// Cheap to clone.
#[derive(Clone, Default)]
pub struct Trust {
    /// None: by default.
    #[cfg(feature = "tls")]
    config: Option<std::sync::Arc<tls::Config>>,
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trust").finish_non_exhaustive()
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::io;
    use std::path::{Path, PathBuf};
    use std::sync::{Arc, LazyLock};

    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
    use tokio_rustls::rustls::version::{TLS12, TLS13};
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};
    use tokio_tungstenite::Connector;

    use super::Trust;

    pub(super) type Config = ClientConfig;

    /// Why certificates to trust can't be used.
    #[derive(Debug, thiserror::Error)]
    #[error("{} can't be read: {error}", file.display())]
    pub struct TrustError {
        /// The file.
        pub file: PathBuf,
        /// Why; [`io::ErrorKind::InvalidData`] if the system could read it.
        #[source]
        pub error: io::Error,
    }

    /// One for all clients: the list is long.
    static PUBLIC: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Arc::new(config(roots))
    });

    impl Trust {
        /// The authorities in a PEM file, and no others. A certificate that is signed by itself is its own authority, unless it says that it
        /// may sign others (`CA:TRUE`, as `openssl req -x509` writes unless told otherwise): a relay can't show such a one as its own.
        ///
        /// # Errors
        /// See [`TrustError`].
        pub fn in_file(file: impl AsRef<Path>) -> Result<Self, TrustError> {
            let file = file.as_ref();
            let roots = roots(file).map_err(|error| TrustError { file: file.to_owned(), error })?;
            Ok(Self { config: Some(Arc::new(config(roots))) })
        }

        pub(crate) fn connector(&self) -> Connector {
            Connector::Rustls(self.config.as_ref().unwrap_or(&PUBLIC).clone())
        }
    }

    fn roots(file: &Path) -> io::Result<RootCertStore> {
        let broken =
            |error: Box<dyn std::error::Error + Send + Sync>| io::Error::new(io::ErrorKind::InvalidData, error);
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        for certificate in certificates.map_err(|error| match error {
            pem::Error::Io(error) => error,
            error => broken(error.into()),
        })? {
            roots.add(certificate).map_err(|error| broken(error.into()))?;
        }
        if roots.is_empty() { Err(broken("there is no certificate in it".into())) } else { Ok(roots) }
    }

    fn config(roots: RootCertStore) -> ClientConfig {
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .expect("the provider has both versions")
            .with_root_certificates(roots)
            .with_no_client_auth()
    }
}
