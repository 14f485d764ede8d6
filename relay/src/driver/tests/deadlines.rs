//! What has come by a deadline counts, however late it is read; and nobody waits for who has to go.

use std::pin::pin;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use tickwire_protocol::{Auth, ClientMessage, PROTOCOL_VERSION, ServerMessage};
use tokio::io::duplex;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::Match;
use super::client::say;
use crate::config::Config;

#[tokio::test(start_paused = true)]
async fn nobody_is_taken_for_silent_whose_words_were_not_read_in_time() {
    let game = Match::start(Config::default());
    let (ours, theirs) = duplex(4096);
    let mut connection = pin!(game.connect(ours).serve());
    assert!(connection.as_mut().now_or_never().is_none());
    let mut socket = WebSocketStream::from_raw_socket(theirs, Role::Client, None).await;
    say(&mut socket, &ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: "ada".into() })).await;
    // The thread that reads is busy with others until long after.
    tokio::time::advance(2 * Config::default().handshake_timeout + Duration::from_secs(1)).await;
    assert!(connection.as_mut().now_or_never().is_none());
    let Some(Ok(Message::Binary(bytes))) = socket.next().await else { panic!("the session was closed") };
    let answer = ServerMessage::decode_all(bytes).next();
    assert!(matches!(answer, Some(Ok(ServerMessage::Accepted(_)))), "{answer:?}");
}

#[tokio::test(start_paused = true)]
async fn the_next_stranger_does_not_wait_for_the_farewell_of_one_that_has_to_go() {
    let game = Match::start(Config { unauthenticated: 1, ..Config::default() });
    let (ours, _theirs) = duplex(4096);
    let mut connection = pin!(game.connect(ours).serve());
    assert!(connection.as_mut().now_or_never().is_none());
    let _next = game.shared.strangers.admit();
    assert!(game.shared.strangers.thinned().now_or_never().is_none());
    assert!(connection.as_mut().now_or_never().is_none(), "it waits for the answer to its close");
    assert!(game.shared.strangers.thinned().now_or_never().is_some());
}
