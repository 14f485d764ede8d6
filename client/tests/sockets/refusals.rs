//! What the relay refuses.

use std::time::Duration;

use futures_util::StreamExt as _;
use tickwire_client::{ErrorCode, Update};
use tickwire_protocol::{ErrorReply, ServerMessage};

use crate::peer::{Peer, listener_and_client, patiently};

#[tokio::test]
async fn every_refusal_is_told_by_its_name_and_the_connection_stays() {
    let (listener, mut client) = listener_and_client().await;
    let relay = tokio::spawn(async move {
        let (mut peer, _) = Peer::welcome(&listener).await;
        for code in ErrorCode::all() {
            let refusal = ErrorReply::new(code, "no").retry_in(Duration::from_millis(250));
            peer.say(ServerMessage::Error(refusal)).await;
        }
        while let Some(Ok(_)) = peer.0.next().await {}
    });
    let mut refused = Vec::new();
    while refused.len() < ErrorCode::all().count() {
        match patiently(client.next()).await.expect("the relay wants it").expect("it has not left") {
            Update::Refused { code, message, id, retry_in } => {
                assert_eq!((message.as_str(), id, retry_in), ("no", None, Some(Duration::from_millis(251))));
                refused.push(code);
            }
            Update::Lost { reason, .. } => panic!("{reason}"),
            _ => {}
        }
    }
    assert!(refused.into_iter().eq(ErrorCode::all()));
    client.leave().await;
    relay.await.expect("all was as it should be");
}
