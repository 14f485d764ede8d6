//! The gate: how many connections one address may have, how often it may come, how much it may ask for by HTTP, and how often it may show a
//! wrong token.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::limit::{Gcra, Rate};

/// Addresses after which those whose limits are as new are forgotten.
const FEW: usize = 1024;

/// About how many addresses without a connection are remembered at most: some 25 MB of memory. Who has so many gains nothing by being forgotten.
const MANY: usize = 65_536;

/// For wrong tokens.
const MINUTE: Duration = Duration::from_secs(60);

/// Knows who comes from where.
#[derive(Debug)]
pub(crate) struct Gate {
    limits: Limits,
    exempt_loopback: bool,
    seen: Mutex<Seen>,
}

/// Of each address.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: u32,
    visits: Rate,
    requests: Rate,
    failures: u32,
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
    visits: Gcra,
    requests: Gcra,
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
        let limits = Limits {
            connections: config.address_connections,
            visits: config.address_rate,
            requests: config.address_requests,
            failures: config.address_failures,
        };
        let seen = Mutex::new(Seen { addresses: HashMap::new(), sweep_at: FEW });
        Self { limits, exempt_loopback: config.exempt_loopback, seen }
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
        seen.make_room(now);
        let past = seen.addresses.entry(address).or_insert_with(|| Past::new(self.limits));
        if past.open >= self.limits.connections {
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
    /// Counts for whom a proxy has named, and for nobody if it names none. Over one connection of a proxy many may come, one after the other.
    pub(crate) fn turn_to(&mut self, now: Instant, client: Option<IpAddr>) -> Result<(), Barred> {
        if self.address != client.map(network) {
            *self = client.map_or_else(|| Ok(self.gate.wave_through()), |client| self.gate.admit(now, client))?;
        }
        Ok(())
    }

    /// The address asks for something by HTTP: it may, or waits so long until it may.
    pub(crate) fn ask(&self, now: Instant) -> Result<(), Duration> {
        self.with_past(|past| past.requests.check(now, 1)).unwrap_or(Ok(()))
    }

    /// The address has shown a wrong token.
    pub(crate) fn failed(&self, now: Instant) {
        // One beyond the limit does not count, so that the address may try again in time.
        self.with_past(|past| past.failures.check(now, 1));
    }

    /// Whether the address may show another token.
    pub(crate) fn may_try(&self, now: Instant) -> bool {
        self.with_past(|past| past.failures.has_room(now, 1)).unwrap_or(true)
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
    fn new(limits: Limits) -> Self {
        Self {
            open: 0,
            visits: Gcra::new(limits.visits),
            requests: Gcra::new(limits.requests),
            failures: Gcra::per(MINUTE / limits.failures.max(1), limits.failures),
        }
    }

    /// From when on all its limits are as new: none if they are.
    fn as_new_at(&self) -> Option<Instant> {
        [&self.visits, &self.requests, &self.failures].into_iter().filter_map(Gcra::empty_at).max()
    }
}

impl Seen {
    /// Forgets addresses without a connection when there are many: as often as they double, those whose limits are as new, and if that does not
    /// help, of the others the half that would be so first.
    fn make_room(&mut self, now: Instant) {
        if self.addresses.len() < self.sweep_at {
            return;
        }
        self.forget(Some(now));
        let mut ends: Vec<_> = self.quiet().map(Past::as_new_at).collect();
        if ends.len() >= MANY / 2 {
            let middle = ends.len() / 2;
            let (_, &mut end, _) = ends.select_nth_unstable(middle);
            self.forget(end);
        }
        let open = self.addresses.len() - self.quiet().count();
        self.sweep_at = (2 * self.addresses.len()).clamp(FEW, open + MANY);
    }

    /// Those without a connection.
    fn quiet(&self) -> impl Iterator<Item = &Past> {
        self.addresses.values().filter(|past| past.open == 0)
    }

    /// Forgets those without a connection whose limits are as new then.
    fn forget(&mut self, then: Option<Instant>) {
        self.addresses.retain(|_, past| past.open > 0 || past.as_new_at() > then);
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
    fn an_address_asks_for_so_much_whatever_it_asks_over() {
        let config = Config { address_requests: Rate { per_second: 1, burst: 3 }, ..Config::default() };
        let (gate, now) = (gate(config), Instant::now());
        let visit = |text: &str| gate.admit(now, ip(text)).expect("it may");
        let first = visit("2001:db8:0:7::1");
        assert!(first.ask(now).is_ok());
        drop(first);
        let (other, third) = (visit("2001:db8:0:7::2"), visit("2001:db8:0:7::3"));
        assert!(other.ask(now).is_ok() && third.ask(now).is_ok());
        assert_eq!(other.ask(now), Err(Duration::from_secs(1)));
        assert!(visit("2001:db8:0:8::1").ask(now).is_ok(), "another address is another matter");
        assert!(third.ask(now + Duration::from_secs(1)).is_ok());
        let local = visit("::1");
        assert!((0..100).all(|_| local.ask(now).is_ok()));
    }

    #[test]
    fn over_a_proxys_connection_each_counts_who_is_named() {
        let config =
            Config { address_rate: Rate { per_second: 1, burst: 2 }, address_failures: 1, ..Config::default() };
        let (gate, now) = (gate(config), Instant::now());
        let (ada, bob) = (Some(ip("192.0.2.1")), Some(ip("192.0.2.2")));
        let mut visit = gate.wave_through();
        for _ in 0..10 {
            assert_eq!(visit.turn_to(now, ada), Ok(()), "it is one visit all the while");
        }
        visit.failed(now);
        assert!(!visit.may_try(now));
        assert_eq!(visit.turn_to(now, bob), Ok(()));
        assert!(visit.may_try(now), "it was another who failed");
        assert_eq!(visit.turn_to(now, ada), Ok(()));
        assert!(!visit.may_try(now), "whoever came between");
        assert_eq!(visit.turn_to(now, None), Ok(()));
        assert!(visit.may_try(now), "this is the proxy itself");
        assert_eq!(visit.turn_to(now, ada), Err(Barred::Rate));
        drop(visit);
        assert!(gate.seen().addresses.values().all(|past| past.open == 0));
    }

    /// So many addresses.
    fn many(first: u32, count: u32) -> impl Iterator<Item = IpAddr> {
        (first..first + count).map(|index| IpAddr::from(index.to_be_bytes()))
    }

    #[test]
    fn addresses_are_forgotten_when_their_limits_are_as_new() {
        let (gate, now) = (gate(Config::default()), Instant::now());
        let _stays = gate.admit(now, ip("192.0.2.1")).expect("it may");
        gate.admit(now, ip("192.0.2.2")).expect("it may").failed(now);
        for address in many(0x0A00_0000, 4000) {
            drop(gate.admit(now, address));
        }
        let late = now + Duration::from_secs(11);
        for address in many(0x0B00_0000, 200) {
            drop(gate.admit(late, address));
        }
        let seen = gate.seen();
        assert!(seen.addresses.len() < 300, "{}", seen.addresses.len());
        for remembered in ["192.0.2.1", "192.0.2.2"] {
            assert!(seen.addresses.contains_key(&ip(remembered)), "{remembered}");
        }
    }

    #[test]
    fn of_very_many_addresses_those_that_did_least_are_forgotten() {
        let (gate, now) = (gate(Config::default()), Instant::now());
        let _stays = gate.admit(now, ip("192.0.2.1")).expect("it may");
        let worst = gate.admit(now, ip("192.0.2.2")).expect("it may");
        (0..5).for_each(|_| worst.failed(now));
        drop(worst);
        for address in many(0x0A00_0000, 100_000) {
            gate.admit(now, address).expect("it may").failed(now);
            assert!(gate.seen().addresses.len() <= MANY + 1);
        }
        assert!(!gate.admit(now, ip("192.0.2.2")).expect("it may").may_try(now));
        assert!(gate.seen().addresses.contains_key(&ip("192.0.2.1")));
    }
}
