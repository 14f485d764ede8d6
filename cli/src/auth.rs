//! Who may play: players by a key or by a service, and the host's own bots whatever that is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tickwire::{Authenticator, Claims, Door, JwtKey, JwtTokens, Verdict, Webhook};
use tickwire_client::bots::BotTokens;

use crate::args::AuthArgs;
use crate::error::CliError;

/// Longer than any host runs.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The authenticator that the command line asks for, and the tokens of the host's own bots; none if every token is to be believed.
pub(crate) fn of_host(args: &AuthArgs) -> Result<Option<(impl Authenticator + use<>, BotTokens)>, CliError> {
    let players: Arc<dyn Authenticator> = if let Some(file) = &args.auth_key {
        let tokens = JwtTokens::from_bytes(&read(file)?);
        Arc::new(tokens.map_err(|error| CliError::Key { file: file.clone(), error })?)
    } else if let Some(url) = &args.auth_url {
        let webhook = Webhook::new(url)?;
        Arc::new(match &args.auth_secret {
            Some(file) => webhook.secret(String::from_utf8_lossy(&read(file)?).trim_end())?,
            None => webhook,
        })
    } else {
        return Ok(None);
    };
    // Not the players' key: it may be the half that mints nothing, and a service need not know bots.
    let key = JwtKey::hs256(JwtKey::new_secret().as_bytes()).expect("a new secret is long enough");
    Ok(Some((WithBots { bots: JwtTokens::of(&key), players }, bot_tokens(key, FOR_EVER))))
}

/// Tokens for bots that play for so long.
pub(crate) fn bot_tokens(key: JwtKey, time: Duration) -> BotTokens {
    let expires = SystemTime::now() + time;
    BotTokens::new(move |id, name| {
        let claims = Claims { name: Some(name.to_owned()), ..Claims::new(id, expires) };
        key.mint(&claims).expect("a bot's id and its name are short")
    })
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
        let bot = self.bots.authenticate(token, door);
        let (players, token) = (self.players.clone(), token.to_owned());
        Box::pin(async move {
            match bot.await {
                Ok(grant) => Ok(grant),
                Err(_) => players.authenticate(&token, door).await,
            }
        })
    }
}
