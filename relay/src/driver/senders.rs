//! Threads that send what rooms publish: not the runtime's, so that a thousand sends in a row keep no socket from being read, and always the
//! same ones for a session, so that its memory stays where it is sent from.

use std::time::Instant;

use crossbeam_channel::Receiver;

use super::worker::start;
use crate::fanout::{Op, Shard};

/// Starts a thread for each shard. It ends with the last room and relay that could ask something of it.
pub(super) fn start_all(shards: Vec<Receiver<Op>>) {
    for (index, ops) in shards.into_iter().enumerate() {
        start(format!("tickwire-send-{index}"), move || send(&ops));
    }
}

fn send(ops: &Receiver<Op>) {
    let mut shard = Shard::default();
    for op in ops {
        if let Some((round, listeners)) = shard.handle(Instant::now(), op) {
            round.deliver(Instant::now(), listeners);
            round.end(Instant::now());
        }
    }
}
