//! The floor: one thread that reads whatever socket has something to read, and in every tick does a non-blocking send to each.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use tickwire_benches::load::{Process, cpu_time};

use crate::clients::Bare;
use crate::{Args, Measured, Task};

/// Ticks before anything is measured: all clients have begun.
const WARM_UP: u64 = 10;

/// With frames of so many bytes.
pub(crate) fn measure(args: &Args, bytes: u64) -> Measured {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let _clients = Process::start(&Task::Bare(Bare { addr, clients: args.clients, hz: args.hz }));
    let mut sockets: Vec<TcpStream> = (0..args.clients).map(|_| accept(&listener)).collect();
    let readable = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the bench runs on Linux");
    for (index, socket) in sockets.iter().enumerate() {
        epoll::add(&readable, socket, epoll::EventData::new_u64(index as u64), epoll::EventFlags::IN)
            .expect("a socket can be watched");
    }
    let frame = frame(bytes);
    let ticks = WARM_UP + u64::from(args.hz) * args.seconds;
    let (start, mut cpu, mut inputs) = (Instant::now(), Duration::ZERO, 0);
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; 1024];
    for tick in 1..=ticks {
        let due = start + Duration::from_nanos(tick * 1_000_000_000 / u64::from(args.hz));
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let timeout = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
            // Interrupted is as good as nothing to read.
            let _ = epoll::wait(&readable, spare_capacity(&mut events), Some(&timeout));
            for event in events.drain(..) {
                let read = sockets[event.data.u64() as usize].read(&mut buffer);
                inputs += u64::from(read.is_ok_and(|bytes| bytes > 0));
            }
        }
        for socket in &mut sockets {
            // What a full socket does not take is not the floor's to keep.
            let _ = socket.write(&frame);
        }
        if tick == WARM_UP {
            (cpu, inputs) = (cpu_time(), 0);
        }
    }
    let client_ticks = (ticks - WARM_UP) * args.clients as u64;
    Measured { cpu: cpu_time() - cpu, client_ticks, inputs, bytes: client_ticks * frame.len() as u64 }
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (socket, _) = listener.accept().expect("a client connects");
    socket.set_nonblocking(true).expect("a socket can be non-blocking");
    socket.set_nodelay(true).expect("a socket can send at once");
    socket
}

/// A WebSocket frame of about so many bytes, so that the clients do the same as the relay's.
fn frame(bytes: u64) -> Vec<u8> {
    let mut frame = match u16::try_from(bytes).unwrap_or(u16::MAX) {
        short @ 0..128 => vec![0x82, short.saturating_sub(2) as u8],
        long => [&[0x82, 126][..], &(long - 4).max(126).to_be_bytes()].concat(),
    };
    let payload = match frame.len() {
        2 => usize::from(frame[1]),
        _ => usize::from(u16::from_be_bytes([frame[2], frame[3]])),
    };
    frame.resize(frame.len() + payload, 7);
    frame
}
