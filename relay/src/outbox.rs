//! A session's one ordered way out. Rooms and the session put whole WebSocket frames in; the socket takes bytes out.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tickwire_protocol::{CloseCode, Tick};
use tokio::sync::Notify;

/// Where bytes go without waiting.
pub(crate) trait Sink: Send + Sync + std::fmt::Debug {
    /// Writes some of `bytes` now; [`io::ErrorKind::WouldBlock`] if none can be.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// Caps of an outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) bytes: usize,
    pub(crate) frames: usize,
}

/// The queue of one session. Whatever is put in is written at once if the socket takes it, and waits otherwise.
#[derive(Debug)]
pub(crate) struct Outbox {
    sink: Box<dyn Sink>,
    caps: Caps,
    queue: Mutex<Queue>,
    /// Something changed that the session's task must look at.
    wake: Notify,
}

/// Frames that must not be lost, at most, whatever their size: two a tick for half a minute at 30 Hz.
const MAX_FRAMES: usize = 2048;

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Queued>,
    /// Bytes in `frames` that have not left.
    bytes: usize,
    /// … of which so many are of a resync larger than the cap, which was put in when nothing else waited.
    oversize: usize,
    /// The front frame has left in part.
    cut: bool,
    /// The tick of the last snapshot put in, 0 before the first and when a keyframe must come next.
    tip: Tick,
    /// A snapshot did not fit or did not follow: a resync from `tip` is needed.
    behind: bool,
    end: Option<(CloseCode, String)>,
    /// A close frame is in, or about to be: nothing follows it.
    sealed: bool,
    broken: bool,
}

/// A frame that waits.
#[derive(Debug)]
struct Queued {
    bytes: Bytes,
    lane: Lane,
}

/// Whether a frame may be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    /// It must arrive.
    Lossless,
    /// A snapshot, from this base; a resync makes it good.
    Lossy(Option<Tick>),
}

impl Queue {
    /// Whether `more` bytes would be beyond `cap`.
    fn is_over(&self, more: usize, cap: usize) -> bool {
        self.bytes - self.oversize + more > cap
    }

    /// Drops the snapshots that have not begun to leave.
    fn drop_snapshots(&mut self) {
        let begun = usize::from(self.cut);
        let mut index = 0;
        let mut first = None;
        let (mut bytes, mut oversize) = (0, 0);
        self.frames.retain(|frame| {
            index += 1;
            let Lane::Lossy(base) = frame.lane else { return true };
            if index <= begun {
                return true;
            }
            first.get_or_insert(base);
            bytes += frame.bytes.len();
            // One that has not begun is whole.
            oversize = if index == 1 { self.oversize } else { oversize };
            false
        });
        self.bytes -= bytes;
        self.oversize -= oversize;
        if let Some(base) = first {
            self.tip = base.unwrap_or(0);
            self.behind = true;
        }
    }
}

impl Outbox {
    pub(crate) fn new(sink: Box<dyn Sink>, caps: Caps) -> Self {
        Self { sink, caps, queue: Mutex::default(), wake: Notify::new() }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("nothing panics while it holds the queue")
    }

    /// Puts a frame in that must not be lost. If there is no room for it, waiting snapshots make some; if that is not enough, the session
    /// ends: it takes nothing, or too little.
    pub(crate) fn push(&self, frame: Bytes) {
        let mut queue = self.queue();
        if queue.sealed {
            return;
        }
        let cap = 2 * self.caps.bytes;
        if queue.is_over(frame.len(), cap) {
            queue.drop_snapshots();
        }
        if queue.is_over(frame.len(), cap) || queue.frames.len() >= MAX_FRAMES {
            self.end_with(&mut queue, CloseCode::Overflow, CloseCode::Overflow.reason());
            return;
        }
        self.put(&mut queue, frame, Lane::Lossless);
    }

    /// Puts the room's snapshot of `tick` in if the session can use it: it starts from the last one put in (a keyframe from any), and
    /// there is room. Otherwise the session is behind until a resync fits. Whether it was put in.
    pub(crate) fn push_snapshot(&self, frame: &Bytes, base: Option<Tick>, tick: Tick) -> bool {
        let mut queue = self.queue();
        let follows = base.is_none() || (base == Some(queue.tip) && queue.tip != 0);
        let fits = queue.frames.is_empty()
            || (!queue.is_over(frame.len(), self.caps.bytes) && queue.frames.len() < self.caps.frames);
        // Also what a resync of this tick has brought already.
        if queue.sealed || tick <= queue.tip {
            return false;
        }
        if !(follows && fits) {
            queue.behind = true;
            self.wake.notify_one();
            return false;
        }
        queue.tip = tick;
        queue.behind = false;
        if frame.len() > self.caps.bytes {
            // Nothing else waits.
            queue.oversize = frame.len();
        }
        self.put(&mut queue, frame.clone(), Lane::Lossy(base));
        true
    }

    /// Takes nothing more but what [`Outbox::write_raw`] brings.
    pub(crate) fn seal(&self) {
        self.queue().sealed = true;
    }

    /// Puts whole frames in that the WebSocket library has framed: pongs, pings and closes.
    ///
    /// # Errors
    /// The queue is full, or the socket broken: the connection is of no more use.
    pub(crate) fn write_raw(&self, frames: &[u8]) -> io::Result<()> {
        let mut queue = self.queue();
        if queue.broken || queue.is_over(0, 2 * self.caps.bytes) || queue.frames.len() > MAX_FRAMES {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        self.put(&mut queue, Bytes::copy_from_slice(frames), Lane::Lossless);
        Ok(())
    }

    /// Asks the session's task to close with this code.
    pub(crate) fn end(&self, code: CloseCode, reason: &str) {
        self.end_with(&mut self.queue(), code, reason);
    }

    fn end_with(&self, queue: &mut Queue, code: CloseCode, reason: &str) {
        queue.end.get_or_insert_with(|| (code, reason.to_owned()));
        self.wake.notify_one();
    }

    /// The client's replica is at `base`, or at nothing (a new room, or a replica that is broken): the next snapshot must start
    /// there.
    pub(crate) fn rebase(&self, base: Option<Tick>) {
        let mut queue = self.queue();
        queue.tip = base.unwrap_or(0);
        queue.behind = false;
    }

    fn put(&self, queue: &mut Queue, bytes: Bytes, lane: Lane) {
        let was_empty = queue.frames.is_empty();
        queue.bytes += bytes.len();
        queue.frames.push_back(Queued { bytes, lane });
        if was_empty {
            self.write(queue);
            if !queue.frames.is_empty() || queue.broken {
                self.wake.notify_one();
            }
        }
    }

    /// Writes what waits until the socket takes no more. False if the socket is broken.
    pub(crate) fn flush(&self) -> bool {
        let mut queue = self.queue();
        self.write(&mut queue);
        !queue.broken
    }

    fn write(&self, queue: &mut Queue) {
        while let Some(front) = queue.frames.front_mut() {
            match self.sink.try_write(&front.bytes) {
                Ok(0) => queue.broken = true,
                Ok(written) => {
                    queue.bytes -= written;
                    // An oversized frame is always the front one.
                    queue.oversize = queue.oversize.saturating_sub(written);
                    queue.cut = written < front.bytes.len();
                    if queue.cut {
                        // Bytes give their front up without moving the rest.
                        front.bytes.advance(written);
                    } else {
                        queue.frames.pop_front();
                    }
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => queue.broken = true,
            }
            break;
        }
        if queue.broken {
            queue.frames.clear();
            (queue.bytes, queue.oversize) = (0, 0);
            queue.sealed = true;
        }
    }

    /// Waits until something may have changed. Never misses a change since the last call.
    pub(crate) async fn changed(&self) {
        self.wake.notified().await;
    }

    /// What the session's task must know.
    pub(crate) fn look(&self) -> Look {
        let mut queue = self.queue();
        let waiting = !queue.frames.is_empty();
        let resync = (queue.behind && !waiting && !queue.sealed).then(|| {
            // Asked once; if the answer does not follow or fit, it will be asked again.
            queue.behind = false;
            (queue.tip > 0).then_some(queue.tip)
        });
        Look { waiting, resync, end: queue.end.take(), broken: queue.broken }
    }
}

/// What an outbox wants of its session's task.
#[derive(Debug)]
pub(crate) struct Look {
    /// Frames wait for the socket.
    pub(crate) waiting: bool,
    /// The session has drained and needs a resync from this tick, or a keyframe.
    pub(crate) resync: Option<Option<Tick>>,
    /// The session shall close.
    pub(crate) end: Option<(CloseCode, String)>,
    /// The socket is gone.
    pub(crate) broken: bool,
}

/// One unmasked binary WebSocket frame around what `write` appends, which is the same for everyone who gets it.
pub(crate) fn frame(write: impl FnOnce(&mut Vec<u8>)) -> Bytes {
    let mut payload = Vec::new();
    write(&mut payload);
    let mut frame = BytesMut::with_capacity(payload.len() + 10);
    frame.put_u8(0x82);
    match payload.len() {
        length @ 0..=125 => frame.put_u8(length as u8),
        length @ 126..=0xFFFF => {
            frame.put_u8(126);
            frame.put_u16(length as u16);
        }
        length => {
            frame.put_u8(127);
            frame.put_u64(length as u64);
        }
    }
    frame.put_slice(&payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// A socket that takes so many bytes.
    #[derive(Debug, Default)]
    struct Room(AtomicUsize, Mutex<Vec<u8>>);

    impl Sink for Arc<Room> {
        fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
            let taken = self.0.load(Ordering::Relaxed).min(bytes.len());
            if taken == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.0.fetch_sub(taken, Ordering::Relaxed);
            self.1.lock().expect("no test panics with it").extend_from_slice(&bytes[..taken]);
            Ok(taken)
        }
    }

    fn outbox(room: usize) -> (Arc<Room>, Outbox) {
        let socket = Arc::new(Room(room.into(), Mutex::default()));
        (socket.clone(), Outbox::new(Box::new(socket), Caps { bytes: 100, frames: 4 }))
    }

    #[test]
    fn bytes_leave_in_order_whatever_the_socket_takes() {
        let (socket, outbox) = outbox(0);
        let frames: Vec<Bytes> = (1..6).map(|n| Bytes::from(vec![n; usize::from(n) * 3])).collect();
        frames.iter().for_each(|frame| outbox.push(frame.clone()));
        while outbox.look().waiting {
            socket.0.store(2, Ordering::Relaxed);
            assert!(outbox.flush());
        }
        assert_eq!(*socket.1.lock().expect("no test panics with it"), frames.concat());
    }

    #[test]
    fn a_slow_session_misses_snapshots_and_comes_back_by_a_resync() {
        let (socket, outbox) = outbox(0);
        let delta = Bytes::from_static(&[0; 40]);
        outbox.push_snapshot(&delta, Some(1), 2);
        assert!(matches!(outbox.look().resync, Some(None)), "nothing to start from: a keyframe is needed");
        outbox.push_snapshot(&delta, None, 3);
        outbox.push_snapshot(&delta, Some(3), 4);
        outbox.push_snapshot(&delta, Some(4), 5);
        outbox.push_snapshot(&delta, Some(5), 6);
        assert!(outbox.look().resync.is_none(), "not while anything waits");
        socket.0.store(1000, Ordering::Relaxed);
        outbox.flush();
        assert_eq!(outbox.look().resync, Some(Some(4)));
        outbox.push_snapshot(&delta, Some(4), 7);
        outbox.push_snapshot(&delta, Some(7), 8);
        assert_eq!(outbox.look().resync, None);
        assert_eq!(socket.1.lock().expect("no test panics with it").len(), 4 * 40);
    }

    #[test]
    fn snapshots_make_room_for_what_must_not_be_lost() {
        let (socket, outbox) = outbox(0);
        let delta = Bytes::from_static(&[1; 30]);
        outbox.push_snapshot(&delta, None, 1);
        socket.0.store(10, Ordering::Relaxed);
        outbox.flush();
        outbox.push_snapshot(&delta, Some(1), 2);
        outbox.push(Bytes::from_static(&[2; 40]));
        outbox.push_snapshot(&delta, Some(2), 3);
        for _ in 0..3 {
            outbox.push(Bytes::from_static(&[2; 40]));
        }
        assert!(outbox.look().end.is_none(), "180 bytes of 200 that must arrive");
        socket.0.store(1000, Ordering::Relaxed);
        outbox.flush();
        // The one that had begun to leave is whole, the others are made good from there.
        assert_eq!(*socket.1.lock().expect("no test panics with it"), [&[1; 30][..], &[2; 160]].concat());
        assert_eq!(outbox.look().resync, Some(Some(1)));
    }

    #[test]
    fn a_resync_larger_than_the_cap_does_not_count() {
        let (socket, outbox) = outbox(0);
        let keyframe = Bytes::from(vec![1; 1000]);
        assert!(outbox.push_snapshot(&keyframe, None, 1));
        outbox.push(Bytes::from_static(&[2; 150]));
        outbox.write_raw(&[3; 20]).expect("there is room");
        assert!(!outbox.push_snapshot(&Bytes::from_static(&[4; 20]), Some(1), 2), "170 bytes are more than 100");
        assert!(outbox.look().end.is_none());
        socket.0.store(2000, Ordering::Relaxed);
        outbox.flush();
        assert_eq!(socket.1.lock().expect("no test panics with it").len(), 1170);
        assert_eq!(outbox.look().resync, Some(Some(1)));
    }

    #[test]
    fn too_much_that_must_not_be_lost_ends_the_session_and_nothing_follows_a_close() {
        let (socket, outbox) = outbox(0);
        for _ in 0..11 {
            outbox.push(Bytes::from_static(b"an event of 20 bytes"));
        }
        assert!(matches!(outbox.look().end, Some((CloseCode::Overflow, _))));
        outbox.seal();
        outbox.write_raw(b"close").expect("a few bytes more than the cap");
        outbox.push(Bytes::from_static(b"late"));
        socket.0.store(1000, Ordering::Relaxed);
        outbox.flush();
        assert!(socket.1.lock().expect("no test panics with it").ends_with(b"bytesclose"));
    }
}
