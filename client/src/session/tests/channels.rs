//! Channels: what is asked of the relay, and what is told of what comes.

use super::*;

fn subscribe(scope: Scope, channel: &str, after: Option<u32>) -> ClientMessage {
    ClientMessage::Subscribe(Subscribe { scope, channel: channel.into(), after })
}

fn unsubscribe(scope: Scope, channel: &str) -> ClientMessage {
    ClientMessage::Unsubscribe(Unsubscribe { scope, channel: channel.into() })
}

impl Talk {
    fn wants(&mut self, scope: Scope, channel: &str) {
        assert_eq!(self.session.subscribe(scope, channel.into()), Ok(()));
    }

    fn granted(&mut self, scope: Scope, channel: &str) {
        self.hear(&ServerMessage::Subscribed(Subscribed { scope, channel: channel.into(), members: vec![], count: 1 }));
        self.updates();
    }

    /// Which of these numbers are told when they come in a channel.
    fn told(&mut self, scope: Scope, channel: &str, numbers: &[u32]) -> Vec<u32> {
        let to = Address::Channel { scope, channel: channel.into() };
        self.told_to(&to, numbers)
    }

    fn told_to(&mut self, to: &Address, numbers: &[u32]) -> Vec<u32> {
        self.updates();
        for &number in numbers {
            let content = Content::Json("1".into());
            self.hear(&ServerMessage::Message(Message { number, from: None, to: to.clone(), content }));
        }
        let told = self.updates().into_iter();
        told.map(|update| if let Update::Message(message) = update { message.number } else { 0 }).collect()
    }
}

#[test]
fn what_comes_twice_is_told_once() {
    let mut talk = Talk::playing();
    assert_eq!(talk.told(Scope::Room, "main", &[1, 3]), [1, 3]);
    assert_eq!(talk.told_to(&Address::Seats(vec![SeatId(3)]), &[4, 4]), [4]);
    talk.received = 4;
    talk.come_back();
    assert!(matches!(talk.said()[1], ClientMessage::Join(Join { resume: Some(Resume { received: 4, .. }), .. })));
    assert_eq!(talk.told(Scope::Room, "main", &[1, 3, 5]), [5]);
    assert_eq!(talk.told_to(&Address::Host, &[4, 6]), [6]);
}

#[test]
fn what_a_channel_kept_is_told_although_the_room_is_further() {
    let mut talk = Talk::playing();
    assert_eq!(talk.told(Scope::Room, "main", &[50]), [50]);
    assert_eq!(talk.told(Scope::Room, "team", &[12, 30, 52]), [12, 30, 52]);
    assert_eq!(talk.told_to(&Address::Host, &[51, 53]), [51, 53], "nor does it hide what was said before it");
}

#[test]
fn a_new_seat_counts_from_where_the_room_says() {
    let mut talk = Talk::playing();
    assert_eq!(talk.told(Scope::Room, "main", &[50]), [50]);
    assert_eq!(talk.told_to(&Address::Host, &[51]), [51]);
    // The room was opened anew.
    talk.received = 2;
    talk.come_back_anew();
    assert_eq!(talk.told(Scope::Room, "main", &[1]), [1]);
    assert_eq!(talk.told_to(&Address::Host, &[2, 3]), [3]);
    talk.come_back();
    assert!(matches!(talk.said()[1], ClientMessage::Join(Join { resume: Some(Resume { received: 3, .. }), .. })));
}

#[test]
fn channels_can_be_wanted_before_they_can_be_asked_for() {
    let mut talk = Talk::new();
    talk.wants(Scope::Relay, "news");
    talk.wants(Scope::Room, "team");
    talk.session.handle_connected();
    assert_eq!(talk.talked(), []);
    talk.accepted();
    assert_eq!(talk.talked(), [subscribe(Scope::Relay, "news", None)], "it needs no room");
    talk.welcome([1; 16]);
    assert_eq!(talk.talked(), [subscribe(Scope::Room, "team", None)]);
}

#[test]
fn a_resumed_seat_has_its_channels_and_those_of_the_relay_are_asked_for_again() {
    let mut talk = Talk::playing();
    for (scope, channel) in [(Scope::Room, "team"), (Scope::Relay, "news")] {
        talk.wants(scope, channel);
        talk.granted(scope, channel);
    }
    talk.wants(Scope::Room, "late");
    assert_eq!(talk.told(Scope::Relay, "news", &[7]), [7]);
    talk.come_back();
    assert_eq!(talk.talked(), [subscribe(Scope::Relay, "news", Some(7)), subscribe(Scope::Room, "late", None)]);
    assert_eq!(talk.told(Scope::Relay, "news", &[8, 8, 9]), [8, 9]);
}

#[test]
fn a_channel_of_the_relay_that_began_anew_is_heard() {
    let mut talk = Talk::playing();
    talk.wants(Scope::Relay, "news");
    talk.granted(Scope::Relay, "news");
    assert_eq!(talk.told(Scope::Relay, "news", &[7]), [7]);
    talk.come_back();
    // Nobody heard it in the meantime.
    assert_eq!(talk.told(Scope::Relay, "news", &[1, 1, 2]), [1, 2]);
}

#[test]
fn a_new_seat_asks_for_what_not_everyone_hears() {
    let mut talk = Talk::playing();
    for channel in ["main", "team"] {
        talk.wants(Scope::Room, channel);
        talk.granted(Scope::Room, channel);
    }
    assert_eq!(talk.told(Scope::Room, "team", &[5]), [5]);
    talk.come_back_anew();
    assert_eq!(talk.talked(), [subscribe(Scope::Room, "team", None)]);
    for channel in ["main", "team"] {
        assert_eq!(talk.session.unsubscribe(Scope::Room, channel.into()), Ok(()));
    }
    talk.come_back_anew();
    assert_eq!(talk.talked(), [unsubscribe(Scope::Room, "main")]);
}

#[test]
fn a_channel_given_up_without_a_connection_is_given_up_with_the_next() {
    let mut talk = Talk::playing();
    talk.wants(Scope::Room, "team");
    talk.granted(Scope::Room, "team");
    talk.session.handle_lost(None, "cut");
    assert_eq!(talk.session.unsubscribe(Scope::Room, "team".into()), Ok(()));
    talk.said();
    talk.enter([2; 16]);
    assert_eq!(talk.talked(), [unsubscribe(Scope::Room, "team")]);
}

#[test]
fn a_name_that_is_too_long_is_not_said() {
    let mut talk = Talk::playing();
    talk.said();
    let error = talk.session.subscribe(Scope::Relay, "x".repeat(65));
    assert!(matches!(error, Err(TalkError::Invalid(MessageError::Length { length: 65, max: 64, .. }))), "{error:?}");
    assert_eq!(talk.said(), []);
}

#[test]
fn a_live_list_of_rooms_is_asked_for_again() {
    let mut talk = Talk::playing();
    talk.said();
    let list = |live| ClientMessage::ListRooms(ListRooms { wanted: Wanted::default(), live });
    let whole = ServerMessage::RoomList(RoomList { whole: true, rooms: vec![], gone: vec![] });
    assert_eq!(talk.session.list_rooms(Wanted::default(), true), Ok(()));
    talk.hear(&whole);
    assert_eq!(talk.talked(), [list(true)]);
    talk.come_back();
    assert_eq!(talk.talked(), [list(true)]);
    assert_eq!(talk.session.list_rooms(Wanted::default(), false), Ok(()));
    talk.hear(&whole);
    assert_eq!(talk.talked(), [list(false)]);
    talk.come_back();
    assert_eq!(talk.talked(), []);
}
