//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, RangedU64ValueParser};
use clap::{Parser, Subcommand};
use tickwire::Config;
use tickwire_client::bots::BotTokens;
use tickwire_client::{Trust, TrustError};

use crate::auth;
use crate::error::CliError;

fn positive<T: TryFrom<u64> + Clone + Send + Sync>(most: u64) -> RangedU64ValueParser<T>
where
    <T as TryFrom<u64>>::Error: Send + Sync + 'static + std::error::Error,
{
    RangedU64ValueParser::new().range(1..=most)
}

/// Hosts matches of a game, and plays them with bots. Without a subcommand it hosts.
#[derive(Debug, Parser)]
#[command(name = "tickwire", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) host: HostArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Host one match or many, and serve their page until interrupted
    Host(HostArgs),
    /// Play hosted matches with bots and report what they measured
    Bots(BotsArgs),
    /// Record a live room as a trace, from a seat in it
    Record(RecordArgs),
    /// Make a key that players' tokens are signed with
    Key(KeyArgs),
    /// Mint a player's token, and print it
    Token(TokenArgs),
    /// Run a recorded trace through the codec and report what it costs
    Codec(CodecArgs),
    /// Train priors from a recorded trace, for `host` and `codec` to begin with
    Train(TrainArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct HostArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7777")]
    pub(crate) addr: String,
    /// Certificate chain to serve https:// and wss:// with (PEM), the server's own first; SIGHUP reads it again
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) auth: AuthArgs,
    #[command(flatten)]
    pub(crate) rooms: RoomsArgs,
    /// Game to play; the first one known by default
    #[arg(long, value_name = "NAME")]
    pub(crate) game: Option<String>,
    /// Bots to play along, each a client on a socket of its own; they share the rooms evenly
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) bots: usize,
    /// About how many players to lay each match out for; its share of the bots by default
    #[arg(long, value_name = "N")]
    pub(crate) players: Option<u32>,
    /// Seed of the first match's randomness, and 1 more for each match after it; a random one by default
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Ticks a second, 1 to 1000
    #[arg(long, value_name = "HZ", default_value_t = 30, value_parser = positive::<u32>(1000))]
    pub(crate) tick_rate: u32,
    /// Ticks from one snapshot to the next
    #[arg(long, value_name = "TICKS", default_value_t = 1, value_parser = positive::<u32>(1000))]
    pub(crate) snapshot_every: u32,
    /// Ticks from one snapshot hash to the next
    #[arg(long, value_name = "TICKS", default_value_t = 64, value_parser = positive::<u32>(1_000_000))]
    pub(crate) hash_every: u32,
    /// Seats of each room
    #[arg(long, value_name = "N", default_value_t = 1024, value_parser = positive::<u16>(65_535))]
    pub(crate) seats: u16,
    /// Rooms that players may create beside these
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) player_rooms: u32,
    /// Spectators of each room
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) spectators: u32,
    /// Ticks by which spectators see everything later
    #[arg(long, value_name = "TICKS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) spectator_delay: u32,
    /// Seconds that the seat of a lost connection is held
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(..=86_400))]
    pub(crate) seat_hold: u64,
    /// Trained priors for the matches' snapshots to begin with
    #[arg(long, value_name = "FILE")]
    pub(crate) priors: Option<PathBuf>,
    /// Connections at once
    #[arg(long, value_name = "N", default_value_t = 8192, value_parser = positive::<u32>(1_000_000))]
    pub(crate) connections: u32,
    /// Threads that run rooms; one per core by default
    #[arg(long, value_name = "N", value_parser = positive::<u32>(1024))]
    pub(crate) workers: Option<u32>,
}

/// Who may play. Without any of it everyone may.
#[derive(Debug, clap::Args)]
pub(crate) struct AuthArgs {
    /// Let in who has a token of this key: a secret, or an Ed25519 key in PEM, of which the public half is enough
    #[arg(long, value_name = "FILE", conflicts_with = "auth_url")]
    pub(crate) auth_key: Option<PathBuf>,
    /// Let in those tokens only that say to be minted by this issuer (`iss`)
    #[arg(long, value_name = "NAME", requires = "auth_key")]
    pub(crate) auth_issuer: Option<String>,
    /// Let in those tokens only that say to be for this audience (`aud`)
    #[arg(long, value_name = "NAME", requires = "auth_key")]
    pub(crate) auth_audience: Option<String>,
    /// Let in whom the service at this http:// or https:// URL knows by the token
    #[arg(long, value_name = "URL")]
    pub(crate) auth_url: Option<String>,
    /// Secret that the service knows this host by
    #[arg(long, value_name = "FILE", requires = "auth_url")]
    pub(crate) auth_secret: Option<PathBuf>,
    /// Authority, or certificate signed by itself, to trust at an https:// URL (PEM)
    #[arg(long, value_name = "FILE", requires = "auth_url")]
    pub(crate) auth_ca: Option<PathBuf>,
    /// Take a token in the URL of the WebSocket, too (/?token=…): for clients that can't send one, because URLs are kept in logs
    #[arg(long)]
    pub(crate) url_tokens: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RoomsArgs {
    /// Name of the room; of several, the first
    #[arg(long, value_name = "NAME", default_value = "lobby")]
    pub(crate) room: String,
    /// Rooms: NAME, NAME-2, NAME-3 and so on
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = positive::<u32>(Config::default().rooms as u64))]
    pub(crate) rooms: u32,
}

impl RoomsArgs {
    /// The name of each room, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let others = (2..=self.rooms).map(|number| format!("{}-{number}", self.room));
        std::iter::once(self.room.clone()).chain(others).collect()
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct WhereArgs {
    /// Where the match is hosted
    #[arg(long, value_name = "URL", default_value = "ws://127.0.0.1:7777")]
    pub(crate) url: String,
    /// Authority, or certificate signed by itself, to trust at a wss:// URL (PEM); the public authorities by default
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_ca: Option<PathBuf>,
    /// Key to mint tokens with, if the host asks for such; a development token by default
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) claims: ClaimsArgs,
}

/// What tokens that are minted say beside their player.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct ClaimsArgs {
    /// Who is said to have minted the token (`iss`), if the host asks for that
    #[arg(long, value_name = "NAME", requires = "key")]
    pub(crate) issuer: Option<String>,
    /// For whom the token is said to be (`aud`), if the host asks for that; may be given more than once
    #[arg(long, value_name = "NAME", requires = "key")]
    pub(crate) audience: Vec<String>,
}

impl WhereArgs {
    /// Whose certificates to trust.
    pub(crate) fn trust(&self) -> Result<Trust, TrustError> {
        self.tls_ca.as_ref().map_or(Ok(Trust::default()), Trust::in_file)
    }

    /// What to show to be let in, for so long.
    pub(crate) fn tokens(&self, time: Duration) -> Result<BotTokens, CliError> {
        // Some more: the clocks differ, and a start takes a while.
        let time = time + Duration::from_secs(600);
        let minted = |file: &PathBuf| auth::bot_tokens(auth::key(file)?, time, self.claims.clone());
        self.key.as_ref().map_or(Ok(BotTokens::default()), minted)
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct BotsArgs {
    #[command(flatten)]
    pub(crate) host: WhereArgs,
    #[command(flatten)]
    pub(crate) rooms: RoomsArgs,
    /// Game to play; the first one known by default
    #[arg(long, value_name = "NAME")]
    pub(crate) game: Option<String>,
    /// Bots; they share the rooms evenly
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = positive::<u32>(100_000))]
    pub(crate) count: u32,
    /// Seconds to play
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = positive::<u64>(1_000_000))]
    pub(crate) seconds: u64,
    /// Seed of the bots' randomness; a random one by default
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Print one JSON object on stdout instead of the summary
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct KeyArgs {
    /// The file to write, which must not exist; its owner alone may read it
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// An Ed25519 pair instead of a secret: the private key goes to the file, the public one to stdout
    #[arg(long)]
    pub(crate) ed25519: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TokenArgs {
    /// Key to sign with: a secret, or an Ed25519 private key in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Id of the player
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) player: String,
    /// What people call the player; the id by default
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: Option<String>,
    /// The only room that the token opens; all by default
    #[arg(long, value_name = "ROOM", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) room: Option<String>,
    /// Minutes until it expires
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = positive::<u64>(10 * 365 * 24 * 60))]
    pub(crate) minutes: u64,
    /// For one connection only
    #[arg(long)]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) claims: ClaimsArgs,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CodecArgs {
    /// The trace, plain or compressed with zstd
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: PathBuf,
    /// Game that the trace was recorded from: its schema counts, and not the trace's own
    #[arg(long, value_name = "NAME")]
    pub(crate) game: Option<String>,
    /// Trained priors to begin with; the built-in ones by default
    #[arg(long, value_name = "FILE")]
    pub(crate) priors: Option<PathBuf>,
    /// Tick after which ticks count; the 60th by default
    #[arg(long, value_name = "TICK")]
    pub(crate) after: Option<u32>,
    /// Print one JSON object on stdout instead of the summary
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RecordArgs {
    #[command(flatten)]
    pub(crate) host: WhereArgs,
    /// Name of the room
    #[arg(long, value_name = "NAME", default_value = "lobby")]
    pub(crate) room: String,
    /// Seconds to record
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = positive::<u64>(1_000_000))]
    pub(crate) seconds: u64,
    /// The file to write; compressed if its name ends in .zst
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TrainArgs {
    /// The trace, plain or compressed with zstd
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: PathBuf,
    /// Game that the trace was recorded from, and that the priors are for; the trace's own schema by default
    #[arg(long, value_name = "NAME")]
    pub(crate) game: Option<String>,
    /// Last tick to learn from; all by default
    #[arg(long, value_name = "TICK")]
    pub(crate) until: Option<u32>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}
