//! Who hears what, by which shard.

use std::future::poll_fn;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt as _;
use tickwire_sim::SimOptions;

use super::*;
use crate::form::Form;
use crate::options::RoomOptions;
use crate::outbox::{Caps, Outbox, Sink};

/// A socket that takes all, and counts the frames.
#[derive(Debug, Default)]
struct Ear(Mutex<Vec<Vec<u8>>>);

impl Sink for Arc<Ear> {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no test panics with it").push(bytes.to_vec());
        Ok(bytes.len())
    }
}

fn session(number: SessionId) -> (Arc<Ear>, Link) {
    let ear = Arc::new(Ear::default());
    let caps = Caps { bytes: 1000, frames: 4, lag: Duration::from_secs(1), form: Form::Binary };
    let outbox = Arc::new(Outbox::new(ear.clone(), caps));
    (ear, Link { session: number, form: Form::Binary, stay: outbox.enter(30, 1), outbox })
}

fn info() -> Arc<RoomInfo> {
    Arc::new(RoomInfo::new("lobby", &RoomOptions::default(), &SimOptions::default(), Instant::now(), 0))
}

fn mail(all: &'static [u8], own: &[(SessionId, &'static [u8])]) -> Arc<Publication> {
    let own = own.iter().map(|&(session, said)| (session, Bytes::from_static(said))).collect();
    Arc::new(Publication { mail: Mail { shared: Some(Bytes::from_static(all)), own }, ..Publication::default() })
}

/// Does what has been asked of a shard.
fn run(shard: &mut Shard, ops: &Receiver<Op>) {
    for op in ops.try_iter() {
        if let Some((round, listeners)) = shard.handle(Instant::now(), op) {
            round.deliver(Instant::now(), listeners);
            round.end(Instant::now());
        }
    }
}

#[test]
fn everyone_hears_what_is_for_them_and_nobody_after_leaving() {
    let (fanout, ops) = Fanout::new(1);
    let (mut shard, mut audience) = (Shard::default(), Audience::new(RoomId::new(7), fanout));
    let (ada, link) = session(1);
    audience.add(link);
    let (bert, link) = session(2);
    audience.add(link);
    audience.publish(mail(b"all", &[(2, b"all and bert")]), &info());
    audience.remove(1);
    audience.publish(mail(b"late", &[]), &info());
    run(&mut shard, &ops[0]);
    let heard = |ear: &Ear| ear.0.lock().expect("no test panics with it").clone();
    assert_eq!(heard(&ada), [b"all".to_vec()]);
    assert_eq!(heard(&bert), [b"all and bert".to_vec(), b"late".to_vec()]);
}

#[test]
fn a_large_room_takes_another_shard_and_two_rooms_begin_in_two() {
    let (fanout, ops) = Fanout::new(3);
    let (mut small, mut large) = (Audience::new(RoomId::new(0), fanout.clone()), Audience::new(RoomId::new(1), fanout));
    small.add(session(0).1);
    for number in 1..=SHARD_SESSIONS as u64 + 1 {
        large.add(session(number).1);
    }
    let added = |index: usize| ops[index].try_iter().count();
    assert_eq!([added(0), added(1), added(2)], [1, SHARD_SESSIONS, 1]);
    large.publish(mail(b"all", &[]), &info());
    assert_eq!([added(0), added(1), added(2)], [0, 1, 1]);
}

#[test]
fn a_room_whose_shards_are_busy_is_behind_until_they_have_caught_up() {
    let (fanout, ops) = Fanout::new(1);
    let (mut shard, mut audience) = (Shard::default(), Audience::new(RoomId::new(0), fanout));
    audience.add(session(0).1);
    for _ in 0..MAX_UNSENT {
        assert!(!audience.is_behind());
        audience.publish(mail(b"all", &[]), &info());
    }
    assert!(audience.is_behind());
    run(&mut shard, &ops[0]);
    assert!(!audience.is_behind());
}

#[test]
fn a_room_that_says_more_than_can_be_sent_ends_its_sessions_after_what_it_said() {
    let (fanout, ops) = Fanout::new(1);
    let (mut shard, mut audience) = (Shard::default(), Audience::new(RoomId::new(0), fanout));
    let (ear, link) = session(0);
    audience.add(link.clone());
    while !audience.is_swamped() {
        audience.publish(mail(b"all", &[]), &info());
    }
    audience.end(CloseCode::Overloaded, "too much");
    audience.publish(mail(b"late", &[]), &info());
    run(&mut shard, &ops[0]);
    assert_eq!(ear.0.lock().expect("no test panics with it").len(), MOST_UNSENT);
    let look = poll_fn(|cx| link.outbox.poll_look(cx)).now_or_never().expect("it has something to tell");
    assert!(matches!(look.end, Some((CloseCode::Overloaded, _))));
    assert!(!audience.is_swamped());
}
