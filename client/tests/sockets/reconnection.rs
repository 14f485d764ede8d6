//! A connection that is dropped in the middle of something.

use futures_util::StreamExt as _;
use tickwire_client::{Address, Content, Update};
use tickwire_protocol::{Acked, Resume, ServerMessage};

use crate::peer::{Peer, listener_and_client, patiently};

#[tokio::test]
async fn what_was_not_acknowledged_is_said_again_to_the_same_seat() {
    let (listener, mut client) = listener_and_client().await;
    let relay = tokio::spawn(async move {
        let (mut first, _) = Peer::welcome(&listener).await;
        let said = first.publication().await;
        drop(first);
        let (mut second, resume) = Peer::welcome(&listener).await;
        assert_eq!(resume, Some(Resume { token: [7; 16], received: 0 }));
        assert_eq!(second.publication().await, said);
        second.say(ServerMessage::Acked(Acked { id: said.id.expect("it wants an answer") })).await;
        second.0.next().await;
    });
    let id = client.publish(Address::room(), Content::Json("1".into())).await.expect("it is short");
    let mut joins = Vec::new();
    let talk = async {
        loop {
            match client.next().await.expect("the relay wants it") {
                Some(Update::Joined { resumed, .. }) => joins.push(resumed),
                Some(Update::Acked { id }) => return id,
                _ => {}
            }
        }
    };
    let acked = patiently(talk).await;
    assert_eq!((acked, joins), (id, vec![false, true]));
    client.leave().await;
    relay.await.expect("all was as it should be");
}
