//! Every limit of a relay with its default. None is infinite.

use std::net::IpAddr;
use std::time::Duration;

use tickwire_protocol::MAX_CONTENT;

use crate::limit::Rate;

/// The limits and times of a relay.
#[derive(Clone, Debug)]
pub struct Config {
    /// From accept to the end of the TLS handshake, from there (without TLS from accept) to a whole HTTP request, and from the upgrade to the
    /// token. Default 3 s each: a good client needs one round trip, of TLS two.
    pub handshake_timeout: Duration,
    /// For the authenticator's verdict. Default 5 s: it may ask another service.
    pub lookup_timeout: Duration,
    /// From accept (with TLS: the handshake's end) to an upgrade, or to the end of a connection that asks for pages only, however busy it is.
    /// Default 10 s: a page and its scripts, and a while for the next. What is asked before is answered, half as long after it at most.
    pub http_timeout: Duration,
    /// From the token to a room, from one room to the next, and for a room's answer. Default 30 s: time to choose one. Who hears a channel of the
    /// relay, or of changes in the list of rooms, may stay without one.
    pub idle_timeout: Duration,
    /// From our close frame to the peer's. Default 1 s, a few round trips: then the connection is dropped.
    pub close_timeout: Duration,
    /// From the last sign of life to a ping, and from that to the next. Default 2 s: three fit before the peer is given up.
    pub heartbeat: Duration,
    /// Without a sign of life (a message, a pong, bytes that had waited and that the peer accepts) before eviction. Default 6 s: two lost pings
    /// and a slow third.
    pub unresponsive: Duration,
    /// From shutdown to the end of the last session. Default 10 s: what service managers wait at least before they kill.
    pub shutdown_timeout: Duration,
    /// Bytes of one incoming message. Default 4,096: an input has a few dozen, a token at most 2,048.
    pub message_bytes: usize,
    /// Requests of a session for a room. Default 1 a second, 5 at once: each costs the room a seat, entities and a keyframe.
    pub joins: Rate,
    /// Requests of a session for a resync. Default 2 a second, 4 at once: clients ask twice a second at most.
    pub resyncs: Rate,
    /// All other messages of a session but its inputs, and its WebSocket control frames, together. Default 30 a second, 60 at once: a client
    /// in good order has two.
    pub control_messages: Rate,
    /// Inputs of a session, as a multiple of its room's tick rate; two seconds' worth at once. Default 2: one a tick is all that
    /// counts, and clocks differ.
    pub inputs_per_tick: u32,
    /// Messages of a session to others and to the game, its subscriptions and requests. Default 10 a second, 30 at once: more than anyone types.
    pub messages: Rate,
    /// Questions of a session for the list of rooms. Default 1 a second, 5 at once.
    pub lookups: Rate,
    /// What all people of a room together say, subscribe to and ask. Default 500 a second, 1,000 at once: each may go to everyone in it.
    pub room_messages: Rate,
    /// Bytes of what all people of a room together say to each other, as it is in text: with names, keys and numbers. Default 32 KiB a second,
    /// 64 KiB at once: a slow link bears that, and no burst fills an outbox.
    pub room_message_bytes: Rate,
    /// The same in the relay's channels. Default 500 a second, 1,000 at once.
    pub relay_messages: Rate,
    /// … and bytes of it. Default 32 KiB a second, 64 KiB at once.
    pub relay_message_bytes: Rate,
    /// Messages beyond a limit that are dropped with a warning, before the session is evicted. Default 60 a second, 120 at once.
    pub excess: Rate,
    /// Bytes of a session as they leave the socket, so that what never becomes a message counts too. Default 32 KiB a second,
    /// 64 KiB at once.
    pub bytes: Rate,
    /// Bytes that wait for a session's socket. Default 64 KiB. Beyond it snapshots are dropped, for a resync to make good; what must not be
    /// lost may take as much again. A resync larger than this may wait when nothing else does, and does not count.
    pub outbox_bytes: usize,
    /// Frames beyond which no snapshot waits for a session's socket. Default 32: about a second.
    pub outbox_frames: usize,
    /// How far a client's acknowledgements may be behind, round trips allowed for, before its session holds; two and a half times as far for
    /// a client that sends no inputs, and at least twelve snapshots. Default 500 ms: longer than a hiccup of a mobile network, and about what
    /// a player bears.
    pub lag: Duration,
    /// Resyncs of a room sent at one tick; the others wait their turn. Default 64: a thousand clients that come back at once are let in within
    /// half a second at 30 Hz, and nobody else's snapshots wait for them.
    pub resyncs_per_tick: usize,
    /// Bytes that the kernel may hold for a session (`SO_SNDBUF`; Linux doubles it). Default 32 KiB: what it holds can't be taken
    /// back, and is stale when it arrives.
    pub send_buffer: usize,
    /// Inputs of one session that wait for their room's next tick. Default 32: a second's worth at 30 Hz, of a room that is late.
    pub waiting_inputs: u32,
    /// Connections at once. Default 8,192: some 100 MB of memory.
    pub connections: usize,
    /// Connections at once that have not shown a valid token; when one more comes, the oldest is closed. Default 256: a storm of reconnections
    /// passes in seconds, and a flood of silent ones stays small.
    pub unauthenticated: usize,
    /// Connections at once from one address (of IPv6: from one /64). Default 32: a household, a school's room.
    pub address_connections: u32,
    /// New connections from one address. Default 10 a second, 32 at once.
    pub address_rate: Rate,
    /// Requests by HTTP for a place or for the list of rooms (`POST /match`, `GET /rooms`) from one address, over however many connections. Default
    /// 10 a second, 32 at once: one for each connection that may come.
    pub address_requests: Rate,
    /// Wrong tokens from one address in a minute, before its next are answered with 429. Default 5.
    pub address_failures: u32,
    /// Whether this machine's own connections are spared the limits by address. Default yes: bots, tests, a back-end that finds places for its
    /// players. Those of a proxy are, too: list it in [`Config::proxies`], so that its clients are not.
    pub exempt_loopback: bool,
    /// Proxies in front of the relay. For a connection from one of them, the last address in its `x-forwarded-for` that is not itself a
    /// proxy is the one that counts, and none if it names no other; from anyone else the header is ignored. A back-end on another machine that
    /// asks by HTTP for many players is such a one: listed here, it names each player's address, or is spared the limits. Default none.
    pub proxies: Vec<IpAddr>,
    /// Rooms at once. Default 1,024: a mistake in an embedder's loop ends there.
    pub rooms: usize,
    /// Rooms at once that one player has created. Default 4: who wants more forgets some. Of matches one has one at a time.
    pub rooms_per_player: usize,
    /// How long a room that a player has created stays when nobody is in it. Default 30 s: a reload, or friends on their way. A match ends when
    /// all have left it.
    pub empty_time: Duration,
    /// How long every tick of a room may take longer than its time before the room is closed. Default 10 s: a hiccup passes, and a room that can't
    /// keep its pace takes it from others.
    pub over_budget: Duration,
    /// How long a seat is kept for a player who was told where to go. Default 15 s: a page loads, a connection comes up.
    pub reservation: Duration,
    /// How long a player waits for a match before being told that there is none. Default 120 s.
    pub queue_timeout: Duration,
    /// How far apart the ranks of players may be who are matched at once. Default 100: of Elo's ranks, two players who each win every third
    /// match at least.
    pub rank_tolerance: u32,
    /// By how much more for each second that one of them has waited. Default 20.
    pub rank_tolerance_growth: u32,
    /// How long a game may take to answer a request. Default 5 s.
    pub request_timeout: Duration,
    /// Bytes of what must not be lost (messages, events, replies) that a room keeps for players who come back; each takes 128 beside its
    /// content. Default 128 KiB. Of what one player has missed, so much is sent as makes [`Config::outbox_bytes`].
    ///
    /// Of both, one half is what the game and the embedder say and one what people say; each may use what the other leaves. So as long as the
    /// game says less than its half in the time of [`Config::seat_hold`], nobody loses one of its events, whatever others shout. Of people,
    /// whoever takes most loses the oldest first: nobody's words are lost who says less in that time than the half divided by all who speak.
    /// All spectators are one there. What the game answers a player is on that player's account; its events are on its own, whoever they are
    /// an answer to.
    pub log_bytes: usize,
    /// Channels of a room. Default 256.
    pub room_channels: usize,
    /// Channels of the relay. Default 1,024.
    pub relay_channels: usize,
    /// Channels that one session hears in its room, and in the relay. Default 32 each.
    pub subscriptions: usize,
    /// Messages that a channel keeps for those who come later. Default 50: a page of chat.
    pub history_messages: usize,
    /// … and bytes of them. Default 16 KiB.
    pub history_bytes: usize,
    /// How long a seat is held after its connection is lost. Default 20 s: a tunnel, a reload, another network.
    pub seat_hold: Duration,
    /// Origins (`https://example.org`) whose pages may connect, beside the relay's own. Default none. A client without an origin is no
    /// browser, and needs a token like everyone.
    pub origins: Vec<String>,
    /// Whether a token may come in the URL of the upgrade (`/?token=…`) instead of the first message, for clients that can't send one. Default
    /// no: URLs are kept in histories and in the logs of proxies. The relay logs none.
    pub url_tokens: bool,
    /// Threads that run rooms. Default: one per core.
    pub workers: usize,
    /// Threads that send what rooms publish. Default: one per core.
    pub fanout_threads: usize,
    /// Threads that read what sessions say, each with up to 1,024 connections before the next is used. Default: one per core.
    pub reader_threads: usize,
}

impl Default for Config {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            handshake_timeout: Duration::from_secs(3),
            lookup_timeout: Duration::from_secs(5),
            http_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            close_timeout: Duration::from_secs(1),
            heartbeat: Duration::from_secs(2),
            unresponsive: Duration::from_secs(6),
            shutdown_timeout: Duration::from_secs(10),
            message_bytes: 4096,
            joins: Rate { per_second: 1, burst: 5 },
            resyncs: Rate { per_second: 2, burst: 4 },
            control_messages: Rate { per_second: 30, burst: 60 },
            inputs_per_tick: 2,
            messages: Rate { per_second: 10, burst: 30 },
            lookups: Rate { per_second: 1, burst: 5 },
            room_messages: Rate { per_second: 500, burst: 1000 },
            room_message_bytes: Rate { per_second: 32 * 1024, burst: 64 * 1024 },
            relay_messages: Rate { per_second: 500, burst: 1000 },
            relay_message_bytes: Rate { per_second: 32 * 1024, burst: 64 * 1024 },
            excess: Rate { per_second: 60, burst: 120 },
            bytes: Rate { per_second: 32 * 1024, burst: 64 * 1024 },
            outbox_bytes: 64 * 1024,
            outbox_frames: 32,
            lag: Duration::from_millis(500),
            resyncs_per_tick: 64,
            send_buffer: 32 * 1024,
            waiting_inputs: 32,
            connections: 8192,
            unauthenticated: 256,
            address_connections: 32,
            address_rate: Rate { per_second: 10, burst: 32 },
            address_requests: Rate { per_second: 10, burst: 32 },
            address_failures: 5,
            exempt_loopback: true,
            proxies: Vec::new(),
            rooms: 1024,
            rooms_per_player: 4,
            empty_time: Duration::from_secs(30),
            over_budget: Duration::from_secs(10),
            reservation: Duration::from_secs(15),
            queue_timeout: Duration::from_secs(120),
            rank_tolerance: 100,
            rank_tolerance_growth: 20,
            request_timeout: Duration::from_secs(5),
            log_bytes: 128 * 1024,
            room_channels: 256,
            relay_channels: 1024,
            subscriptions: 32,
            history_messages: 50,
            history_bytes: 16 * 1024,
            seat_hold: Duration::from_secs(20),
            origins: Vec::new(),
            url_tokens: false,
            workers: cores,
            fanout_threads: cores,
            reader_threads: cores,
        }
    }
}

/// Of any rate: a unit a nanosecond.
const MOST_PER_SECOND: u32 = 1_000_000_000;

/// Why a [`Config`] makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A time is shorter than a millisecond or longer than a day.
    #[error("`{0}` is not between a millisecond and a day")]
    Time(&'static str),
    /// A number is 0 or larger than a million (bytes: a thousand millions).
    #[error("`{0}` is 0 or far too large")]
    Number(&'static str),
    /// A peer would be given up before it was asked for a sign of life.
    #[error("`unresponsive` is not longer than `heartbeat`")]
    Heartbeat,
}

impl Config {
    /// Whether a relay can work with it.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let day = Duration::from_secs(24 * 3600);
        for (name, time) in [
            ("handshake_timeout", self.handshake_timeout),
            ("lookup_timeout", self.lookup_timeout),
            ("http_timeout", self.http_timeout),
            ("idle_timeout", self.idle_timeout),
            ("close_timeout", self.close_timeout),
            ("heartbeat", self.heartbeat),
            ("unresponsive", self.unresponsive),
            ("shutdown_timeout", self.shutdown_timeout),
            ("lag", self.lag),
            ("empty_time", self.empty_time),
            ("over_budget", self.over_budget),
            ("reservation", self.reservation),
            ("queue_timeout", self.queue_timeout),
            ("request_timeout", self.request_timeout),
        ] {
            if !(Duration::from_millis(1)..=day).contains(&time) {
                return Err(ConfigError::Time(name));
            }
        }
        if self.seat_hold > day {
            return Err(ConfigError::Time("seat_hold"));
        }
        if self.unresponsive <= self.heartbeat {
            return Err(ConfigError::Heartbeat);
        }
        const MANY: usize = 1_000_000;
        for (name, number, most) in [
            ("message_bytes", self.message_bytes, 1000 * MANY),
            ("inputs_per_tick", self.inputs_per_tick as usize, 1000),
            ("outbox_bytes", self.outbox_bytes, 1000 * MANY),
            ("outbox_frames", self.outbox_frames, MANY),
            ("send_buffer", self.send_buffer, 1000 * MANY),
            ("waiting_inputs", self.waiting_inputs as usize, MANY),
            ("connections", self.connections, MANY),
            ("unauthenticated", self.unauthenticated, MANY),
            ("address_connections", self.address_connections as usize, MANY),
            ("address_failures", self.address_failures as usize, MANY),
            ("rooms", self.rooms, MANY),
            ("rooms_per_player", self.rooms_per_player, MANY),
            ("log_bytes", self.log_bytes, 1000 * MANY),
            ("room_channels", self.room_channels, MANY),
            ("relay_channels", self.relay_channels, MANY),
            ("subscriptions", self.subscriptions, MANY),
            ("history_messages", self.history_messages, MANY),
            ("history_bytes", self.history_bytes, 1000 * MANY),
            ("workers", self.workers, 1024),
            ("fanout_threads", self.fanout_threads, 1024),
            ("reader_threads", self.reader_threads, 1024),
            ("resyncs_per_tick", self.resyncs_per_tick, MANY),
        ] {
            if !(1..=most).contains(&number) {
                return Err(ConfigError::Number(name));
            }
        }
        for (name, rate, least) in [
            ("joins", self.joins, 1),
            ("resyncs", self.resyncs, 1),
            ("control_messages", self.control_messages, 1),
            ("messages", self.messages, 1),
            ("lookups", self.lookups, 1),
            ("room_messages", self.room_messages, 1),
            ("relay_messages", self.relay_messages, 1),
            // A message of any size may be said now and then.
            ("room_message_bytes", self.room_message_bytes, MAX_CONTENT as u32),
            ("relay_message_bytes", self.relay_message_bytes, MAX_CONTENT as u32),
            ("excess", self.excess, 1),
            // So many may have been read with the upgrade.
            ("bytes", self.bytes, 8192),
            ("address_rate", self.address_rate, 1),
            ("address_requests", self.address_requests, 1),
        ] {
            let sensible = |number: u32, least| (least..=MOST_PER_SECOND).contains(&number);
            if !sensible(rate.per_second, 1) || !sensible(rate.burst, least) {
                return Err(ConfigError::Number(name));
            }
        }
        Ok(())
    }

    /// The rate of WebSocket frames that a client may send, in a room of this tick rate or in none: all that could be messages within the
    /// limits, or beyond them but borne with.
    pub(crate) fn frames(&self, tick_rate: Option<u32>) -> Rate {
        let inputs = tick_rate.map_or(Rate { per_second: 0, burst: 0 }, |rate| self.inputs(rate));
        let sum = |part: fn(&Rate) -> u32| {
            [inputs, self.control_messages, self.messages, self.lookups, self.excess]
                .iter()
                .fold(0u32, |sum, rate| sum.saturating_add(part(rate)))
                .min(MOST_PER_SECOND)
        };
        Rate { per_second: sum(|rate| rate.per_second), burst: sum(|rate| rate.burst) }
    }

    /// The rate of inputs that a room of this tick rate allows.
    pub(crate) fn inputs(&self, tick_rate: u32) -> Rate {
        let per_second = self.inputs_per_tick.saturating_mul(tick_rate);
        Rate { per_second, burst: per_second.saturating_mul(2) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_named() {
        assert_eq!(Config::default().check(), Ok(()));
        let check = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check()
        };
        assert_eq!(check(|config| config.idle_timeout = Duration::MAX), Err(ConfigError::Time("idle_timeout")));
        assert_eq!(check(|config| config.heartbeat = Duration::ZERO), Err(ConfigError::Time("heartbeat")));
        assert_eq!(check(|config| config.heartbeat = config.unresponsive), Err(ConfigError::Heartbeat));
        assert_eq!(check(|config| config.connections = usize::MAX), Err(ConfigError::Number("connections")));
        assert_eq!(check(|config| config.workers = 0), Err(ConfigError::Number("workers")));
        assert_eq!(check(|config| config.bytes.burst = 100), Err(ConfigError::Number("bytes")));
        assert_eq!(check(|config| config.joins.per_second = 0), Err(ConfigError::Number("joins")));
    }
}
