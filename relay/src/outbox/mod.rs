//! A session's one ordered way out. Rooms and the session put whole WebSocket frames in; the socket takes bytes out.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};
use tickwire_protocol::{CloseCode, Tick};

use crate::cache::prefetch;
use crate::form::Form;
use crate::lag::{Lag, Offer, Want};
use crate::snapshot::Snapshot;

/// Where bytes go without waiting.
pub(crate) trait Sink: Send + Sync + std::fmt::Debug {
    /// Writes some of `bytes` now; [`io::ErrorKind::WouldBlock`] if none can be.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// Caps of an outbox.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Bytes beyond which no snapshot waits; what must not be lost may take as much again.
    pub(crate) bytes: usize,
    /// Frames beyond which no snapshot waits.
    pub(crate) frames: usize,
    /// See [`Lag`].
    pub(crate) lag: Duration,
    /// How the peer is asked which tick has come.
    pub(crate) form: Form,
}

/// The queue of one session. Whatever is put in is written at once if the socket takes it, and waits otherwise.
///
/// A fan-out comes by with nothing of the session in the processor's caches. So the sink lies in the same piece of memory, and what is looked at
/// at every tick is at its beginning, in the order that is written here: in a pair of cache lines.
#[derive(Debug)]
#[repr(C, align(128))]
pub(crate) struct Outbox<S: ?Sized = dyn Sink> {
    queue: Mutex<Queue>,
    caps: Caps,
    sink: S,
}

/// Frames that must not be lost, at most, whatever their size: two a tick for half a minute at 30 Hz.
const MAX_FRAMES: usize = 2048;

/// A session's stay in a room, by its number: what a room has to say to an earlier one is dropped.
pub(crate) type Stay = u64;

#[derive(Debug)]
#[repr(C)]
struct Queue {
    /// The session's stay in the room that it is in or asks for; odd while it is.
    stay: Stay,
    /// A close frame is in, or about to be: nothing follows it.
    sealed: bool,
    broken: bool,
    /// The front frame has left in part.
    cut: bool,
    /// Something changed that the session's task must look at.
    changed: bool,
    frames: VecDeque<Queued>,
    lag: Lag,
    /// Bytes in `frames` that have not left.
    bytes: usize,
    /// … of which so many are of something larger than the cap, which was put in when nothing else waited.
    oversize: usize,
    end: Option<(CloseCode, String)>,
    /// That task.
    waker: Option<Waker>,
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

    /// Takes out the snapshots that have not begun to leave. Returns the base of the first, if there are any.
    fn take_out_snapshots(&mut self) -> Option<Option<Tick>> {
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
        first
    }

    fn wake(&mut self) {
        self.changed = true;
        if let Some(waker) = &self.waker {
            waker.wake_by_ref();
        }
    }

    /// A resync is asked for by the session's task, and when nothing waits.
    fn wake_if_needy(&mut self) {
        if self.frames.is_empty() && self.lag.is_needy() {
            self.wake();
        }
    }

    /// The socket is gone.
    fn break_off(&mut self) {
        self.frames.clear();
        (self.bytes, self.oversize) = (0, 0);
        (self.broken, self.sealed) = (true, true);
        self.wake();
    }
}

impl<S> Outbox<S> {
    pub(crate) fn new(sink: S, caps: Caps) -> Self {
        let queue = Queue {
            stay: 0,
            frames: VecDeque::new(),
            bytes: 0,
            oversize: 0,
            cut: false,
            lag: Lag::new(caps.lag),
            end: None,
            sealed: false,
            broken: false,
            changed: false,
            waker: None,
        };
        Self { sink, caps, queue: Mutex::new(queue) }
    }

    pub(crate) fn sink(&self) -> &S {
        &self.sink
    }
}

impl<S: Sink + ?Sized> Outbox<S> {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(|poisoned| {
            // A stream of an embedder's has panicked while it was written to.
            let mut queue = poisoned.into_inner();
            queue.break_off();
            queue
        })
    }

    /// The session asks for a room with these ticks a second and from one snapshot to the next: from now on that one may speak.
    pub(crate) fn enter(&self, tick_rate: u32, snapshot_every: u32) -> Stay {
        let mut queue = self.queue();
        queue.stay += 1 + queue.stay % 2;
        // What the last room said is of no more use.
        queue.take_out_snapshots();
        queue.lag.enter(tick_rate, snapshot_every);
        queue.stay
    }

    /// The session has left its room, or was refused: no room may speak.
    pub(crate) fn vacate(&self) {
        let mut queue = self.queue();
        queue.stay += queue.stay % 2;
    }

    /// [`Outbox::push`] of a room.
    pub(crate) fn push_from(&self, now: Instant, stay: Stay, frame: Bytes) {
        let mut queue = self.queue();
        if queue.stay == stay {
            self.push_lossless(now, &mut queue, frame);
        }
    }

    /// Puts a frame in that must not be lost, of any size if nothing else waits. If there is no room for it, waiting snapshots make some; if that
    /// is not enough, the session ends: it takes nothing, or too little.
    pub(crate) fn push(&self, now: Instant, frame: Bytes) {
        self.push_lossless(now, &mut self.queue(), frame);
    }

    fn push_lossless(&self, now: Instant, queue: &mut Queue, frame: Bytes) {
        if queue.sealed {
            return;
        }
        let cap = 2 * self.caps.bytes;
        if queue.is_over(frame.len(), cap) {
            self.drop_snapshots(now, queue);
        }
        let fits = queue.frames.is_empty() || !queue.is_over(frame.len(), cap);
        if !fits || queue.frames.len() >= MAX_FRAMES {
            Self::end_with(queue, CloseCode::Overflow, CloseCode::Overflow.reason());
            return;
        }
        self.put(queue, &frame, Lane::Lossless);
    }

    /// Offers the room's deltas. The one of the stream that the session rides is put in if the session is in step, not behind by more than
    /// [`Lag`] allows, and there is room. Returns the bytes put in.
    pub(crate) fn offer(&self, now: Instant, stay: Stay, deltas: &[Snapshot]) -> usize {
        let mut queue = self.queue();
        if queue.sealed || queue.stay != stay {
            return 0;
        }
        let every = queue.lag.every();
        let Some(delta) = deltas.iter().find(|delta| delta.every == every) else { return 0 };
        let fits = queue.frames.is_empty()
            || (!queue.is_over(delta.frame.len(), self.caps.bytes) && queue.frames.len() < self.caps.frames);
        let frame = match queue.lag.offer(now, delta.base, delta.tick, fits) {
            Offer::Take => &delta.frame,
            Offer::TakeAndProbe => &delta.probing,
            Offer::Hold => {
                self.drop_snapshots(now, &mut queue);
                return 0;
            }
            Offer::Skip => {
                queue.wake_if_needy();
                return 0;
            }
        };
        self.put(&mut queue, frame, Lane::Lossy(delta.base));
        frame.len()
    }

    /// Puts the resync in that the session awaits. If it does not follow or there is no room, the session will ask again when it has
    /// drained. Returns the bytes put in.
    pub(crate) fn put_resync(&self, now: Instant, stay: Stay, resync: &Snapshot) -> usize {
        let mut queue = self.queue();
        let frame = &resync.probing;
        let fits = queue.frames.is_empty() || !queue.is_over(frame.len(), self.caps.bytes);
        if queue.sealed || queue.stay != stay {
            return 0;
        }
        if !queue.lag.put_resync(now, resync.every, resync.base, resync.tick, fits) {
            queue.wake_if_needy();
            return 0;
        }
        self.put(&mut queue, frame, Lane::Lossy(resync.base));
        frame.len()
    }

    /// The client has decoded the snapshot of `tick`, and says so because it was asked or by itself.
    pub(crate) fn acknowledge(&self, now: Instant, tick: Tick, asked: bool) {
        let mut queue = self.queue();
        queue.lag.acknowledge(now, tick, asked);
        queue.wake_if_needy();
    }

    /// The client's replica is at `base`, or at nothing (it is broken): it needs a resync from there.
    pub(crate) fn restart(&self, now: Instant, base: Option<Tick>) {
        let mut queue = self.queue();
        self.drop_snapshots(now, &mut queue);
        queue.lag.restart(base);
    }

    /// Drops what can be made good, and sees to it that the client tells when it has caught up with the rest.
    fn drop_snapshots(&self, now: Instant, queue: &mut Queue) {
        if let Some(base) = queue.take_out_snapshots() {
            queue.lag.roll_back(now, base.unwrap_or(0));
        }
        if let Some(tick) = queue.lag.take_probe() {
            let mut probe = BytesMut::new();
            self.caps.form.put_probe(&mut probe, tick);
            self.put(queue, &probe.freeze(), Lane::Lossless);
        }
        queue.wake();
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
        self.put(&mut queue, &Bytes::copy_from_slice(frames), Lane::Lossless);
        Ok(())
    }

    /// Asks the session's task to close with this code.
    pub(crate) fn end(&self, code: CloseCode, reason: &str) {
        Self::end_with(&mut self.queue(), code, reason);
    }

    /// The same, if the session is still in the room that asks.
    pub(crate) fn end_from(&self, stay: Stay, code: CloseCode, reason: &str) {
        let mut queue = self.queue();
        if queue.stay == stay {
            Self::end_with(&mut queue, code, reason);
        }
    }

    fn end_with(queue: &mut Queue, code: CloseCode, reason: &str) {
        queue.end.get_or_insert_with(|| (code, reason.to_owned()));
        queue.wake();
    }

    /// Writes at once if nothing waits; what the socket does not take waits.
    fn put(&self, queue: &mut Queue, bytes: &Bytes, lane: Lane) {
        let mut written = 0;
        if queue.frames.is_empty() && !queue.broken {
            match self.sink.try_write(bytes) {
                Ok(all) if all == bytes.len() => return,
                Ok(0) => queue.break_off(),
                Ok(some) => written = some,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => queue.break_off(),
            }
            queue.wake();
            queue.cut = written > 0;
        }
        if queue.broken {
            return;
        }
        let rest = bytes.slice(written..);
        queue.bytes += rest.len();
        if bytes.len() > self.caps.bytes && queue.frames.is_empty() {
            queue.oversize = rest.len();
        }
        queue.frames.push_back(Queued { bytes: rest, lane });
    }

    /// Writes what waits by `write` until that takes no more. Returns the bytes written, and whether more wait.
    pub(crate) fn drain(&self, mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>) -> (usize, bool) {
        let mut queue = self.queue();
        let mut total = 0;
        while let Some(front) = queue.frames.front_mut() {
            match write(&front.bytes) {
                Poll::Ready(Ok(written @ 1..)) => {
                    total += written;
                    let whole = written == front.bytes.len();
                    // Bytes give their front up without moving the rest.
                    front.bytes.advance(written);
                    queue.bytes -= written;
                    // An oversized frame is always the front one.
                    queue.oversize = queue.oversize.saturating_sub(written);
                    queue.cut = !whole;
                    if whole {
                        queue.frames.pop_front();
                    }
                }
                Poll::Ready(_) => queue.break_off(),
                Poll::Pending => break,
            }
        }
        if total > 0 {
            queue.wake_if_needy();
        }
        (total, !queue.frames.is_empty())
    }

    /// Whether nothing waits.
    pub(crate) fn is_drained(&self) -> bool {
        self.queue().frames.is_empty()
    }

    /// What the session's task must know, if something has changed since the last time.
    pub(crate) fn poll_look(&self, cx: &mut Context<'_>) -> Poll<Look> {
        let mut queue = self.queue();
        if std::mem::take(&mut queue.changed) {
            let drained = queue.frames.is_empty() && !queue.sealed;
            let want = if drained { queue.lag.take_want() } else { None };
            return Poll::Ready(Look { want, end: queue.end.take(), broken: queue.broken });
        }
        if !queue.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            queue.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Has the processor fetch it, for whoever comes by once a tick: nothing of it is in the caches then.
    pub(crate) fn prefetch(&self) {
        prefetch(self);
    }
}

/// What an outbox wants of its session's task.
#[derive(Debug)]
pub(crate) struct Look {
    /// The session has drained and needs a resync.
    pub(crate) want: Option<Want>,
    /// The session shall close.
    pub(crate) end: Option<(CloseCode, String)>,
    /// The socket is gone.
    pub(crate) broken: bool,
}

#[cfg(test)]
mod tests;
