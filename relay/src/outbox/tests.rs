//! What leaves an outbox, in which order, and what does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const STAY: Stay = 1;

/// A socket that takes so many bytes.
#[derive(Debug, Default)]
struct Socket(AtomicUsize, Mutex<Vec<u8>>);

impl Sink for Arc<Socket> {
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

fn outbox(room: usize) -> (Arc<Socket>, Outbox) {
    let socket = Arc::new(Socket(room.into(), Mutex::default()));
    let outbox = Outbox::new(Box::new(socket.clone()), Caps { bytes: 100, frames: 4 });
    assert_eq!(outbox.enter(), STAY);
    (socket, outbox)
}

#[test]
fn bytes_leave_in_order_whatever_the_socket_takes() {
    let (socket, outbox) = outbox(0);
    let frames: Vec<Bytes> = (1..6).map(|n| Bytes::from(vec![n; usize::from(n) * 3])).collect();
    frames.iter().for_each(|frame| outbox.push(frame.clone()));
    while outbox.look().waiting {
        socket.0.store(2, Ordering::Relaxed);
        outbox.flush();
    }
    assert_eq!(*socket.1.lock().expect("no test panics with it"), frames.concat());
}

#[test]
fn a_slow_session_misses_snapshots_and_comes_back_by_a_resync() {
    let (socket, outbox) = outbox(0);
    let delta = Bytes::from_static(&[0; 40]);
    outbox.push_snapshot(STAY, &delta, Some(1), 2);
    assert!(matches!(outbox.look().resync, Some(None)), "nothing to start from: a keyframe is needed");
    outbox.push_snapshot(STAY, &delta, None, 3);
    outbox.push_snapshot(STAY, &delta, Some(3), 4);
    outbox.push_snapshot(STAY, &delta, Some(4), 5);
    outbox.push_snapshot(STAY, &delta, Some(5), 6);
    assert!(outbox.look().resync.is_none(), "not while anything waits");
    socket.0.store(1000, Ordering::Relaxed);
    outbox.flush();
    assert_eq!(outbox.look().resync, Some(Some(4)));
    outbox.push_snapshot(STAY, &delta, Some(4), 7);
    outbox.push_snapshot(STAY, &delta, Some(7), 8);
    assert_eq!(outbox.look().resync, None);
    assert_eq!(socket.1.lock().expect("no test panics with it").len(), 4 * 40);
}

#[test]
fn snapshots_make_room_for_what_must_not_be_lost() {
    let (socket, outbox) = outbox(0);
    let delta = Bytes::from_static(&[1; 30]);
    outbox.push_snapshot(STAY, &delta, None, 1);
    socket.0.store(10, Ordering::Relaxed);
    outbox.flush();
    outbox.push_snapshot(STAY, &delta, Some(1), 2);
    outbox.push(Bytes::from_static(&[2; 40]));
    outbox.push_snapshot(STAY, &delta, Some(2), 3);
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
    assert!(outbox.push_snapshot(STAY, &keyframe, None, 1));
    outbox.push(Bytes::from_static(&[2; 150]));
    outbox.write_raw(&[3; 20]).expect("there is room");
    assert!(!outbox.push_snapshot(STAY, &Bytes::from_static(&[4; 20]), Some(1), 2), "170 bytes are more than 100");
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

#[test]
fn a_room_that_the_session_has_left_is_not_heard() {
    let (socket, outbox) = outbox(1000);
    let frame = Bytes::from_static(b"late");
    outbox.vacate();
    let next = outbox.enter();
    outbox.push_from(STAY, frame.clone());
    assert!(!outbox.push_snapshot(STAY, &frame, None, 1));
    outbox.end_from(STAY, CloseCode::RoomFailed, "late");
    assert!(outbox.look().end.is_none());
    outbox.push_from(next, Bytes::from_static(b"new"));
    assert_eq!(*socket.1.lock().expect("no test panics with it"), b"new");
}
