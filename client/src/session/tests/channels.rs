//! Channels: what is asked of the relay, and what is told of what comes.

use super::*;

fn subscribe(scope: Scope, channel: &str, after: Option<u32>) -> ClientMessage {
    ClientMessage::Subscribe(Subscribe { id: None, scope, channel: channel.into(), after })
}

fn unsubscribe(scope: Scope, channel: &str) -> ClientMessage {
    ClientMessage::Unsubscribe(Unsubscribe { id: None, scope, channel: channel.into() })
}

impl Talk {
    fn wants(&mut self, scope: Scope, channel: &str) -> MessageId {
        self.session.subscribe(scope, channel.into()).expect("the name is good")
    }

    fn wants_no_more(&mut self, scope: Scope, channel: &str) -> MessageId {
        self.session.unsubscribe(scope, channel.into()).expect("the name is good")
    }

    fn granted(&mut self, id: &MessageId, scope: Scope, channel: &str) {
        let (id, channel) = (Some(id.clone()), channel.into());
        self.hear(&ServerMessage::Subscribed(Subscribed { id, scope, channel, members: vec![], count: 1 }));
        self.updates();
    }

    fn gets(&mut self, scope: Scope, channel: &str) {
        let id = self.wants(scope, channel);
        self.granted(&id, scope, channel);
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
        talk.gets(scope, channel);
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
    talk.gets(Scope::Relay, "news");
    assert_eq!(talk.told(Scope::Relay, "news", &[7]), [7]);
    talk.come_back();
    // Nobody heard it in the meantime.
    assert_eq!(talk.told(Scope::Relay, "news", &[1, 1, 2]), [1, 2]);
}

#[test]
fn a_new_seat_asks_for_what_not_everyone_hears() {
    let mut talk = Talk::playing();
    for channel in ["main", "team"] {
        talk.gets(Scope::Room, channel);
    }
    assert_eq!(talk.told(Scope::Room, "team", &[5]), [5]);
    talk.come_back_anew();
    assert_eq!(talk.talked(), [subscribe(Scope::Room, "team", None)]);
    for channel in ["main", "team"] {
        talk.wants_no_more(Scope::Room, channel);
    }
    talk.come_back_anew();
    assert_eq!(talk.talked(), [unsubscribe(Scope::Room, "main")]);
}

#[test]
fn a_channel_given_up_without_a_connection_is_given_up_with_the_next() {
    let mut talk = Talk::playing();
    talk.gets(Scope::Room, "team");
    talk.session.handle_lost(None, "cut");
    talk.wants_no_more(Scope::Room, "team");
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
fn a_channel_that_is_refused_for_now_is_asked_for_in_time() {
    let mut talk = Talk::playing();
    talk.gets(Scope::Room, "team");
    let (more, less) = (talk.wants(Scope::Relay, "news"), talk.wants_no_more(Scope::Room, "team"));
    talk.said();
    talk.updates();
    for (id, retry_ms) in [(&more, 300), (&less, 400)] {
        talk.put_off(id, retry_ms);
        let retry_in = Some(Duration::from_millis(retry_ms.into()));
        let (code, message, id) = (ErrorCode::RateLimited, "slow".into(), Some(id.clone()));
        assert_eq!(talk.updates(), [Update::Refused { code, message, id, retry_in }]);
    }
    assert_eq!(talk.pass(), Duration::from_millis(400), "when all of it has a chance");
    assert_eq!(talk.said(), [unsubscribe(Scope::Room, "team")]);
    assert_eq!(talk.pass(), Duration::from_millis(250), "one after the other");
    assert_eq!(talk.said(), [subscribe(Scope::Relay, "news", None)]);
    talk.put_off(&more, 300);
    assert_eq!(talk.pass(), Duration::from_millis(300), "it goes by the same id");
    assert_eq!(talk.said(), [subscribe(Scope::Relay, "news", None)]);
    talk.granted(&more, Scope::Relay, "news");
    talk.hear(&ServerMessage::Unsubscribed(Unsubscribed {
        id: Some(less),
        scope: Scope::Room,
        channel: "team".into(),
    }));
    talk.pass();
    assert_eq!(talk.said(), [], "all is as it is wanted");
}

#[test]
fn what_waits_for_its_turn_is_asked_for_at_once_by_the_next_connection() {
    let mut talk = Talk::playing();
    let ids = [(Scope::Room, "team"), (Scope::Relay, "news")].map(|(scope, channel)| talk.wants(scope, channel));
    ids.iter().for_each(|id| talk.put_off(id, 10_000));
    talk.come_back();
    assert_eq!(talk.talked(), [subscribe(Scope::Relay, "news", None), subscribe(Scope::Room, "team", None)]);
    assert_eq!(talk.session.next_turn(), None);
}

#[test]
fn a_channel_that_is_not_to_be_had_is_wished_for_no_more() {
    let mut talk = Talk::playing();
    talk.gets(Scope::Room, "team");
    let refused = [talk.wants(Scope::Relay, "news"), talk.wants_no_more(Scope::Room, "side")];
    talk.updates();
    for id in refused {
        talk.refused(ErrorCode::NoChannel, Some(id.clone()));
        let (code, message) = (ErrorCode::NoChannel, "no".into());
        assert_eq!(talk.updates(), [Update::Refused { code, message, id: Some(id), retry_in: None }]);
    }
    talk.come_back();
    assert_eq!(talk.talked(), []);
    talk.come_back_anew();
    assert_eq!(talk.talked(), [subscribe(Scope::Room, "team", None)]);
}

#[test]
fn an_answer_to_what_was_wanted_before_is_none_to_what_is_wanted_now() {
    let mut talk = Talk::playing();
    let first = talk.wants(Scope::Room, "team");
    talk.wants_no_more(Scope::Room, "team");
    let last = talk.wants(Scope::Room, "team");
    talk.granted(&first, Scope::Room, "team");
    talk.put_off(&first, 300);
    assert_eq!(talk.updates(), [], "it is refused no more");
    talk.come_back();
    assert_eq!(talk.talked(), [subscribe(Scope::Room, "team", None)], "it has no answer yet");
    talk.granted(&last, Scope::Room, "team");
    talk.come_back();
    assert_eq!(talk.talked(), []);
}

fn list(live: bool) -> ClientMessage {
    ClientMessage::ListRooms(ListRooms { id: None, wanted: Wanted::default(), live })
}

impl Talk {
    fn lists(&mut self, live: bool) -> MessageId {
        self.session.list_rooms(Wanted::default(), live).expect("it keeps to the caps")
    }

    fn listed(&mut self, id: &MessageId) {
        let id = Some(id.clone());
        self.hear(&ServerMessage::RoomList(RoomList { id, whole: true, rooms: vec![], gone: vec![] }));
    }
}

#[test]
fn a_live_list_of_rooms_is_asked_for_again() {
    let mut talk = Talk::playing();
    talk.said();
    let live = talk.lists(true);
    talk.listed(&live);
    assert_eq!(talk.talked(), [list(true)]);
    talk.come_back();
    assert_eq!(talk.talked(), [list(true)]);
    let once = talk.lists(false);
    talk.listed(&live);
    talk.come_back();
    assert_eq!(talk.talked(), [list(false)], "that was the answer to the other");
    talk.listed(&once);
    talk.come_back();
    assert_eq!(talk.talked(), []);
}

#[test]
fn a_list_that_is_refused_for_now_is_asked_for_in_time() {
    let mut talk = Talk::playing();
    let id = talk.lists(false);
    talk.said();
    talk.put_off(&id, 600);
    assert_eq!(talk.pass(), Duration::from_millis(600));
    assert_eq!(talk.said(), [list(false)]);
    talk.refused(ErrorCode::Forbidden, Some(id));
    talk.come_back();
    assert_eq!(talk.talked(), [], "it was refused for good");
}
