//! A client that writes its frames by hand, and listens for nothing but the close.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use tickwire_benches::load::{End, room_name};
use tickwire_protocol::{Auth, ClientMessage, Join, PROTOCOL_VERSION, SUBPROTOCOL};

/// How long the relay may take to let it in.
const PATIENCE: Duration = Duration::from_secs(5);

/// A masked frame: the mask is all zeros, so that its payload stands as it is. At most 125 bytes of it.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126, "the length is one byte");
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

/// The connection, in the room.
pub(crate) struct Enemy {
    stream: TcpStream,
    end: Receiver<End>,
}

impl Enemy {
    /// Upgrades, shows a token, enters the room, and reads its first snapshot.
    pub(crate) fn enter(addr: &str) -> Self {
        let mut stream = TcpStream::connect(addr).expect("the relay listens");
        let request = format!(
            "GET / HTTP/1.1\r\nhost: {addr}\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-protocol: {SUBPROTOCOL}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("the relay reads");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("the relay upgrades");
            answer.push(byte[0]);
        }
        for message in [
            ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: "enemy".into() }),
            ClientMessage::Join(Join::room(room_name(0))),
        ] {
            let mut payload = Vec::new();
            message.encode(&mut payload);
            stream.write_all(&frame(0x82, &payload)).expect("the relay reads");
        }
        let reader = stream.try_clone().expect("the system has descriptors to spare");
        let ((entered, has_entered), (ended, end)) = (channel(), channel());
        std::thread::spawn(move || {
            // Accepted, welcome, keyframe.
            let mut frames = 0;
            let end = listen(reader, || {
                frames += 1;
                if frames == 3 {
                    let _ = entered.send(());
                }
            });
            let _ = ended.send(end);
        });
        has_entered.recv_timeout(PATIENCE).expect("the relay lets it in");
        Self { stream, end }
    }

    /// How the relay has ended it, if it has.
    pub(crate) fn ended(&self) -> Option<End> {
        self.end.try_recv().ok()
    }

    /// The same when it can't say any more; waits a while for it.
    pub(crate) fn end(self) -> Option<End> {
        self.end.recv_timeout(PATIENCE).ok()
    }

    /// Says this; false if nobody listens any more.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        // Closing may take a second, in which nothing more is read.
        let _ = self.stream.set_write_timeout(Some(Duration::from_millis(50)));
        match self.stream.write_all(bytes) {
            Ok(()) => true,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

/// Reads frames until the last.
fn listen(mut stream: TcpStream, mut heard: impl FnMut()) -> End {
    let mut next = || -> std::io::Result<Option<End>> {
        let mut header = [0; 2];
        stream.read_exact(&mut header)?;
        let mut length = u64::from(header[1]);
        if length >= 126 {
            let mut longer = [0; 8];
            let bytes = if length == 126 { 2 } else { 8 };
            stream.read_exact(&mut longer[8 - bytes..])?;
            length = u64::from_be_bytes(longer);
        }
        let mut payload = vec![0; length as usize];
        stream.read_exact(&mut payload)?;
        heard();
        let code = (header[0] == 0x88).then(|| payload.first_chunk().map(|&code| u16::from_be_bytes(code)));
        Ok(code.map(|code| code.map_or(End::Gone, End::Closed)))
    };
    loop {
        match next() {
            Ok(None) => {}
            Ok(Some(end)) => return end,
            Err(_) => return End::Gone,
        }
    }
}
