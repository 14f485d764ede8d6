//! `tickwire host`: a relay with one room or many, their page, some bots and a status line.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tickwire::{Config, Priors, Relay, RoomOptions, SimOptions, Tls};
use tickwire_client::Trust;
use tickwire_client::bots::{self, BotTokens, BotsOptions, Progress};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::args::HostArgs;
use crate::auth;
use crate::error::CliError;
use crate::program::Program;
use crate::status;

pub(crate) async fn run(program: &Program, args: HostArgs) -> Result<ExitCode, CliError> {
    let game = program.find(args.game.as_deref())?;
    let tls = args.tls_cert.as_ref().zip(args.tls_key.as_ref());
    let tls = tls.map(|(chain, key)| Tls::from_files(chain, key)).transpose()?;
    let (listener, addr) = listen(&args.addr).await?;
    let mut builder = Relay::builder().config(config(&args)).pages(program.served());
    let mut tokens = BotTokens::default();
    let auth = auth::of_host(&args.auth)?;
    let everyone = auth.is_none();
    if let Some((players, bots)) = auth {
        builder = builder.authenticator(players);
        tokens = bots;
    }
    let room_options = RoomOptions {
        spectators: args.spectators as usize,
        spectator_delay: args.spectator_delay,
        ..RoomOptions::default()
    };
    let relay = program.offer(game, builder, &sim_options(&args, 0, None), &room_options).build()?;
    let seed = args.seed.unwrap_or_else(rand::random);
    let rooms = args.rooms.names();
    let players = args.players.unwrap_or(args.bots.div_ceil(rooms.len()) as u32);
    let priors = args.priors.as_deref().map(|file| program.priors(file, &(game.schema)())).transpose()?;
    for (index, room) in (0..).zip(&rooms) {
        let sim = sim_options(&args, seed.wrapping_add(index), priors.clone());
        (game.open)(&relay, room, players, (sim, room_options.clone()))?;
    }

    if let Some(tls) = &tls {
        reload_on_hangup(tls.clone());
    }
    let interrupted = interrupted();
    println!("{}", url(program, tls.is_some(), &addr, &args.rooms.room));
    let place = match &*rooms {
        [first, .., last] => format!("{} rooms, {first} to {last}", rooms.len()),
        _ => format!("room {}", args.rooms.room),
    };
    let bots = if args.bots == 1 { "1 bot".to_owned() } else { format!("{} bots", args.bots) };
    println!("{} in {place}, {} Hz, seed {seed}, {bots}; Ctrl-C stops", game.name, args.tick_rate);
    if everyone {
        println!("Every token is believed, for development: --auth-key or --auth-url says who may play");
    }

    let stop = watch::Sender::new(false);
    let mut for_bots = addr;
    if tls.is_some() && args.bots > 0 {
        // The certificate is for players, who know the host by its name: bots come in by a door of their own.
        let (listener, addr) = listen("127.0.0.1:0").await?;
        for_bots = addr;
        let (relay, stopped) = (relay.clone(), stopped(&stop));
        tokio::spawn(async move { relay.serve(listener, stopped).await });
    }
    let bots = tokio::spawn(bots::run(
        BotsOptions {
            url: format!("ws://{for_bots}"),
            trust: Trust::default(),
            rooms,
            count: args.bots,
            time: None,
            seed,
            run: format!("host{seed:x}"),
            tokens,
        },
        {
            let brain = game.brain.clone();
            move |seed| brain(seed)
        },
        Arc::new(Progress::default()),
        stopped(&stop),
    ));
    let status = tokio::spawn(status::watch(relay.clone()));
    let shutdown = async {
        interrupted.await;
        stop.send_replace(true);
    };
    let served = match tls {
        Some(tls) => relay.serve_tls(listener, tls, shutdown).await,
        None => relay.serve(listener, shutdown).await,
    };
    let served = served.map_err(CliError::Serve);
    status.abort();
    bots.abort();
    served?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

async fn listen(addr: &str) -> Result<(TcpListener, SocketAddr), CliError> {
    let bound = async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok((listener, addr))
    };
    bound.await.map_err(|error| CliError::Listen { addr: addr.to_owned(), error })
}

/// Takes a renewed certificate up whenever the system sends SIGHUP, until the program ends.
#[cfg(unix)]
fn reload_on_hangup(tls: Tls) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return tracing::warn!(%error, "SIGHUP can't be heard: a renewed certificate needs a new start"),
    };
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            match tls.reload() {
                Ok(()) => tracing::info!("certificate and key were read again: new connections use them"),
                Err(error) => tracing::error!("certificate and key stay what they were: {error}"),
            }
        }
    });
}

#[cfg(not(unix))]
fn reload_on_hangup(_: Tls) {}

/// Where to go: the page of the room, or the socket if the program has no pages.
fn url(program: &Program, tls: bool, addr: &SocketAddr, room: &str) -> String {
    let secure = if tls { "s" } else { "" };
    match room {
        _ if program.served().next().is_none() => format!("ws{secure}://{addr}"),
        "lobby" => format!("http{secure}://{addr}/"),
        _ => format!("http{secure}://{addr}/?room={}", query_value(room)),
    }
}

/// As a URL's query can hold it: percent-encoded but for letters, digits, `-`, `.`, `_` and `~`.
fn query_value(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

fn config(args: &HostArgs) -> Config {
    let default = Config::default();
    Config {
        seat_hold: Duration::from_secs(args.seat_hold),
        connections: args.connections as usize,
        rooms: (args.rooms.rooms + args.player_rooms) as usize,
        url_tokens: args.auth.url_tokens,
        workers: args.workers.map_or(default.workers, |workers| workers as usize),
        ..default
    }
}

fn sim_options(args: &HostArgs, seed: u64, priors: Option<Arc<Priors>>) -> SimOptions {
    SimOptions {
        seed,
        priors,
        tick_rate: args.tick_rate,
        snapshot_every: args.snapshot_every,
        hash_every: args.hash_every,
        seats: args.seats,
        ..SimOptions::default()
    }
}

fn stopped(stop: &watch::Sender<bool>) -> impl Future<Output = ()> + Send + use<> {
    let mut stop = stop.subscribe();
    async move {
        // An error means that nobody can stop it any more.
        let _ = stop.wait_for(|stop| *stop).await;
    }
}

/// Ready when Ctrl-C is pressed or the system ends the program, from the call on.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    #[cfg(unix)]
    let interrupted = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
    async {
        #[cfg(unix)]
        if let (Ok(mut terminated), Ok(mut interrupted)) = (terminated, interrupted) {
            tokio::select! {
                biased;
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}
