//! What bots show to be let in.

use std::sync::Arc;

type Mint = dyn Fn(&str, &str) -> String + Send + Sync;

/// Makes the bots' tokens. By default they are development tokens: the ids themselves.
#[derive(Clone)]
pub struct BotTokens(Arc<Mint>);

impl BotTokens {
    /// Made by `mint` of a bot's id, which no other bot has, and of its name. A bot shows its token again when it has lost its connection.
    pub fn new(mint: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(mint))
    }

    /// The token of a bot.
    pub fn mint(&self, id: &str, name: &str) -> String {
        (self.0)(id, name)
    }
}

impl Default for BotTokens {
    fn default() -> Self {
        Self::new(|id, _| id.to_owned())
    }
}

impl std::fmt::Debug for BotTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BotTokens").finish_non_exhaustive()
    }
}
