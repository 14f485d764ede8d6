//! The lag policy, tick by tick.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A session in a room at 30 Hz whose client is so far away.
struct Rider {
    lag: Lag,
    now: Instant,
    tick: Tick,
    trip: Duration,
    /// Ticks on their way to the client and back, and when they are there.
    acks: std::collections::VecDeque<(Instant, Tick, bool)>,
    probes: u32,
}

impl Rider {
    fn new(trip: Duration) -> Self {
        let mut lag = Lag::new(SECOND / 2);
        lag.enter(30, 1);
        let now = Instant::now();
        assert!(lag.put_resync(now, FULL_RATE, None, 1, true));
        let acks = [(now + trip, 1, true)].into();
        Self { lag, now, tick: 1, trip, acks, probes: 0 }
    }

    /// Runs one tick; what became of its delta.
    fn tick(&mut self, vocal: bool) -> Offer {
        self.now += SECOND / 30;
        while let Some((_, tick, asked)) = self.acks.pop_front_if(|(at, ..)| *at <= self.now) {
            self.lag.acknowledge(self.now, tick, asked);
        }
        let base = self.tick;
        self.tick += 1;
        let offer = self.lag.offer(self.now, Some(base), self.tick, true);
        let probed = offer == Offer::TakeAndProbe;
        self.probes += u32::from(probed);
        if vocal || probed {
            self.acks.push_back((self.now + self.trip, self.tick, !vocal));
        }
        offer
    }
}

#[test]
fn a_client_far_away_is_not_slow_and_one_that_speaks_is_not_asked() {
    for (millis, vocal) in [(1, true), (1, false), (240, true), (240, false), (700, true), (700, false)] {
        let mut rider = Rider::new(Duration::from_millis(millis));
        for _ in 0..900 {
            assert!(matches!(rider.tick(vocal), Offer::Take | Offer::TakeAndProbe), "{millis} ms, {vocal}");
        }
        let probes = if vocal { 0..=2 } else { 10..=65 };
        assert!(probes.contains(&rider.probes), "{millis} ms, {vocal}: {} probes in 30 s", rider.probes);
    }
}

#[test]
fn who_does_not_answer_holds_within_the_limit_however_long_it_was_there() {
    for (vocal, seconds, most) in [(true, 10, 20), (false, 10, 40), (true, 100, 20), (false, 100, 40)] {
        let mut rider = Rider::new(Duration::from_millis(20));
        for _ in 0..30 * seconds {
            rider.tick(vocal);
        }
        let mut taken = 0;
        while rider.tick(false) != Offer::Hold {
            rider.acks.clear();
            taken += 1;
        }
        assert!((8..=most).contains(&taken), "{taken} ticks after {seconds} s");
    }
}

#[test]
fn who_keeps_up_moves_back_in_seconds_whether_it_speaks_or_not() {
    for vocal in [true, false] {
        let mut rider = Rider::new(Duration::from_millis(20));
        rider.lag.hold(rider.now);
        (rider.lag.phase, rider.lag.level) = (Phase::Rides, 1);
        let ticks = (0..900).take_while(|_| rider.lag.level > 0 && rider.tick(vocal) != Offer::Hold).count();
        assert!((140..=240).contains(&ticks), "{ticks} ticks, vocal {vocal}");
    }
}

#[test]
fn a_full_outbox_of_a_client_that_is_in_step_is_no_hold_for_ever() {
    let mut rider = Rider::new(Duration::from_millis(20));
    for _ in 0..30 {
        rider.tick(true);
    }
    rider.lag.acknowledge(rider.now, rider.tick, false);
    assert_eq!(rider.lag.offer(rider.now, Some(rider.tick), rider.tick + 1, false), Offer::Hold);
    assert_eq!(rider.lag.take_want(), Some(Want { base: Some(rider.tick), every: FULL_RATE }));
}

#[test]
fn an_acknowledgement_of_what_was_never_said_is_none() {
    let mut rider = Rider::new(Duration::from_millis(20));
    rider.lag.acknowledge(rider.now, 5000, true);
    assert_eq!(rider.lag.owed, Some(1));
    assert_eq!(rider.lag.round_trip(), UNKNOWN_ROUND_TRIP);
}

#[test]
fn each_failed_trial_is_waited_for_twice_as_long() {
    let mut rider = Rider::new(Duration::from_millis(20));
    let mut waits = Vec::new();
    for _ in 0..4 {
        // Two holds make it slow; then it is acknowledged in time until it tries again.
        while rider.lag.level == 0 {
            rider.lag.phase = Phase::Rides;
            rider.lag.hold(rider.now);
        }
        let since = rider.now;
        while rider.lag.level > 0 {
            rider.now += SECOND;
            rider.lag.phase = Phase::Rides;
            rider.lag.put(rider.now, rider.lag.tip + 1);
            rider.lag.acknowledge(rider.now + rider.trip, rider.lag.tip, true);
        }
        waits.push((rider.now - since).as_secs());
    }
    assert_eq!(waits, [5, 10, 20, 40]);
}
