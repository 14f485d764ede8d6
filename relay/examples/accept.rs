//! Connections from elsewhere than a TCP listener: a Unix socket, for a proxy on the same machine.
//!
//! `cargo run -p tickwire --example accept`, and then `curl --unix-socket /tmp/tickwire.sock http://relay/healthz`

#[cfg(unix)]
mod dots;

#[cfg(unix)]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use std::net::{IpAddr, Ipv4Addr};
    use tickwire::{Config, Relay, SimOptions};

    // A Unix socket has no addresses. All that comes counts for the proxy's, which tells in `x-forwarded-for` for whom it comes.
    let proxy = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let relay = Relay::builder().config(Config { proxies: vec![proxy], ..Config::default() }).build()?;
    relay.open("lobby", dots::Dots, SimOptions::default())?;
    let path = "/tmp/tickwire.sock";
    let listener = tokio::net::UnixListener::bind(path)?;
    println!("{path}");
    loop {
        tokio::select! {
            biased;
            _ = tokio::signal::ctrl_c() => break,
            accepted = listener.accept() => relay.accept(accepted?.0, proxy),
        }
    }
    relay.shut_down().await;
    std::fs::remove_file(path)?;
    Ok(())
}

#[cfg(not(unix))]
fn main() {
    println!("there are no Unix sockets here");
}
