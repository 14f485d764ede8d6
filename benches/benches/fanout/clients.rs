//! The other process: many clients that read and throw away.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tickwire_client::{Client, ClientConfig};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

/// The process, ended when dropped.
pub(crate) struct Clients(Child);

impl Clients {
    /// Starts so many clients for an address.
    pub(crate) fn start(addr: &str, count: usize, player: bool) -> Self {
        let program = std::env::current_exe().expect("a program runs");
        let mut command = Command::new(program);
        command.args(["--connect", addr, "--clients", &count.to_string()]).stdin(Stdio::null());
        if player {
            command.arg("--player");
        }
        Self(command.spawn().expect("this program can be started once more"))
    }
}

impl Drop for Clients {
    fn drop(&mut self) {
        // It has no state to lose.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Connects and reads until killed.
pub(crate) async fn run(addr: &str, count: usize, player: bool) {
    for index in 0..count {
        if player {
            tokio::spawn(play(format!("ws://{addr}"), index));
        } else {
            tokio::spawn(drain(addr.to_owned()));
        }
        // Not all at once: the listener's queue is short.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    std::future::pending().await
}

async fn drain(addr: String) {
    let mut stream = TcpStream::connect(addr).await.expect("the bench listens");
    let mut scratch = vec![0; 4096];
    while let Ok(1..) = stream.read(&mut scratch).await {}
}

async fn play(url: String, index: usize) {
    let config = ClientConfig { url, token: format!("bench.{index}"), room: "lobby".into() };
    let mut client = Client::new(config).expect("the URL is one");
    while let Ok(Some(_)) = client.next().await {}
}
