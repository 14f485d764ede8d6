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

/// A session's stay in a room, by its number: what a room has to say to an earlier one is dropped.
pub(crate) type Stay = u64;

#[derive(Debug, Default)]
struct Queue {
    /// The session's stay in the room that it is in or asks for; odd while it is.
    stay: Stay,
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

    /// The session asks for a room: from now on that one may speak.
    pub(crate) fn enter(&self) -> Stay {
        let mut queue = self.queue();
        queue.stay += 1 + queue.stay % 2;
        queue.stay
    }

    /// The session has left its room, or was refused: no room may speak.
    pub(crate) fn vacate(&self) {
        let mut queue = self.queue();
        queue.stay += queue.stay % 2;
        queue.behind = false;
    }

    /// [`Outbox::push`] of a room.
    pub(crate) fn push_from(&self, stay: Stay, frame: Bytes) {
        let mut queue = self.queue();
        if queue.stay == stay {
            self.push_lossless(&mut queue, frame);
        }
    }

    /// Puts a frame in that must not be lost. If there is no room for it, waiting snapshots make some; if that is not enough, the session
    /// ends: it takes nothing, or too little.
    pub(crate) fn push(&self, frame: Bytes) {
        self.push_lossless(&mut self.queue(), frame);
    }

    fn push_lossless(&self, queue: &mut Queue, frame: Bytes) {
        if queue.sealed {
            return;
        }
        let cap = 2 * self.caps.bytes;
        if queue.is_over(frame.len(), cap) {
            queue.drop_snapshots();
        }
        if queue.is_over(frame.len(), cap) || queue.frames.len() >= MAX_FRAMES {
            self.end_with(queue, CloseCode::Overflow, CloseCode::Overflow.reason());
            return;
        }
        self.put(queue, frame, Lane::Lossless);
    }

    /// Puts the room's snapshot of `tick` in if the session can use it: it starts from the last one put in (a keyframe from any), and
    /// there is room. Otherwise the session is behind until a resync fits. Whether it was put in.
    pub(crate) fn push_snapshot(&self, stay: Stay, frame: &Bytes, base: Option<Tick>, tick: Tick) -> bool {
        let mut queue = self.queue();
        let follows = base.is_none() || (base == Some(queue.tip) && queue.tip != 0);
        let fits = queue.frames.is_empty()
            || (!queue.is_over(frame.len(), self.caps.bytes) && queue.frames.len() < self.caps.frames);
        // Also what a resync of this tick has brought already.
        if queue.sealed || queue.stay != stay || tick <= queue.tip {
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

    /// Asks the session's task to close with this code, if the session is still in the room that asks.
    pub(crate) fn end_from(&self, stay: Stay, code: CloseCode, reason: &str) {
        let mut queue = self.queue();
        if queue.stay == stay {
            self.end_with(&mut queue, code, reason);
        }
    }

    fn end_with(&self, queue: &mut Queue, code: CloseCode, reason: &str) {
        queue.end.get_or_insert_with(|| (code, reason.to_owned()));
        self.wake.notify_one();
    }

    /// The client's replica is at `base`, or at nothing (a new room, or a replica that is broken): the next snapshot must start
    /// there.
    pub(crate) fn rebase(&self, stay: Stay, base: Option<Tick>) {
        let mut queue = self.queue();
        if queue.stay != stay {
            return;
        }
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

    /// Writes what waits until the socket takes no more.
    pub(crate) fn flush(&self) {
        self.write(&mut self.queue());
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
mod tests;
