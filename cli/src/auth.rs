//! Who may play: players by a key or by a service, and the host's own bots whatever that is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tickwire::{Authenticator, Claims, Door, JwtKey, JwtTokens, Verdict, Webhook};
use tickwire_client::bots::BotTokens;
use tracing::subscriber::{NoSubscriber, with_default};

use crate::args::{AuthArgs, ClaimsArgs};
use crate::error::CliError;

/// Longer than any host runs.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Bytes of a bot's id, or of its name, at most.
const MAX_BOT_NAME: usize = 64;

/// The authenticator that the command line asks for, and the tokens of the host's own bots; none if every token is to be believed.
pub(crate) fn of_host(args: &AuthArgs) -> Result<Option<(impl Authenticator + use<>, BotTokens)>, CliError> {
    let players: Arc<dyn Authenticator> = if let Some(file) = &args.auth_key {
        let tokens = JwtTokens::from_bytes(&read(file)?);
        let mut tokens = tokens.map_err(|error| CliError::Key { file: file.clone(), error })?;
        if let Some(issuer) = &args.auth_issuer {
            tokens = tokens.issuer(issuer);
        }
        if let Some(audience) = &args.auth_audience {
            tokens = tokens.audience(audience);
        }
        Arc::new(tokens)
    } else if let Some(url) = &args.auth_url {
        let webhook = match &args.auth_ca {
            Some(file) => Webhook::over_tls(url, file)?,
            None => Webhook::new(url)?,
        };
        Arc::new(match &args.auth_secret {
            Some(file) => webhook.secret(String::from_utf8_lossy(&read(file)?).trim_end())?,
            None => webhook,
        })
    } else {
        return Ok(None);
    };
    // Not the players' key: it may be the half that mints nothing, and a service need not know bots.
    let key = JwtKey::hs256(JwtKey::new_secret().as_bytes()).expect("a new secret is long enough");
    let bots = JwtTokens::of(&key);
    Ok(Some((WithBots { bots, players }, bot_tokens(key, FOR_EVER, ClaimsArgs::default())?)))
}

/// Tokens for bots that play for so long.
pub(crate) fn bot_tokens(key: JwtKey, time: Duration, args: ClaimsArgs) -> Result<BotTokens, CliError> {
    let expires = SystemTime::now() + time;
    let mint = move |id: &str, name: &str| {
        let ClaimsArgs { issuer, audience } = args.clone();
        key.mint(&Claims { name: Some(name.to_owned()), issuer, audience, ..Claims::new(id, expires) })
    };
    // One that is as long as any will be.
    mint(&"x".repeat(MAX_BOT_NAME), &"x".repeat(MAX_BOT_NAME))?;
    Ok(BotTokens::new(move |id, name| mint(id, name).expect("a longer one could be minted")))
}

/// The key in a file, to mint with.
pub(crate) fn key(file: &Path) -> Result<JwtKey, CliError> {
    JwtKey::from_bytes(&read(file)?).map_err(|error| CliError::Key { file: file.to_owned(), error })
}

fn read(file: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::read(file).map_err(|error| CliError::Read { file: file.to_owned(), error })
}

/// Knows the host's own bots by a key that only this process has, and everyone else as `players` does.
struct WithBots {
    bots: JwtTokens,
    players: Arc<dyn Authenticator>,
}

impl Authenticator for WithBots {
    fn authenticate(&self, token: &str, door: Door) -> Verdict {
        // Silently: a player's is none of theirs, and no wrong one.
        let bot = with_default(NoSubscriber::default(), || self.bots.authenticate(token, door));
        let (players, token) = (self.players.clone(), token.to_owned());
        Box::pin(async move {
            match bot.await {
                Ok(grant) => Ok(grant),
                Err(_) => players.authenticate(&token, door).await,
            }
        })
    }
}
