//! What is said is answered, or said again.

use super::*;

/// A message to the game of the test's schema.
#[derive(Wire)]
#[wire(crate = tickwire_protocol)]
struct Cheer {
    times: u8,
}

#[derive(Wire)]
#[wire(crate = tickwire_protocol)]
struct Buy {
    coins: u8,
}

#[derive(Debug, PartialEq, Wire)]
#[wire(crate = tickwire_protocol)]
struct Bought {
    left: u8,
}

/// The same name, but another range.
#[derive(Wire)]
#[wire(crate = tickwire_protocol, name = "Cheer")]
struct OtherCheer {
    times: i32,
}

pub(super) fn shapes() -> (Shape, Exchange) {
    (Cheer::shape(), Exchange { request: Buy::shape(), reply: Bought::shape() })
}

fn json(text: &str) -> Content {
    Content::Json(text.into())
}

fn news() -> Address {
    Address::Channel { scope: Scope::Relay, channel: "news".into() }
}

fn ids(said: &[ClientMessage]) -> Vec<&str> {
    let id = |message| match message {
        &ClientMessage::Publish(Publish { id: Some(ref id), .. })
        | &ClientMessage::Tell(Tell { id: Some(ref id), .. })
        | &ClientMessage::Request(Request { ref id, .. }) => Some(&**id),
        _ => None,
    };
    said.iter().filter_map(id).collect()
}

impl Talk {
    fn publishes(&mut self, to: Address) -> MessageId {
        self.session.publish(to, json("1")).expect("it is short, and few wait")
    }

    fn acked(&mut self, id: &MessageId) {
        self.hear(&ServerMessage::Acked(Acked { id: id.clone() }));
    }
}

#[test]
fn what_is_not_acknowledged_is_said_again_in_order() {
    let mut talk = Talk::playing();
    let first = talk.publishes(Address::room());
    let second = talk.session.tell(&Cheer { times: 3 }).expect("the game knows it");
    let third = talk.publishes(news());
    let fourth = talk.publishes(Address::Host);
    assert_eq!(ids(&talk.said()), [&*first, &second, &third, &fourth]);
    talk.acked(&first);
    talk.session.handle_lost(None, "cut");
    let fifth = talk.publishes(Address::room());
    talk.said();
    talk.session.handle_connected();
    talk.accepted();
    assert_eq!(ids(&talk.said()), [&*third], "it needs no room");
    talk.welcome([2; 16]);
    assert_eq!(ids(&talk.said()), [&*second, &fourth, &fifth]);
    for id in [&second, &third, &fourth, &fifth] {
        talk.acked(id);
    }
    talk.come_back();
    assert_eq!(talk.talked(), []);
}

#[test]
fn who_said_it_hears_what_became_of_it() {
    let mut talk = Talk::playing();
    let (good, bad) = (talk.publishes(Address::room()), talk.publishes(Address::Host));
    talk.updates();
    talk.acked(&good);
    talk.refused(ErrorCode::NoRecipient, Some(bad.clone()));
    let refused = Update::Refused { code: ErrorCode::NoRecipient, message: "no".into(), id: Some(bad), retry_in: None };
    assert_eq!(talk.updates(), [Update::Acked { id: good }, refused]);
    talk.come_back();
    assert_eq!(talk.talked(), [], "both were answered");
}

#[test]
fn what_a_lost_seat_said_is_abandoned() {
    let mut talk = Talk::playing();
    let (in_room, in_relay) = (talk.publishes(Address::room()), talk.publishes(news()));
    talk.session.handle_lost(None, "cut");
    let unsaid = talk.publishes(Address::room());
    talk.updates();
    talk.come_back_anew();
    assert_eq!(ids(&talk.said()), [&*in_relay, &unsaid]);
    let joined = Update::Joined { resumed: false, lost: false };
    assert_eq!(talk.updates()[1..], [joined, Update::Abandoned { id: in_room }]);
}

#[test]
fn what_was_meant_for_one_room_is_not_said_in_another() {
    let mut talk = Talk::playing();
    talk.session.handle_lost(None, "cut");
    let id = talk.publishes(Address::room());
    talk.updates();
    talk.room = "attic".into();
    talk.come_back_anew();
    assert_eq!(ids(&talk.said()), [""; 0]);
    assert_eq!(talk.updates().last(), Some(&Update::Abandoned { id }));
}

#[test]
fn what_is_said_before_the_first_room_waits_for_it() {
    let mut talk = Talk::new();
    let id = talk.publishes(Address::room());
    assert_eq!(talk.session.tell(&Cheer { times: 1 }), Err(TalkError::Unknown("Cheer")));
    talk.enter([1; 16]);
    assert_eq!(ids(&talk.said()), [&*id]);
    assert_eq!(talk.updates(), [Update::Joined { resumed: false, lost: false }]);
}

#[test]
fn a_request_is_answered_across_a_reconnection_once() {
    let mut talk = Talk::playing();
    let id = talk.session.request(&Buy { coins: 5 }).expect("the game knows it");
    talk.come_back();
    let record = Bytes::from(wire::to_record(&Buy { coins: 5 }));
    assert_eq!(talk.talked(), [ClientMessage::Request(Request { id: id.clone(), request: 0, record })]);
    talk.updates();
    let record = Bytes::from(wire::to_record(&Bought { left: 2 }));
    let reply = ServerMessage::Reply(Reply { number: 1, id: id.clone(), request: 0, record });
    talk.hear(&reply);
    talk.come_back();
    talk.hear(&reply);
    let told: Vec<_> = talk.updates().into_iter().filter(|update| matches!(update, Update::Reply { .. })).collect();
    assert!(
        matches!(&told[..], [reply @ Update::Reply { id: of, .. }] if *of == id && reply.reply() == Some(Bought { left: 2 }))
    );
    assert_eq!(talk.talked(), []);
}

#[test]
fn a_message_of_another_shape_is_not_said() {
    let mut talk = Talk::playing();
    assert_eq!(talk.session.tell(&OtherCheer { times: 1 }), Err(TalkError::Unknown("Cheer")));
    assert_eq!(talk.session.request(&Cheer { times: 1 }), Err(TalkError::Unknown("Cheer")));
    let broken = talk.session.publish(Address::room(), json("{"));
    assert_eq!(broken, Err(TalkError::Invalid(MessageError::NotJson)));
    assert_eq!(talk.talked(), []);
}

#[test]
fn as_many_as_are_kept_are_said_at_a_pace_that_a_relay_takes() {
    let mut talk = Talk::new();
    let mut kept: Vec<_> = (0..256).map(|_| talk.publishes(Address::room())).collect();
    assert_eq!(talk.session.publish(Address::room(), json("1")), Err(TalkError::TooMany));
    talk.enter([1; 16]);
    let mut said = ids(&talk.said()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(said, kept[..4]);
    said.iter().for_each(|id| talk.acked(id));
    kept.push(talk.publishes(Address::room()));
    assert_eq!(ids(&talk.said()), [""; 0], "it waits its turn");
    let start = talk.now;
    while said.len() < kept.len() {
        talk.now = talk.session.deadline().expect("some wait");
        talk.session.handle_timeout(talk.now);
        said.extend(ids(&talk.said()).into_iter().map(str::to_owned));
    }
    assert_eq!(said, kept);
    assert_eq!(talk.now - start, Duration::from_millis(500) * 64);
    let next = talk.publishes(Address::room());
    assert_eq!(ids(&talk.said()), [&*next], "nothing waits any more");
}
