//! The host's one quiet line: how the matches are.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use tickwire::{Relay, RelayStats, RoomStats};

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
    stats: RelayStats,
}

impl Look {
    fn at(relay: &Relay) -> Self {
        Self { at: Instant::now(), cpu: cpu_time(), stats: relay.stats() }
    }

    fn sum(&self, count: impl Fn(&RoomStats) -> u64) -> u64 {
        self.stats.rooms.iter().map(count).sum()
    }

    fn line_since(&self, last: &Self) -> String {
        let rise = |count: fn(&RoomStats) -> u64| self.sum(count).saturating_sub(last.sum(count));
        let seconds = (self.at - last.at).as_secs_f64();
        let rooms = self.stats.rooms.len().max(1) as f64;
        let hz = rise(|room| room.tick.into()) as f64 / seconds / rooms;
        let p99 = self.stats.rooms.iter().map(|room| room.tick_nanos.value_at_quantile(0.99)).max().unwrap_or(0);
        let session_ticks = rise(|room| room.session_ticks);
        let each = |total: f64| total / session_ticks.max(1) as f64;
        let cpu = self.cpu.zip(last.cpu).map(|(now, then)| now.saturating_sub(then).as_secs_f64() * 1e6);
        let cpu = cpu.map_or(String::new(), |micros| format!(" · {:.1} µs CPU/client·tick", each(micros)));
        let lost = rise(|room| room.lost_ticks);
        let lost = if lost > 0 { format!(" · {lost} ticks LOST") } else { String::new() };
        let desyncs = rise(|room| room.desyncs);
        let desyncs = if desyncs > 0 { format!(" · {desyncs} DESYNCS") } else { String::new() };
        format!(
            "tick p99 {:.2} ms · {hz:.1} Hz · {} · {} · {:.0} B/client·tick{cpu}{lost}{desyncs}",
            p99 as f64 / 1e6,
            counted(self.stats.rooms.iter().map(|room| room.sessions).sum(), "client"),
            counted(self.stats.rooms.len(), "room"),
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
