//! The program: what it knows, and which subcommand runs.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use tickwire::{
    Game, OpenError, Page, Plan, Priors, Relay, RelayBuilder, Relayed, RoomHandle, RoomOptions, Sim, SimOptions,
};
use tickwire_client::bots::{AnyBrain, Brain};
use tickwire_protocol::Schema;
use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command};
use crate::error::CliError;
use crate::{bots, codec, host, record, token};

/// The games that the program knows, and the pages that it serves.
#[derive(Default)]
pub struct Program {
    games: Vec<KnownGame>,
    pages: Vec<Page>,
}

type OpenRoom =
    Box<dyn Fn(&Relay, &str, u32, (SimOptions, RoomOptions)) -> Result<RoomHandle, OpenError> + Send + Sync>;
type OfferRooms = Box<dyn Fn(RelayBuilder, SimOptions, RoomOptions) -> RelayBuilder + Send + Sync>;
/// Ticks a second of a room without a game: a message waits for 8 ms on average.
const RELAYED_RATE: u32 = 60;

/// How many players a room is laid out for if who creates it does not say.
const PLAYERS: u32 = 12;

type MakeBrain = Arc<dyn Fn(u64) -> Box<dyn AnyBrain> + Send + Sync>;

/// A game and who plays it.
pub(crate) struct KnownGame {
    pub(crate) name: &'static str,
    pub(crate) open: OpenRoom,
    /// Lets players create rooms of it.
    pub(crate) offer: OfferRooms,
    pub(crate) brain: MakeBrain,
    pub(crate) schema: Box<dyn Fn() -> Arc<Schema> + Send + Sync>,
}

impl Program {
    /// A program that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers a game: how to make it for about so many players, and the brain of the bot with this seed. The first one is the default.
    pub fn game<G: Game, B: Brain>(
        mut self,
        name: &'static str,
        game: impl Fn(u32) -> G + Send + Sync + 'static,
        brain: impl Fn(u64) -> B + Send + Sync + 'static,
    ) -> Self {
        let game = Arc::new(game);
        let (same, offered) = (game.clone(), game.clone());
        self.games.push(KnownGame {
            name,
            open: Box::new(move |relay, room, players, (sim, options)| {
                let game = Arc::new(game(players));
                relay.open_as(room, Plan { game, sim, room: RoomOptions { kind: name.to_owned(), ..options } })
            }),
            offer: Box::new(move |builder, sim, room| {
                let game = offered.clone();
                builder.kind(name, move |creation| {
                    let game = Arc::new(game(creation.seats.map_or(PLAYERS, u32::from)));
                    Ok(Plan { game, sim: sim.clone(), room: room.clone() })
                })
            }),
            brain: Arc::new(move |seed| Box::new(brain(seed))),
            schema: Box::new(move || Sim::new(same(1), SimOptions::default()).schema().clone()),
        });
        self
    }

    /// Serves these files beside the WebSockets; `/` is the front page.
    pub fn pages(mut self, pages: impl IntoIterator<Item = Page>) -> Self {
        self.pages.extend(pages);
        self
    }

    /// Does what the command line says. The exit status is 0 if all went well.
    pub fn run(self) -> ExitCode {
        let args = Args::parse();
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,tickwire_cli=info"));
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .init();
        let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return fail(&CliError::Runtime(error)),
        };
        let result = runtime.block_on(async {
            match args.command {
                None => host::run(&self, args.host).await,
                Some(Command::Host(args)) => host::run(&self, args).await,
                Some(Command::Bots(args)) => bots::run(&self, args).await,
                Some(Command::Record(args)) => record::run(args).await,
                Some(Command::Key(args)) => token::key(&args),
                Some(Command::Token(args)) => token::token(args),
                Some(Command::Codec(args)) => codec::run(&self, &args),
                Some(Command::Train(args)) => codec::train(&self, &args),
            }
        });
        // Threads that still hold a socket do not hold the program.
        runtime.shutdown_background();
        match result {
            Ok(code) => code,
            Err(error) => fail(&error),
        }
    }

    /// The game of this name, or the first.
    pub(crate) fn find(&self, name: Option<&str>) -> Result<&KnownGame, CliError> {
        let known = || self.games.iter().map(|game| game.name).collect::<Vec<_>>().join(", ");
        let game = match name {
            Some(name) => self.games.iter().find(|game| game.name == name),
            None => self.games.first(),
        };
        game.ok_or_else(|| CliError::UnknownGame { name: name.unwrap_or_default().to_owned(), known: known() })
    }

    /// Lets players create rooms of every game, first of all of `first`, and rooms in which nothing is simulated.
    pub(crate) fn offer(
        &self,
        first: &KnownGame,
        builder: RelayBuilder,
        sim: &SimOptions,
        room: &RoomOptions,
    ) -> RelayBuilder {
        let others = self.games.iter().filter(|game| game.name != first.name);
        let games = std::iter::once(first).chain(others);
        // Priors are for one game's schema.
        let plain = SimOptions { priors: None, ..sim.clone() };
        let builder = games.fold(builder, |builder, game| (game.offer)(builder, plain.clone(), room.clone()));
        let relayed = SimOptions { tick_rate: RELAYED_RATE, ..plain };
        let room = room.clone();
        builder.kind("relayed", move |_| Ok(Plan { sim: relayed.clone(), room: room.clone(), ..Plan::of(Relayed) }))
    }

    /// Priors from a file, for a schema.
    pub(crate) fn priors(&self, file: &Path, schema: &Schema) -> Result<Arc<Priors>, CliError> {
        let bytes = std::fs::read(file).map_err(|error| CliError::Read { file: file.to_owned(), error })?;
        match Priors::from_bytes(schema, &bytes) {
            Ok(priors) => Ok(Arc::new(priors)),
            Err(error) => Err(CliError::Priors { file: file.to_owned(), error }),
        }
    }

    pub(crate) fn served(&self) -> impl Iterator<Item = Page> + '_ {
        self.pages.iter().cloned()
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.games.iter().map(|game| game.name)).finish()
    }
}

fn fail(error: &CliError) -> ExitCode {
    eprintln!("tickwire: {error}");
    ExitCode::from(2)
}
