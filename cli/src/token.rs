//! `tickwire key` and `tickwire token`: what players show to be let in, and what it is signed with.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use tickwire::{Claims, JwtKey};

use crate::args::{ClaimsArgs, KeyArgs, TokenArgs};
use crate::auth;
use crate::error::CliError;

/// Makes a key.
pub(crate) fn key(args: &KeyArgs) -> Result<ExitCode, CliError> {
    let (secret, public) = if args.ed25519 {
        let pair = JwtKey::new_pair();
        (pair.private, pair.public)
    } else {
        (JwtKey::new_secret() + "\n", String::new())
    };
    let written = create(&args.file).and_then(|mut file| file.write_all(secret.as_bytes()));
    written.map_err(|error| CliError::Write { file: args.file.clone(), error })?;
    print(&public);
    eprintln!("{} lets everyone in who can read it: keep it secret", args.file.display());
    Ok(ExitCode::SUCCESS)
}

/// Mints a token.
pub(crate) fn token(args: TokenArgs) -> Result<ExitCode, CliError> {
    let expires = SystemTime::now() + Duration::from_secs(60 * args.minutes);
    let TokenArgs { name, room, claims: ClaimsArgs { issuer, audience }, .. } = args;
    let claims = Claims { name, room, issuer, audience, ..Claims::new(args.player, expires) };
    let claims = if args.once { claims.once() } else { claims };
    print(&format!("{}\n", auth::key(&args.key)?.mint(&claims)?));
    Ok(ExitCode::SUCCESS)
}

/// Says the result. Who reads no more of it has enough.
fn print(result: &str) {
    let _ = io::stdout().write_all(result.as_bytes());
}

/// A new file that its owner alone may read.
fn create(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}
