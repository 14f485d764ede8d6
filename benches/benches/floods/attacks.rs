//! The other process: the attacks.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tickwire_benches::load::{End, answer, runtime};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Semaphore;

use crate::enemy::{Enemy, frame};

/// Frames written at once.
const BATCH: usize = 64;

/// Connections that are on their way at once: the listener's queue is short.
const CONNECTING: usize = 64;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Kind {
    /// Pings, as fast as they go.
    Pings,
    /// A message that begins and goes on with nothing.
    EmptyFragments,
    /// A message that comes a byte at a time.
    ByteFragments,
    /// Connections that say nothing, from an address that does not count.
    HalfOpen,
    /// The same from one that does.
    HalfOpenCounted,
}

/// A task: one attack.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Attack {
    pub(crate) addr: String,
    pub(crate) kind: Kind,
    /// Unless it is ended sooner.
    pub(crate) time: Duration,
    /// Half-open connections.
    pub(crate) connects: usize,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// How the relay ended it, if it did.
    pub(crate) end: Option<End>,
    /// From the first frame or connection.
    pub(crate) after_ms: f64,
    /// Frames that the system has taken, or connections.
    pub(crate) sent: u64,
    /// Bytes of them.
    pub(crate) bytes: u64,
    /// Connections that the relay has closed, or not taken.
    pub(crate) refused: u64,
}

impl Attack {
    /// Attacks when it is asked, and answers with the [`Outcome`].
    pub(crate) fn run(self) {
        answer(|| match self.kind {
            Kind::Pings => self.flood(None, &frame(0x89, b"x")),
            Kind::EmptyFragments => self.flood(Some(&frame(0x02, b"")), &frame(0x00, b"")),
            Kind::ByteFragments => self.flood(Some(&frame(0x02, b"x")), &frame(0x00, b"x")),
            Kind::HalfOpen | Kind::HalfOpenCounted => runtime().block_on(self.connect()),
        });
    }

    /// Says `first` once and `again` until the relay ends it.
    fn flood(&self, first: Option<&[u8]>, again: &[u8]) -> Outcome {
        let mut enemy = Enemy::enter(&self.addr);
        let batch = again.repeat(BATCH);
        let start = Instant::now();
        let (mut batches, mut end) = (0, None);
        let mut heard = first.is_none_or(|first| enemy.say(first));
        while heard && end.is_none() && start.elapsed() < self.time {
            heard = enemy.say(&batch);
            batches += u64::from(heard);
            end = enemy.ended();
        }
        let in_time = start.elapsed() < self.time;
        let end = end.or_else(|| if in_time { enemy.end() } else { None });
        Outcome {
            end,
            after_ms: start.elapsed().as_secs_f64() * 1e3,
            sent: batches * BATCH as u64,
            bytes: batches * batch.len() as u64,
            refused: 0,
        }
    }

    /// Connects and says nothing, as often as was asked for, and looks who is left when the time is up.
    async fn connect(&self) -> Outcome {
        let start = Instant::now();
        let connecting = std::sync::Arc::new(Semaphore::new(CONNECTING));
        let mut all = Vec::new();
        for _ in 0..self.connects {
            let permit = connecting.clone().acquire_owned().await;
            let addr = self.addr.clone();
            all.push(tokio::spawn(async move {
                let stream = half_open(&addr).await;
                drop(permit);
                stream
            }));
        }
        let mut open = Vec::new();
        for task in all {
            open.extend(task.await.ok().flatten());
        }
        let after_ms = start.elapsed().as_secs_f64() * 1e3;
        tokio::time::sleep_until((start + self.time).into()).await;
        let sent = open.len() as u64;
        let mut left = 0;
        for stream in &mut open {
            left += u64::from(is_open(stream).await);
        }
        Outcome { end: None, after_ms, sent, bytes: 0, refused: self.connects as u64 - left }
    }
}

/// From an address of its own: the clients in good order have another.
async fn half_open(addr: &str) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().ok()?;
    // Ports are given when it connects, so that there are enough of them.
    socket.bind("127.0.0.2:0".parse().ok()?).ok()?;
    socket.connect(addr.parse().ok()?).await.ok()
}

/// Whether the relay has neither closed it nor said a word.
async fn is_open(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 512];
    loop {
        match tokio::time::timeout(Duration::ZERO, stream.read(&mut answer)).await {
            Err(_) => return true,
            Ok(Ok(1..)) => {}
            Ok(Err(error)) if error.kind() == ErrorKind::WouldBlock => return true,
            Ok(_) => return false,
        }
    }
}
