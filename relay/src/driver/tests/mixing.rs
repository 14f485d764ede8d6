//! Nothing ever comes between the bytes of a frame, whoever sends what.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::frame::{Opcode, put_frame};

/// Messages that each side sends.
const MESSAGES: u8 = 200;

/// Pings all the time, and notes the messages that come; an error if the stream can't be read.
async fn ping_and_listen(stream: DuplexStream) -> Result<Vec<Bytes>, String> {
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, None).await;
    let mut heard = Vec::new();
    for round in 0..MESSAGES {
        socket.send(Message::Ping(vec![round; 40].into())).await.map_err(|error| error.to_string())?;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
    while heard.len() < usize::from(MESSAGES) {
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => heard.push(bytes),
            Some(Ok(_)) => {}
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(heard)
}

fn frame(payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    put_frame(&mut frame, Opcode::Binary, payload);
    frame.freeze()
}

fn messages() -> impl Iterator<Item = Vec<u8>> {
    (0..MESSAGES).map(|index| vec![index; 100 + usize::from(index)])
}

#[tokio::test(start_paused = true)]
async fn pongs_and_frames_of_the_room_leave_whole_through_the_narrowest_socket() {
    // Seven bytes at a time, so that every frame is cut.
    let (ours, theirs) = duplex(7);
    let mut socket = Socket::over(Transport::Other(Box::new(ours)), Bytes::new(), Form::Binary, &Config::default());
    let outbox = socket.outbox().clone();
    let listener = tokio::spawn(ping_and_listen(theirs));
    tokio::spawn(async move {
        for message in messages() {
            outbox.push(now(), frame(&message));
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    });
    let serving = tokio::spawn(async move { while socket.next().await.is_ok() {} });
    let heard = listener.await.expect("it does not panic").expect("the stream can be read");
    assert!(heard.iter().eq(messages().collect::<Vec<_>>().iter()));
    serving.abort();
}

#[tokio::test(start_paused = true)]
async fn a_close_is_answered_on_a_stream_that_only_its_task_writes() {
    let (ours, theirs) = duplex(7);
    let mut socket = Socket::over(Transport::Other(Box::new(ours)), Bytes::new(), Form::Binary, &Config::default());
    tokio::spawn(async move { while socket.next().await.is_ok() {} });
    let mut client = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    client.close(None).await.expect("it can be said");
    assert!(matches!(client.next().await, Some(Ok(Message::Close(_)))));
    assert!(client.next().await.is_none(), "closed in good order");
}

/// What the adapter is there to prevent: the library writes to the stream itself, beside the room's frames.
struct Bypass(ReadHalf<DuplexStream>, Arc<std::sync::Mutex<WriteHalf<DuplexStream>>>);

impl AsyncRead for Bypass {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Bypass {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut *self.1.lock().expect("no test panics with it")).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_adapter_the_same_traffic_breaks_the_stream() {
    let (ours, theirs) = duplex(7);
    let (read, write) = tokio::io::split(ours);
    let write = Arc::new(std::sync::Mutex::new(write));
    let listener = tokio::spawn(ping_and_listen(theirs));
    let mut socket = WebSocketStream::from_raw_socket(Bypass(read, write.clone()), Role::Server, None).await;
    let pushing = tokio::spawn(async move {
        for message in messages() {
            let mut bytes = frame(&message);
            while !bytes.is_empty() {
                let written = std::future::poll_fn(|cx| {
                    Pin::new(&mut *write.lock().expect("no test panics with it")).poll_write(cx, &bytes)
                });
                let Ok(written) = written.await else { return };
                let _ = bytes.split_to(written);
            }
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    });
    let serving = tokio::spawn(async move { while let Some(Ok(_)) = socket.next().await {} });
    let heard = tokio::time::timeout(Duration::from_secs(60), listener).await;
    let sound = matches!(heard, Ok(Ok(Ok(ref heard))) if heard.iter().eq(messages().collect::<Vec<_>>().iter()));
    assert!(!sound, "the two writers never met: this test proves nothing");
    pushing.abort();
    serving.abort();
}
