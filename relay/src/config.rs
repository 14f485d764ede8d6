//! Every limit of a relay with its default. None is infinite.

use std::time::Duration;

use crate::limit::Rate;

/// The limits and times of a relay.
#[derive(Clone, Debug)]
pub struct Config {
    /// From accept to a whole HTTP request, and again from the upgrade to the token. Default 3 s: a good client needs one round
    /// trip for each.
    pub handshake_timeout: Duration,
    /// For the authenticator's verdict. Default 5 s: it may ask another service.
    pub lookup_timeout: Duration,
    /// From our close frame to the peer's. Default 1 s: then the connection is dropped.
    pub close_timeout: Duration,
    /// Between pings. Default 2 s.
    pub heartbeat: Duration,
    /// Without a sign of life (a message, a pong) before eviction. Default 6 s: two lost pings and a slow third.
    pub unresponsive: Duration,
    /// From shutdown to the end of the last session. Default 10 s.
    pub shutdown_timeout: Duration,
    /// Bytes of one incoming message. Default 4,096: an input has a few dozen, a token at most 2,048.
    pub message_bytes: usize,
    /// Messages of a session beside its inputs (joins, probes, resyncs …), and as many WebSocket control frames. Default 30 a
    /// second, 60 at once.
    pub control_messages: Rate,
    /// Inputs of a session, as a multiple of its room's tick rate; two seconds' worth at once. Default 2: one a tick is all that
    /// counts, and clocks differ.
    pub inputs_per_tick: u32,
    /// Messages beyond a limit that are dropped with a warning, before the session is evicted. Default 60 a second, 120 at once.
    pub excess: Rate,
    /// Bytes of a session as they leave the socket, so that what never becomes a message counts too. Default 32 KiB a second,
    /// 64 KiB at once.
    pub bytes: Rate,
    /// Bytes that wait for a session's socket. Default 64 KiB: a minute of a small match. A keyframe may exceed it when nothing
    /// else waits.
    pub outbox_bytes: usize,
    /// Frames that wait for a session's socket. Default 32: about a second.
    pub outbox_frames: usize,
    /// Bytes that the kernel may hold for a session (`SO_SNDBUF`; Linux doubles it). Default 32 KiB: what it holds can't be taken
    /// back, and is stale when it arrives.
    pub send_buffer: usize,
    /// Inputs of one session that wait for their room's next tick. Default 32.
    pub waiting_inputs: u32,
    /// Connections at once. Default 8,192.
    pub connections: usize,
    /// Connections at once that have not shown a valid token. Default 256.
    pub unauthenticated: usize,
    /// Rooms at once. Default 1,024.
    pub rooms: usize,
    /// How long a seat is held after its connection is lost. Default 20 s: a tunnel, a reload, another network.
    pub seat_hold: Duration,
    /// Origins (`https://example.org`) whose pages may connect, beside the relay's own. Default none. A client without an origin is no
    /// browser, and needs a token like everyone.
    pub origins: Vec<String>,
    /// Threads that run rooms. Default: one per core.
    pub workers: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            handshake_timeout: Duration::from_secs(3),
            lookup_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(1),
            heartbeat: Duration::from_secs(2),
            unresponsive: Duration::from_secs(6),
            shutdown_timeout: Duration::from_secs(10),
            message_bytes: 4096,
            control_messages: Rate { per_second: 30, burst: 60 },
            inputs_per_tick: 2,
            excess: Rate { per_second: 60, burst: 120 },
            bytes: Rate { per_second: 32 * 1024, burst: 64 * 1024 },
            outbox_bytes: 64 * 1024,
            outbox_frames: 32,
            send_buffer: 32 * 1024,
            waiting_inputs: 32,
            connections: 8192,
            unauthenticated: 256,
            rooms: 1024,
            seat_hold: Duration::from_secs(20),
            origins: Vec::new(),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Config {
    /// The rate of inputs that a room of this tick rate allows.
    pub(crate) fn inputs(&self, tick_rate: u32) -> Rate {
        let per_second = self.inputs_per_tick * tick_rate;
        Rate { per_second, burst: 2 * per_second }
    }
}
