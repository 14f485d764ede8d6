//! `tickwire host`: a relay with one room or many, their page, some bots and a status line.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tickwire::{Config, Priors, Relay, SimOptions};
use tickwire_client::bots::{self, BotsOptions, Progress};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::args::HostArgs;
use crate::error::CliError;
use crate::program::Program;
use crate::status;

pub(crate) async fn run(program: &Program, args: HostArgs) -> Result<ExitCode, CliError> {
    let game = program.find(args.game.as_deref())?;
    let listener =
        TcpListener::bind(&args.addr).await.map_err(|error| CliError::Listen { addr: args.addr.clone(), error })?;
    let addr = listener.local_addr().map_err(CliError::Serve)?;
    let relay = Relay::builder().config(config(&args)).pages(program.served()).build()?;
    let seed = args.seed.unwrap_or_else(rand::random);
    let rooms = args.rooms.names();
    let players = args.players.unwrap_or(args.bots.div_ceil(rooms.len()) as u32);
    let priors = args.priors.as_deref().map(|file| program.priors(file, &(game.schema)())).transpose()?;
    for (index, room) in (0..).zip(&rooms) {
        (game.open)(&relay, room, players, sim_options(&args, seed.wrapping_add(index), priors.clone()))?;
    }

    println!("{}", url(program, &addr, &args.rooms.room));
    let place = match &*rooms {
        [first, .., last] => format!("{} rooms, {first} to {last}", rooms.len()),
        _ => format!("room {}", args.rooms.room),
    };
    let bots = if args.bots == 1 { "1 bot".to_owned() } else { format!("{} bots", args.bots) };
    println!("{} in {place}, {} Hz, seed {seed}, {bots}; Ctrl-C stops", game.name, args.tick_rate);

    let stop = watch::Sender::new(false);
    let bots = tokio::spawn(bots::run(
        BotsOptions {
            url: format!("ws://{addr}"),
            rooms,
            count: args.bots,
            time: None,
            seed,
            run: format!("host{seed:x}"),
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
        interrupted().await;
        stop.send_replace(true);
    };
    let served = relay.serve(listener, shutdown).await.map_err(CliError::Serve);
    status.abort();
    bots.abort();
    served?;
    println!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Where to go: the page of the room, or the socket if the program has no pages.
fn url(program: &Program, addr: &SocketAddr, room: &str) -> String {
    match room {
        _ if program.served().next().is_none() => format!("ws://{addr}"),
        "lobby" => format!("http://{addr}/"),
        _ => format!("http://{addr}/?room={}", query_value(room)),
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
        rooms: args.rooms.rooms as usize,
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

/// Waits for Ctrl-C, or for the system to end the program.
pub(crate) async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                biased;
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
