//! Why a subcommand could not do its work, in words for the person at the terminal.

use std::io;
use std::path::PathBuf;

use tickwire::{ClaimsError, ConfigError, KeyError, OpenError, PriorsError, TlsError, WebhookError};
use tickwire_client::{ClientError, TrustError};

use crate::trace::{ReplayError, TraceError};

#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("the system can't run tasks: {0}")]
    Runtime(#[source] io::Error),
    #[error("can't listen on {addr}: {error}. Another address: --addr HOST:PORT")]
    Listen {
        addr: String,
        #[source]
        error: io::Error,
    },
    #[error("the listener broke: {0}")]
    Serve(#[source] io::Error),
    #[error("there is no game `{name}`; known: {known}")]
    UnknownGame { name: String, known: String },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error("{}: {error}", file.display())]
    Key {
        file: PathBuf,
        #[source]
        error: KeyError,
    },
    #[error(transparent)]
    Claims(#[from] ClaimsError),
    #[error(
        "--auth-url: an https:// URL needs --auth-ca FILE, the authorities that the service's certificate may come from; those that the system \
         knows are often in /etc/ssl/certs/ca-certificates.crt"
    )]
    NoAuthorities,
    #[error("--auth-url: {0}")]
    Webhook(WebhookError),
    #[error("the room could not be opened: {0}")]
    Open(#[from] OpenError),
    #[error("{}: {error}", file.display())]
    Trace {
        file: PathBuf,
        #[source]
        error: TraceError,
    },
    #[error("nothing to measure: the trace has no tick after {0}; see --after")]
    NothingCounts(u32),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("{} can't be read: {error}", file.display())]
    Read {
        file: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("{} can't be written: {error}", file.display())]
    Write {
        file: PathBuf,
        #[source]
        error: io::Error,
    },
    #[error("{}: {error} (with the same --game that they are used with)", file.display())]
    Priors {
        file: PathBuf,
        #[source]
        error: PriorsError,
    },
    #[error("the trace can't be written: {0}")]
    Record(#[from] io::Error),
    #[error("the room can't be recorded: {0}")]
    Refused(String),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the report could not be written: {0}")]
    Report(#[from] serde_json::Error),
}

impl From<WebhookError> for CliError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Https => Self::NoAuthorities,
            error => Self::Webhook(error),
        }
    }
}
