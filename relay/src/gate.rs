//! The gate: how many connections one address may have, how often it may come, and how often it may show a wrong token.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::limit::{Gcra, Rate};

/// Addresses after which those that have been quiet are forgotten.
const FEW: usize = 1024;

/// An address's past is forgotten when it has had no connection for so long: all its limits are as new by then.
const MEMORY: Duration = Duration::from_secs(60);

/// Knows who comes from where.
#[derive(Debug)]
pub(crate) struct Gate {
    connections: u32,
    rate: Rate,
    failures: u32,
    exempt_loopback: bool,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    addresses: HashMap<IpAddr, Past>,
    /// Addresses beyond which to forget some.
    sweep_at: usize,
}

/// What an address has done.
#[derive(Debug)]
struct Past {
    open: u32,
    last: Instant,
    visits: Gcra,
    failures: Gcra,
}

/// Why an address may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Barred {
    /// It has as many connections as it may.
    #[error("too many connections from this address")]
    Connections,
    /// It comes too often.
    #[error("too many connections a second from this address")]
    Rate,
}

/// A connection of an address, counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Visit {
    gate: Arc<Gate>,
    /// None for those that are not counted.
    address: Option<IpAddr>,
}

impl Gate {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            connections: config.address_connections,
            rate: config.address_rate,
            failures: config.address_failures,
            exempt_loopback: config.exempt_loopback,
            seen: Mutex::new(Seen { addresses: HashMap::new(), sweep_at: FEW }),
        }
    }

    /// Lets a connection in that nobody counts: a proxy's.
    pub(crate) fn wave_through(self: &Arc<Self>) -> Visit {
        Visit { gate: self.clone(), address: None }
    }

    /// Lets a connection in, or says why not.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant, address: IpAddr) -> Result<Visit, Barred> {
        let address = network(address);
        if self.exempt_loopback && address.is_loopback() {
            return Ok(self.wave_through());
        }
        let mut seen = self.seen();
        seen.sweep(now);
        let past = seen.addresses.entry(address).or_insert_with(|| Past::new(now, self.rate, self.failures));
        past.last = now;
        if past.open >= self.connections {
            return Err(Barred::Connections);
        }
        past.visits.check(now, 1).map_err(|_| Barred::Rate)?;
        past.open += 1;
        Ok(Visit { gate: self.clone(), address: Some(address) })
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics while it holds the addresses")
    }
}

impl Visit {
    /// The address has shown a wrong token.
    pub(crate) fn failed(&self, now: Instant) {
        // One beyond the limit does not count, so that the address may try again in time.
        self.with_past(|past| past.failures.check(now, 1));
    }

    /// Whether the address may show another token.
    pub(crate) fn may_try(&self, now: Instant) -> bool {
        self.with_past(|past| past.failures.wait(now, 1)).flatten().is_none()
    }

    fn with_past<T>(&self, act: impl FnOnce(&mut Past) -> T) -> Option<T> {
        self.gate.seen().addresses.get_mut(self.address.as_ref()?).map(act)
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.with_past(|past| past.open -= 1);
    }
}

impl Past {
    fn new(now: Instant, rate: Rate, failures: u32) -> Self {
        let failures = Gcra::per(MEMORY / failures.max(1), failures);
        Self { open: 0, last: now, visits: Gcra::new(rate), failures }
    }
}

impl Seen {
    /// Forgets quiet addresses when there are many: as often as they double.
    fn sweep(&mut self, now: Instant) {
        if self.addresses.len() >= self.sweep_at {
            self.addresses.retain(|_, past| past.open > 0 || now < past.last + MEMORY);
            self.sweep_at = FEW.max(2 * self.addresses.len());
        }
    }
}

/// What counts as one address: of IPv6 the /64 that a home or a phone has to itself.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(config: Config) -> Arc<Gate> {
        Arc::new(Gate::new(&config))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("it is an address")
    }

    #[test]
    fn so_many_at_once_and_so_many_a_second() {
        let config =
            Config { address_connections: 3, address_rate: Rate { per_second: 1, burst: 5 }, ..Config::default() };
        let (gate, now) = (gate(config), Instant::now());
        let mut visits: Vec<Visit> = (0..3).map(|_| gate.admit(now, ip("192.0.2.1")).expect("three may")).collect();
        assert_eq!(gate.admit(now, ip("192.0.2.1")).err(), Some(Barred::Connections));
        assert!(gate.admit(now, ip("192.0.2.2")).is_ok(), "another address is another matter");
        visits.clear();
        assert!(gate.admit(now, ip("192.0.2.1")).is_ok() && gate.admit(now, ip("192.0.2.1")).is_ok());
        assert_eq!(gate.admit(now, ip("192.0.2.1")).err(), Some(Barred::Rate));
        assert!(gate.admit(now + Duration::from_secs(1), ip("192.0.2.1")).is_ok());
    }

    #[test]
    fn a_home_is_one_address_and_loopback_is_none() {
        let (gate, now) = (gate(Config { address_connections: 1, ..Config::default() }), Instant::now());
        let _visit = gate.admit(now, ip("2001:db8:0:7::1")).expect("one may");
        assert!(gate.admit(now, ip("2001:db8:0:7:ffff::2")).is_err());
        assert!(gate.admit(now, ip("2001:db8:0:8::1")).is_ok());
        let _visit = gate.admit(now, ip("::ffff:192.0.2.1")).expect("one may");
        assert!(gate.admit(now, ip("192.0.2.1")).is_err(), "the same in both ways to write it");
        let local: Vec<Visit> =
            ["127.0.0.1", "::1", "127.0.0.9"].map(|text| gate.admit(now, ip(text)).expect("nobody counts")).into();
        assert_eq!(local.len(), 3);
    }

    #[test]
    fn wrong_tokens_bar_for_a_while() {
        let (gate, now) = (gate(Config::default()), Instant::now());
        let visit = gate.admit(now, ip("192.0.2.1")).expect("it may");
        for _ in 0..5 {
            assert!(visit.may_try(now));
            visit.failed(now);
        }
        visit.failed(now);
        assert!(!visit.may_try(now) && !visit.may_try(now + Duration::from_secs(11)));
        assert!(visit.may_try(now + Duration::from_secs(12)));
    }

    #[test]
    fn quiet_addresses_are_forgotten() {
        let (gate, now) = (gate(Config::default()), Instant::now());
        let _stays = gate.admit(now, ip("192.0.2.1")).expect("it may");
        for index in 0..4000u32 {
            drop(gate.admit(now, IpAddr::from((0x0A00_0000 + index).to_be_bytes())));
        }
        let late = now + MEMORY + Duration::from_secs(1);
        for index in 0..200u32 {
            drop(gate.admit(late, IpAddr::from((0x0B00_0000 + index).to_be_bytes())));
        }
        assert!(gate.seen().addresses.len() < 300, "{}", gate.seen().addresses.len());
        assert!(gate.seen().addresses.contains_key(&ip("192.0.2.1")));
    }
}
