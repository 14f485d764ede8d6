//! A slow client gets less and is never far behind, and nobody else notices.

use super::*;

/// Bytes of a delta of [`Noisy`], framed, and of a keyframe, rounded up: the tests below check them.
const DELTA: u32 = 340;
const KEYFRAME: u32 = 2400;

/// Bytes that a link of this part of the stream carries in a second.
fn width(percent: u32) -> u32 {
    DELTA * RATE * percent / 100
}

/// How stale a client may be: what the limit allows of deltas, a resync, and what the two systems and the link hold, at the link's width.
fn bound(config: &Config, width: u32, vocal: bool) -> f64 {
    let limit = config.lag.as_secs_f64() * if vocal { 1.0 } else { 2.5 } + 0.5;
    (limit * f64::from(DELTA * RATE) + f64::from(KEYFRAME)) / f64::from(width)
}

fn seconds(ticks: u32) -> f64 {
    f64::from(ticks) / f64::from(RATE)
}

#[tokio::test(start_paused = true)]
async fn a_wide_link_carries_every_snapshot_and_the_sizes_are_as_stated() {
    let game = Match::start(Config::default());
    let ada = game.join("ada", 10_000_000, true);
    let bert = game.join("bert", 10_000_000, false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = game.stats();
    let (ada, bert) = tokio::join!(ada.watch(60), bert.watch(60));
    let after = game.stats();
    ada.assert_missed_nothing(60);
    bert.assert_missed_nothing(60);
    let delta = (after.bytes - before.bytes) / (after.session_ticks - before.session_ticks);
    assert!((280..=u64::from(DELTA)).contains(&delta), "a delta has {delta} bytes");
    assert_eq!(after.resyncs, 2, "one each, at the start");
}

#[tokio::test(start_paused = true)]
async fn on_a_link_slower_than_the_stream_staleness_is_bounded_and_nobody_else_notices() {
    for vocal in [true, false] {
        for percent in [80, 40, 10] {
            let config = Config::default();
            let game = Match::start(config.clone());
            let healthy = game.join("healthy", 10_000_000, true);
            let slow = game.join("slow", width(percent), vocal);
            // The keyframe and the welcome have to come first.
            tokio::time::sleep(Duration::from_secs(10)).await;
            let (healthy, slow) = tokio::join!(healthy.watch(60), slow.watch(60));
            healthy.assert_missed_nothing(60);
            assert_eq!((slow.closed, slow.broken), (None, None));
            let (stalest, bound) = (seconds(slow.stalest), bound(&config, width(percent), vocal));
            assert!(stalest <= bound, "{percent} %, vocal {vocal}: stale by {stalest:.2} s, more than {bound:.2} s");
            assert!(slow.bells.windows(2).all(|pair| pair[1] == pair[0] + 1), "what must not be lost is not");
            assert!(slow.bells.len() > 50, "nor is it late");
            // At least half of what its link carries if all of it were keyframes.
            let least = 60 * width(percent) / KEYFRAME / 2;
            assert!(slow.ticks.len() as u32 >= least, "{} snapshots at {percent} %", slow.ticks.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_lag_policy_the_same_link_goes_stale() {
    let config = Config { lag: Duration::from_secs(3600), outbox_frames: 1_000_000, ..Config::default() };
    let game = Match::start(config);
    let slow = game.join("slow", width(80), true);
    tokio::time::sleep(Duration::from_secs(10)).await;
    let seen = slow.watch(60).await;
    let bound = bound(&Config::default(), width(80), true);
    assert!(seconds(seen.stalest) > bound, "{:.2} s, not even {bound:.2} s", seconds(seen.stalest));
}

#[tokio::test(start_paused = true)]
async fn who_keeps_up_again_gets_every_snapshot_again() {
    let game = Match::start(Config::default());
    let client = game.join("commuter", width(50), true);
    client.watch(30).await;
    assert_eq!(game.stats().slow_sessions, 1);
    client.link.set_width(10_000_000);
    client.watch(100).await;
    client.watch(30).await.assert_missed_nothing(30);
    assert_eq!(game.stats().slow_sessions, 0);
}

#[tokio::test(start_paused = true)]
async fn a_stall_costs_no_more_than_itself() {
    let game = Match::start(Config::default());
    let client = game.join("tunnel", 10_000_000, true);
    client.watch(20).await.assert_missed_nothing(19);
    client.link.set_width(0);
    tokio::time::sleep(Duration::from_secs(2)).await;
    client.link.set_width(10_000_000);
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.watch(20).await.assert_missed_nothing(20);
    assert_eq!(game.stats().slow_sessions, 0, "once is a stall");
}

#[tokio::test(start_paused = true)]
async fn who_accepts_nothing_is_evicted_in_time() {
    let config = Config::default();
    let game = Match::start(config.clone());
    let healthy = game.join("healthy", 10_000_000, true);
    let dead = game.join("dead", 10_000_000, false);
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(game.stats().sessions, 2);
    dead.link.set_width(0);
    // The last sign of life may have been the ping before.
    tokio::time::sleep(config.unresponsive + config.close_timeout + Duration::from_millis(200)).await;
    assert_eq!(game.stats().sessions, 1);
    healthy.watch(5).await.assert_missed_nothing(5);
}

#[tokio::test(start_paused = true)]
async fn a_crowd_gets_its_keyframes_a_few_at_a_tick_in_the_order_of_arrival() {
    let config = Config { resyncs_per_tick: 4, ..Config::default() };
    let game = Match::start(config);
    let healthy = game.join("healthy", 10_000_000, true);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut crowd = Vec::new();
    for index in 0..40 {
        crowd.push(game.join(&format!("guest.{index}"), 10_000_000, true));
        tokio::time::sleep(Duration::from_micros(10)).await;
    }
    healthy.watch(3).await.assert_missed_nothing(3);
    let firsts: Vec<u32> = crowd.iter().map(|guest| guest.look().ticks[0]).collect();
    assert!(firsts.is_sorted(), "{firsts:?}");
    assert!(firsts.chunk_by(|a, b| a == b).all(|at_once| at_once.len() <= 4), "{firsts:?}");
    assert!(firsts[39] - firsts[0] <= 11, "{firsts:?}");
}
