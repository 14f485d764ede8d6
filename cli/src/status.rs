//! The host's one quiet line: how the matches are.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use tickwire::{Relay, RoomStats};

/// Between two lines on a terminal, where each takes the place of the last, and in a log.
const ON_TERMINAL: Duration = Duration::from_secs(1);
const IN_LOG: Duration = Duration::from_secs(10);

/// Shows the status for ever.
pub(crate) async fn watch(relay: Relay) {
    let terminal = std::io::stderr().is_terminal();
    let mut last = Look::at(&relay);
    loop {
        tokio::time::sleep(if terminal { ON_TERMINAL } else { IN_LOG }).await;
        let look = Look::at(&relay);
        let line = look.line_since(&last);
        let (before, after) = if terminal { ("\r", "\x1b[K") } else { ("", "\n") };
        let mut out = std::io::stderr().lock();
        // A closed terminal is no reason to stop hosting.
        let _ = write!(out, "{before}{line}{after}").and_then(|()| out.flush());
        last = look;
    }
}

/// The relay's stats at one time.
struct Look {
    at: Instant,
    cpu: Option<Duration>,
    /// Of the ticks of all rooms together, in nanoseconds.
    tick_p99: u64,
    sessions: usize,
    /// By the room's name.
    rooms: BTreeMap<String, Counts>,
}

/// What a room has counted since it was opened.
struct Counts {
    ticks: u64,
    session_ticks: u64,
    bytes: u64,
    lost_ticks: u64,
    desyncs: u64,
}

impl Look {
    /// Keeps a few numbers of each room: its histogram is too large to keep one for each of many.
    fn at(relay: &Relay) -> Self {
        let stats = relay.stats().rooms;
        let sessions = stats.iter().map(|room| room.sessions).sum();
        let counts = |room: &RoomStats| Counts {
            ticks: room.tick.into(),
            session_ticks: room.session_ticks,
            bytes: room.bytes,
            lost_ticks: room.lost_ticks,
            desyncs: room.desyncs,
        };
        let rooms = stats.iter().map(|room| (room.name.clone(), counts(room))).collect();
        let ticks = stats.into_iter().map(|room| room.tick_nanos).reduce(|mut all, room| {
            all += room;
            all
        });
        let tick_p99 = ticks.map_or(0, |ticks| ticks.value_at_quantile(0.99));
        Self { at: Instant::now(), cpu: cpu_time(), tick_p99, sessions, rooms }
    }

    fn line_since(&self, last: &Self) -> String {
        // A room that has ended since takes nothing from the others' figures.
        let both = || self.rooms.iter().filter_map(|(name, now)| Some((now, last.rooms.get(name)?)));
        let rise =
            |count: fn(&Counts) -> u64| both().map(|(now, last)| count(now).saturating_sub(count(last))).sum::<u64>();
        let seconds = (self.at - last.at).as_secs_f64();
        let hz = rise(|room| room.ticks) as f64 / seconds / both().count().max(1) as f64;
        let session_ticks = rise(|room| room.session_ticks);
        let each = |total: f64| total / session_ticks.max(1) as f64;
        let cpu = self.cpu.zip(last.cpu).filter(|_| session_ticks > 0);
        let cpu = cpu.map(|(now, then)| now.saturating_sub(then).as_secs_f64() * 1e6);
        let cpu = cpu.map_or(String::new(), |micros| format!(" · {:.1} µs CPU/client·tick", each(micros)));
        let lost = rise(|room| room.lost_ticks);
        let lost = if lost > 0 { format!(" · {lost} ticks LOST") } else { String::new() };
        let desyncs = rise(|room| room.desyncs);
        let desyncs = if desyncs > 0 { format!(" · {desyncs} DESYNCS") } else { String::new() };
        format!(
            "tick p99 {:.2} ms · {hz:.1} Hz · {} · {} · {:.0} B/client·tick{cpu}{lost}{desyncs}",
            self.tick_p99 as f64 / 1e6,
            counted(self.sessions, "client"),
            counted(self.rooms.len(), "room"),
            each(rise(|room| room.bytes) as f64),
        )
    }
}

fn counted(count: usize, of: &str) -> String {
    format!("{count} {of}{}", if count == 1 { "" } else { "s" })
}

/// The processor time of this process, its own bots included; where the system has `/proc`.
fn cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields 14 and 15, counted from the one after the program's name, in ticks of 10 ms.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis((ticks()? + ticks()?) * 10))
}
