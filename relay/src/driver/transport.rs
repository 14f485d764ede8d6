//! What a connection runs over: TCP, TLS, or whatever an embedder has.

use std::any::Any;
use std::future::poll_fn;
use std::io::{self, Read as _};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
#[cfg(feature = "tls")]
use std::task::Waker;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

use crate::outbox::{Caps, Outbox, Sink};

/// A stream of bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection before it is a WebSocket.
pub(crate) enum Transport {
    /// Written to by whoever has something to say.
    Tcp(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<TcpStream>>),
    /// Written to by the session's own task.
    Other(Box<dyn Stream>),
}

impl Transport {
    /// Around any stream; TCP is known as such.
    pub(crate) fn of<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) -> Self {
        let mut stream = Some(stream);
        match (&mut stream as &mut dyn Any).downcast_mut::<Option<TcpStream>>().and_then(Option::take) {
            Some(tcp) => Self::Tcp(tcp),
            None => Self::Other(Box::new(stream.expect("it is taken by the arm above alone"))),
        }
    }

    fn stream(&mut self) -> Pin<&mut dyn Stream> {
        match self {
            Self::Tcp(stream) => Pin::new(stream),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream.as_mut()),
            Self::Other(stream) => Pin::new(stream.as_mut()),
        }
    }

    /// Wakes the task that calls, from now on, by this thread's runtime.
    pub(crate) fn settle(self) -> io::Result<Self> {
        match self {
            Self::Tcp(stream) => Ok(Self::Tcp(settle(stream)?)),
            // What is around the socket can't be taken off it. It goes on to be woken by the runtime where it began.
            other => Ok(other),
        }
    }

    /// Lets what is written leave at once, and the system hold no more of it than so many bytes: what it holds can't be taken back.
    pub(crate) fn tune(&self, send_buffer: usize) {
        let stream = match self {
            Self::Tcp(stream) => stream,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0,
            Self::Other(_) => return,
        };
        // The relay works without either: later, and with staler snapshots.
        let _ = stream.set_nodelay(true);
        let _ = SockRef::from(stream).set_send_buffer_size(send_buffer);
    }

    /// Waits until the peer has said something, where that can be known without reading it.
    pub(crate) async fn spoken_to(&mut self) {
        if let Self::Tcp(stream) = self {
            // Tries, because a new socket passes for readable. An error comes up again when it is read.
            let _ = poll_fn(|cx| stream.poll_peek(cx, &mut ReadBuf::new(&mut [0]))).await;
        }
    }

    /// The two ends of a WebSocket's connection: the one that its session's task holds, and the one that anybody may put frames into.
    pub(crate) fn split(self, caps: Caps) -> (Line, Arc<Outbox>) {
        match self {
            Self::Tcp(stream) => {
                let outbox = Arc::new(Outbox::new(Direct(stream), caps));
                (Line::Tcp(outbox.clone()), outbox)
            }
            #[cfg(feature = "tls")]
            Self::Tls(stream) => (Line::Tls(stream), Arc::new(Outbox::new(Later, caps))),
            Self::Other(stream) => (Line::Other(stream), Arc::new(Outbox::new(Later, caps))),
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(cx)
    }
}

/// See [`Transport::settle`].
pub(super) fn settle(stream: TcpStream) -> io::Result<TcpStream> {
    TcpStream::from_std(stream.into_std()?)
}

/// A WebSocket's connection as its session's task holds it.
pub(crate) enum Line {
    Tcp(Arc<Outbox<Direct>>),
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<TcpStream>>),
    Other(Box<dyn Stream>),
}

impl Line {
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(outbox) => outbox.sink().poll_read(cx, buffer),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }

    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(outbox) => outbox.sink().poll_write(cx, bytes),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Other(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    /// Bytes that were written but that the peer's system has not accepted; none where that can't be known.
    pub(crate) fn unaccepted(&self) -> Option<usize> {
        self.tcp().and_then(unaccepted)
    }

    /// Says that nothing follows.
    pub(crate) fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(outbox) => Poll::Ready(SockRef::from(&outbox.sink().0).shutdown(Shutdown::Write)),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }

    /// Ends both ways at once, whoever else holds the connection.
    pub(crate) fn shut_down(&mut self) {
        #[cfg(feature = "tls")]
        if let Self::Tls(stream) = self {
            // So that the end is seen to be no one else's doing. If the system takes it now: nobody waits any more.
            let _ = Pin::new(stream).poll_shutdown(&mut Context::from_waker(Waker::noop()));
        }
        if let Some(stream) = self.tcp() {
            // It may have ended by itself.
            let _ = SockRef::from(stream).shutdown(Shutdown::Both);
        }
    }

    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(outbox) => Some(&outbox.sink().0),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Other(_) => None,
        }
    }
}

/// A peer that has gone is an error, and no signal that ends the process.
#[cfg(target_os = "linux")]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: libc::c_int = 0;

/// A TCP socket that anybody writes to, past the runtime, and that the session's task reads.
#[derive(Debug)]
pub(crate) struct Direct(TcpStream);

impl Sink for Direct {
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(&self.0).send_with_flags(bytes, NO_SIGNAL)
    }
}

impl Direct {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            let space = buffer.initialize_unfilled();
            let mut read = None;
            let tried = self.0.try_io(Interest::READABLE, || {
                let bytes = (&mut &*SockRef::from(&self.0)).read(space)?;
                read = Some(bytes);
                // Less than there was space for was all: the runtime need not try once more to learn that.
                if (1..space.len()).contains(&bytes) { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (read, tried) {
                (Some(bytes), _) => {
                    buffer.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                (None, tried) => return Poll::Ready(tried),
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }
}

/// Takes nothing: what waits is written by the session's task.
#[derive(Debug)]
struct Later;

impl Sink for Later {
    fn try_write(&self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

#[cfg(target_os = "linux")]
fn unaccepted(stream: &TcpStream) -> Option<usize> {
    use std::os::fd::AsRawFd as _;
    let mut bytes: libc::c_int = 0;
    // No safe wrapper has it. The descriptor is open while the stream is borrowed, and the kernel writes one int.
    #[allow(unsafe_code)]
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::TIOCOUTQ, &mut bytes) };
    (result == 0).then_some(bytes as usize)
}

#[cfg(not(target_os = "linux"))]
fn unaccepted(_: &TcpStream) -> Option<usize> {
    None
}
