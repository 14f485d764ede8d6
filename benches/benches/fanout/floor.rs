//! The floor: one thread, one buffer, a non-blocking send to each socket.

use std::io::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use tickwire_benches::load::{Process, cpu_time, nanos};

use crate::{Args, Measured, Task};

pub(crate) fn measure(args: &Args) -> Measured {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let addr = listener.local_addr().expect("it is bound").to_string();
    let _clients = Process::start(&Task::Drain { addr, count: args.clients });
    let mut sockets = Vec::new();
    while sockets.len() < args.clients {
        let (socket, _) = listener.accept().expect("a client connects");
        socket.set_nonblocking(true).expect("a socket can be non-blocking");
        socket.set_nodelay(true).expect("a socket can send at once");
        sockets.push(socket);
    }
    // A WebSocket frame, so that the clients do the same as the relay's.
    let payload = args.bytes as u16 - 4;
    let mut frame = vec![0x82, 126, (payload >> 8) as u8, payload as u8];
    frame.resize(args.bytes as usize, 7);
    let mut fanout = nanos();
    let ticks = u64::from(args.hz) * args.seconds;
    let (start, cpu) = (Instant::now(), cpu_time());
    for tick in 1..=ticks {
        let due = start + Duration::from_nanos(tick * 1_000_000_000 / u64::from(args.hz));
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let first = Instant::now();
        for socket in &mut sockets {
            // What a full socket does not take is not the floor's to keep.
            let _ = socket.write(&frame);
        }
        fanout.saturating_record(first.elapsed().as_nanos() as u64);
    }
    Measured { cpu: cpu_time() - cpu, client_ticks: ticks * args.clients as u64, fanout }
}
