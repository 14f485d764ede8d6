//! What leaves an outbox, in which order, and what does not.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt as _;

use super::*;

const STAY: Stay = 1;

/// A socket that takes so many bytes.
#[derive(Debug, Default)]
struct Socket(AtomicUsize, Mutex<Vec<u8>>);

impl Socket {
    fn taken(&self) -> MutexGuard<'_, Vec<u8>> {
        self.1.lock().expect("no test panics with it")
    }

    /// Takes so many more of what waits.
    fn take(&self, outbox: &Outbox<Arc<Socket>>, more: usize) -> bool {
        self.0.store(more, Ordering::Relaxed);
        let (_, waiting) = outbox.drain(|bytes| match self.try_write(bytes) {
            Err(_) => Poll::Pending,
            written => Poll::Ready(written),
        });
        waiting
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let taken = self.0.load(Ordering::Relaxed).min(bytes.len());
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.0.fetch_sub(taken, Ordering::Relaxed);
        self.taken().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }
}

impl Sink for Arc<Socket> {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        (**self).try_write(bytes)
    }
}

/// A player at a socket with so much room, in a room at 30 Hz.
struct Player {
    socket: Arc<Socket>,
    outbox: Outbox<Arc<Socket>>,
    now: Instant,
}

impl Player {
    fn new(room: usize) -> Self {
        let socket = Arc::new(Socket(room.into(), Mutex::default()));
        let caps = Caps { bytes: 100, frames: 4, lag: Duration::from_millis(500), form: Form::Binary };
        let outbox = Outbox::new(socket.clone(), caps);
        assert_eq!(outbox.enter(30, 1), STAY);
        Self { socket, outbox, now: Instant::now() }
    }

    fn push(&self, frame: impl Into<Bytes>) {
        self.outbox.push(self.now, frame.into());
    }

    fn delta(&self, base: Tick, tick: Tick, bytes: usize) -> bool {
        self.outbox.offer(self.now, STAY, &[snapshot(Some(base), tick, bytes)]) > 0
    }

    fn resync(&self, base: Option<Tick>, tick: Tick, bytes: usize) -> bool {
        self.outbox.put_resync(self.now, STAY, &snapshot(base, tick, bytes)) > 0
    }

    /// What it wants, if anything.
    fn wants(&self) -> Option<Option<Tick>> {
        look(&self.outbox)?.want.map(|want| want.base)
    }

    /// How it shall close, if it shall.
    fn end(&self) -> Option<CloseCode> {
        Some(look(&self.outbox)?.end?.0)
    }
}

/// What its session's task would see now.
fn look<S: Sink>(outbox: &Outbox<S>) -> Option<Look> {
    poll_fn(|cx| outbox.poll_look(cx)).now_or_never()
}

/// One whose frame has so many bytes, and two more with a probe.
fn snapshot(base: Option<Tick>, tick: Tick, bytes: usize) -> Snapshot {
    let probing = Bytes::from(vec![tick as u8; bytes + 2]);
    Snapshot { every: 1, base, tick, frame: probing.slice(..bytes), probing }
}

#[test]
fn bytes_leave_in_order_whatever_the_socket_takes() {
    let Player { socket, outbox, now } = Player::new(0);
    let frames: Vec<Bytes> = (1..6).map(|n| Bytes::from(vec![n; usize::from(n) * 3])).collect();
    frames.iter().for_each(|frame| outbox.push(now, frame.clone()));
    while socket.take(&outbox, 2) {}
    assert_eq!(*socket.taken(), frames.concat());
}

#[test]
fn a_full_outbox_misses_snapshots_and_comes_back_by_a_resync() {
    let player = Player::new(0);
    assert!(!player.delta(1, 2, 40), "a keyframe comes first");
    assert!(player.resync(None, 3, 38));
    player.socket.take(&player.outbox, 10);
    assert!(player.delta(3, 4, 40));
    assert!(!player.delta(4, 5, 40), "110 bytes are more than 100");
    assert!(!player.delta(5, 6, 40));
    player.socket.take(&player.outbox, 1000);
    assert_eq!(player.wants(), None, "the client must have caught up");
    player.outbox.acknowledge(player.now, 3, true);
    assert_eq!(player.wants(), Some(Some(3)), "what had not begun to leave was taken out again");
    assert_eq!(player.wants(), None, "it is asked for once");
    assert!(!player.delta(6, 7, 40));
    assert!(player.resync(Some(3), 8, 38));
    assert!(player.delta(8, 9, 40));
}

#[test]
fn snapshots_make_room_for_what_must_not_be_lost() {
    let player = Player::new(0);
    assert!(player.resync(None, 1, 30));
    player.socket.take(&player.outbox, 10);
    assert!(player.delta(1, 2, 30));
    player.push(vec![9; 40]);
    for _ in 0..3 {
        player.push(vec![9; 40]);
    }
    assert!(player.end().is_none(), "182 bytes of 200 that must arrive");
    player.socket.take(&player.outbox, 1000);
    // The one that had begun to leave is whole, the others are made good from there.
    assert_eq!(*player.socket.taken(), [&[1; 32][..], &[9; 160]].concat());
    player.outbox.acknowledge(player.now, 1, true);
    assert_eq!(player.wants(), Some(Some(1)));
}

#[test]
fn a_resync_larger_than_the_cap_does_not_count() {
    let player = Player::new(0);
    assert!(player.resync(None, 1, 1000));
    player.push(vec![2; 150]);
    player.outbox.write_raw(&[3; 20]).expect("there is room");
    assert!(!player.delta(1, 2, 20), "170 bytes are more than 100");
    assert!(player.end().is_none());
    player.socket.take(&player.outbox, 2000);
    assert_eq!(player.socket.taken().len(), 150 + 20, "it had not begun to leave, and the session holds");
    assert_eq!(player.wants(), Some(None));
}

#[test]
fn too_much_that_must_not_be_lost_ends_the_session_and_nothing_follows_a_close() {
    let player = Player::new(0);
    for _ in 0..11 {
        player.push(&b"an event of 20 bytes"[..]);
    }
    assert_eq!(player.end(), Some(CloseCode::Overflow));
    player.outbox.seal();
    player.outbox.write_raw(b"close").expect("a few bytes more than the cap");
    player.push(&b"late"[..]);
    player.socket.take(&player.outbox, 1000);
    assert!(player.socket.taken().ends_with(b"bytesclose"));
}

#[test]
fn a_room_that_the_session_has_left_is_not_heard() {
    let Player { socket, outbox, now } = Player::new(1000);
    outbox.vacate();
    let next = outbox.enter(30, 1);
    outbox.push_from(now, STAY, Bytes::from_static(b"late"));
    assert_eq!(outbox.put_resync(now, STAY, &snapshot(None, 1, 10)), 0);
    outbox.end_from(STAY, CloseCode::RoomFailed, "late");
    assert!(look(&outbox).is_none_or(|look| look.end.is_none()));
    outbox.push_from(now, next, Bytes::from_static(b"new"));
    assert_eq!(*socket.taken(), b"new");
}

#[test]
fn what_the_last_room_said_does_not_hold_up_the_next() {
    let player = Player::new(0);
    assert!(player.resync(None, 5000, 30));
    player.outbox.vacate();
    let stay = player.outbox.enter(30, 1);
    assert!(player.outbox.put_resync(player.now, stay, &snapshot(None, 100, 30)) > 0);
    player.socket.take(&player.outbox, 1000);
    assert_eq!(*player.socket.taken(), [100; 32]);
    assert!(player.outbox.offer(player.now, stay, &[snapshot(Some(100), 101, 30)]) > 0);
}
