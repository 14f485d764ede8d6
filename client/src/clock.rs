//! Which tick the room is at right now, from probes.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tickwire_protocol::Tick;

/// Probes to choose from. One a second: eight follow a route that changes within seconds.
const SAMPLES: usize = 8;

/// Estimates a room's clock. Of the last probes the one with the shortest round trip says most: its reply spent the least time in
/// queues.
#[derive(Debug, Default)]
pub(crate) struct RoomClock {
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    rtt: Duration,
    /// When the reply came, and the tick that the room was at then, with its fraction.
    at: Instant,
    tick: f64,
}

impl RoomClock {
    /// A probe sent at `sent` was answered: the room was at `tick`, and a `phase` of 1/65,536 on, half a round trip ago.
    pub(crate) fn answered(&mut self, sent: Instant, now: Instant, (tick, phase): (Tick, u16), rate: f64) {
        let rtt = now - sent;
        let tick = f64::from(tick) + f64::from(phase) / 65_536.0 + rtt.as_secs_f64() / 2.0 * rate;
        // A reply can be off by half its round trip. More than that, and the room has dropped time: what was known is of no use.
        let slack = rtt.as_secs_f64() / 2.0 * rate + 1.0;
        if self.tick(now, rate).is_some_and(|believed| (believed - tick).abs() > slack) {
            self.samples.clear();
        }
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(Sample { rtt, at: now, tick });
    }

    /// The room's tick now, with its fraction; none before the first probe was answered.
    pub(crate) fn tick(&self, now: Instant, rate: f64) -> Option<f64> {
        let best = self.samples.iter().min_by_key(|sample| sample.rtt)?;
        Some(best.tick + now.saturating_duration_since(best.at).as_secs_f64() * rate)
    }

    /// The last round trip.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        Some(self.samples.back()?.rtt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_round_trip_is_believed() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut clock = RoomClock::default();
        assert_eq!(clock.tick(start, 10.0), None);
        clock.answered(ms(0), ms(100), (50, 0), 10.0);
        // The way back took long: this one says 52.0 at 400 ms, and 53.5 would be right.
        clock.answered(ms(100), ms(400), (50, 32_768), 10.0);
        assert_eq!(clock.tick(ms(400), 10.0), Some(50.5 + 3.0));
        assert_eq!(clock.rtt(), Some(Duration::from_millis(300)));
    }

    #[test]
    fn a_room_that_dropped_time_is_believed_at_once() {
        let start = Instant::now();
        let ms = |ms| start + Duration::from_millis(ms);
        let mut clock = RoomClock::default();
        clock.answered(ms(0), ms(10), (100, 0), 30.0);
        clock.answered(ms(1000), ms(1010), (110, 0), 30.0);
        let tick = clock.tick(ms(1010), 30.0).expect("two probes were answered");
        assert!((tick - 110.15).abs() < 0.01, "{tick}");
    }
}
