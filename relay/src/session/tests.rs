//! Conversations in virtual time.

use std::time::Duration;

use tickwire_protocol::{
    Address, Content, Field, Kind, Predict, Probe, Publish, Request, Scope, Shape, Subscribe, Tell, Unsubscribe, Wanted,
};

use super::*;

/// A session and the time.
struct Talk {
    session: Session,
    now: Instant,
}

impl Talk {
    fn new() -> Self {
        let now = Instant::now();
        Self { session: Session::new(now, Arc::new(Config::default()), Form::Binary), now }
    }

    fn authenticated() -> Self {
        let mut talk = Self::new();
        talk.say(&ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: "ada".into() }));
        talk.session.handle_verdict(talk.now, Ok(ada()));
        talk.actions();
        talk
    }

    fn playing() -> Self {
        let mut talk = Self::authenticated();
        talk.say(&ClientMessage::Join(Join::room("lobby")));
        let kind = Kind::Int { min: -1, max: 1 };
        let field = Field { name: "x".into(), kind, predict: Predict::Auto };
        let input = Shape { name: "Input".into(), fields: vec![field] };
        let schema = Schema { input, ..Schema::default() };
        talk.session.handle_joined(talk.now, Ok((Arc::new(schema), 30)));
        talk.actions();
        talk
    }

    fn say(&mut self, message: &ClientMessage) {
        let mut out = Vec::new();
        message.encode(&mut out);
        self.session.handle_binary(self.now, out.into());
    }

    fn input(&mut self, record: &'static [u8]) {
        let record = Bytes::from_static(record);
        self.say(&ClientMessage::Input(Input { sequence: 1, tick: 1, acked: 0, record }));
    }

    /// Lets time pass, waking the session whenever it wants; what it did.
    fn pass(&mut self, millis: u64) -> Vec<Action> {
        let end = self.now + Duration::from_millis(millis);
        let mut actions = Vec::new();
        while self.session.deadline() <= end {
            self.now = self.now.max(self.session.deadline());
            self.session.handle_timeout(self.now);
            actions.extend(self.actions());
            if closed(&actions).is_some() {
                return actions;
            }
        }
        self.now = end;
        actions
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.session.poll()).collect()
    }
}

fn closed(actions: &[Action]) -> Option<CloseCode> {
    actions.iter().find_map(|action| match action {
        Action::Close(code, _) => Some(*code),
        _ => None,
    })
}

/// What was refused, and why.
fn refusals(actions: &[Action]) -> impl Iterator<Item = &ErrorReply> {
    actions.iter().filter_map(|action| match action {
        Action::Send(message) => match &**message {
            ServerMessage::Error(reply) => Some(reply),
            _ => None,
        },
        _ => None,
    })
}

fn refused(actions: &[Action]) -> Vec<ErrorCode> {
    refusals(actions).map(|reply| reply.code).collect()
}

#[test]
fn a_token_has_three_seconds_and_its_verdict_five() {
    let mut talk = Talk::new();
    assert_eq!(closed(&talk.pass(2_999)), None);
    assert_eq!(closed(&talk.pass(1)), Some(CloseCode::TooSlow));

    let mut talk = Talk::new();
    talk.pass(2_900);
    talk.say(&ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: "ada".into() }));
    assert_eq!(talk.actions(), [Action::Authenticate { token: "ada".into() }]);
    assert_eq!(closed(&talk.pass(4_999)), None);
    assert_eq!(closed(&talk.pass(1)), Some(CloseCode::TooSlow));
}

#[test]
fn a_verdict_that_comes_too_late_is_nothing() {
    let mut talk = Talk::new();
    talk.pass(4_000);
    talk.session.handle_verdict(talk.now, Ok(ada()));
    assert!(talk.actions().is_empty() && !talk.session.is_authenticated());
}

#[test]
fn a_lookup_that_fails_may_be_tried_again() {
    let wrong = [AuthError::Refused, AuthError::Expired, AuthError::Early, AuthError::Used];
    let wrong = wrong.map(|error| (error, CloseCode::Unauthorized));
    let verdicts = wrong.into_iter().chain([(AuthError::Unavailable, CloseCode::Overloaded)]);
    for (error, code) in verdicts {
        let mut talk = Talk::new();
        talk.say(&ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: "ada".into() }));
        talk.session.handle_verdict(talk.now, Err(error));
        assert_eq!(closed(&talk.actions()), Some(code));
        assert_eq!(code.retry(), error == AuthError::Unavailable);
    }
}

#[test]
fn a_token_in_the_url_is_the_first_message() {
    let start = || {
        let mut talk = Talk::new();
        talk.session.handle_token(talk.now, "ada".into());
        assert_eq!(talk.actions(), [Action::Authenticate { token: "ada".into() }]);
        talk
    };
    let mut talk = start();
    talk.session.handle_verdict(talk.now, Ok(ada()));
    assert!(talk.session.is_authenticated());
    let mut talk = start();
    talk.say(&ClientMessage::Auth(Auth { protocol: PROTOCOL_VERSION, token: "ada".into() }));
    assert_eq!(closed(&talk.actions()), Some(CloseCode::Malformed), "one token is enough");
    let mut talk = start();
    talk.say(&ClientMessage::Join(Join::room("lobby")));
    assert_eq!(closed(&talk.actions()), Some(CloseCode::Malformed), "the verdict comes first");
    assert_eq!(closed(&start().pass(5_000)), Some(CloseCode::TooSlow));
}

#[test]
fn pings_go_out_every_two_seconds_and_silence_ends_after_six() {
    let mut talk = Talk::playing();
    let actions = talk.pass(5_999);
    assert_eq!(actions, [Action::Ping, Action::Ping]);
    assert_eq!(closed(&talk.pass(1)), Some(CloseCode::Unresponsive));
}

#[test]
fn a_pong_keeps_a_silent_session_alive() {
    let mut talk = Talk::playing();
    for _ in 0..20 {
        let until_ping = talk.session.deadline() - talk.now;
        assert_eq!(talk.pass(until_ping.as_millis() as u64), [Action::Ping]);
        talk.now += Duration::from_millis(80);
        talk.session.handle_pong(talk.now);
    }
}

#[test]
fn who_speaks_is_not_pinged() {
    let mut talk = Talk::playing();
    for _ in 0..20 {
        assert_eq!(talk.pass(1_000), []);
        talk.input(&[0]);
        talk.actions();
    }
}

#[test]
fn bytes_that_the_socket_takes_are_a_sign_of_life() {
    let mut talk = Talk::playing();
    for _ in 0..10 {
        assert_eq!(closed(&talk.pass(4_000)), None);
        talk.session.handle_progress(talk.now);
    }
}

#[test]
fn inputs_pass_at_their_rate_and_a_flood_is_warned_of_once_a_second_and_then_ended() {
    let mut talk = Talk::playing();
    let mut passed = 0;
    for _ in 0..120 {
        talk.input(&[0]);
        passed += talk.actions().len();
    }
    assert_eq!(passed, 120, "two seconds' worth at once");
    talk.input(&[0]);
    assert_eq!(refused(&talk.actions()), [ErrorCode::RateLimited]);
    let mut actions = Vec::new();
    for dropped in 2..=121 {
        talk.input(&[0]);
        actions = talk.actions();
        assert!(refused(&actions).is_empty(), "told already");
        assert_eq!(closed(&actions).is_some(), dropped == 121);
    }
    assert_eq!(closed(&actions), Some(CloseCode::Flood));

    let mut steady = Talk::playing();
    for _ in 0..3_000 {
        steady.now += Duration::from_millis(17);
        steady.input(&[0]);
        assert!(matches!(steady.actions()[..], [Action::Input(_)]));
    }
}

#[test]
fn an_input_out_of_range_is_refused_by_name_and_too_many_of_them_end_the_session() {
    let mut talk = Talk::playing();
    talk.input(&[4]);
    let actions = talk.actions();
    let messages: Vec<&str> = refusals(&actions).map(|reply| &*reply.message).collect();
    assert!(actions.len() == 1 && messages == ["Input.x: 2 is not in -1..=1"], "{actions:?}");
    talk.input(&[0, 0]);
    assert_eq!(talk.actions(), [Action::Count(ErrorCode::InputRefused)], "told within the last second");
    let floods = (0..200).any(|_| {
        talk.input(&[4]);
        closed(&talk.actions()) == Some(CloseCode::Flood)
    });
    assert!(floods);
}

#[test]
fn one_room_at_a_time() {
    let mut talk = Talk::playing();
    talk.say(&ClientMessage::Join(Join::room("attic")));
    assert_eq!(refused(&talk.actions()), [ErrorCode::Busy]);
    talk.say(&ClientMessage::Leave);
    assert_eq!(talk.actions(), [Action::Leave]);
    talk.say(&ClientMessage::Leave);
    talk.say(&ClientMessage::Resync(Resync { base: None, desync: false }));
    talk.input(&[0]);
    assert_eq!(refused(&talk.actions()), [ErrorCode::NotJoined; 3]);
    talk.say(&ClientMessage::Join(Join::room("attic")));
    assert!(matches!(talk.actions()[..], [Action::Join(_)]));
}

/// The ids of what was refused.
fn named(actions: &[Action]) -> Vec<&str> {
    refusals(actions).map(|reply| reply.id.as_deref().unwrap_or("nothing")).collect()
}

fn join(id: &str, room: &str) -> ClientMessage {
    ClientMessage::Join(Join { id: Some(id.into()), ..Join::room(room) })
}

#[test]
fn every_refusal_of_a_join_names_it() {
    let mut talk = Talk::authenticated();
    talk.say(&join("j1", "attic"));
    talk.say(&join("j2", "attic"));
    assert_eq!(named(&talk.actions()), ["j2"], "one at a time");
    talk.session.handle_joined(talk.now, Err(ErrorReply::new(ErrorCode::RoomNotFound, "no")));
    assert_eq!(named(&talk.actions()), ["j1"], "the room has refused");
    talk.say(&join("j3", "stuck"));
    talk.session.handle_pong(talk.now + Duration::from_secs(29));
    assert_eq!(named(&talk.pass(30_000)), ["j3"], "no room was found in time");
    (4..=8).for_each(|_| talk.say(&join("j4", "attic")));
    talk.say(&join("j9", "attic"));
    assert_eq!(named(&talk.actions()).last(), Some(&"j9"), "and these are too many");
}

#[test]
fn whatever_can_be_refused_is_named() {
    let (scope, channel) = (Scope::Room, "news".to_owned());
    let (to, content) = (Address::room(), Content::Json("1".into()));
    let id = || Some("m1".to_owned());
    let in_rooms = [
        ClientMessage::Subscribe(Subscribe { id: id(), scope, channel: channel.clone(), after: None }),
        ClientMessage::Unsubscribe(Unsubscribe { id: id(), scope, channel }),
        ClientMessage::Publish(Publish { id: id(), to, content }),
        ClientMessage::Tell(Tell { id: id(), message: 0, record: Bytes::new() }),
        ClientMessage::Request(Request { id: "m1".into(), request: 0, record: Bytes::new() }),
    ];
    let list = ClientMessage::ListRooms(ListRooms { id: id(), wanted: Wanted::default(), live: false });
    for message in &in_rooms {
        let mut talk = Talk::authenticated();
        talk.say(message);
        let actions = talk.actions();
        assert_eq!((refused(&actions), named(&actions)), (vec![ErrorCode::NotJoined], vec!["m1"]), "{message:?}");
    }
    for message in in_rooms.iter().chain([&list]) {
        let mut talk = Talk::playing();
        // Thirty at once are taken, five lists of rooms are.
        (0..=30).for_each(|_| talk.say(message));
        let actions = talk.actions();
        assert!(refused(&actions).iter().all(|code| *code == ErrorCode::RateLimited), "{message:?}");
        let named = named(&actions);
        assert!(!named.is_empty() && named.iter().all(|id| *id == "m1"), "{message:?}: {named:?}");
    }
}

#[test]
fn a_player_who_goes_nowhere_is_sent_away() {
    let mut talk = Talk::authenticated();
    for _ in 0..29 {
        assert_eq!(closed(&talk.pass(1_000)), None);
        talk.session.handle_pong(talk.now);
    }
    assert_eq!(closed(&talk.pass(1_000)), Some(CloseCode::TooSlow));
}

#[test]
fn a_room_that_does_not_answer_is_not_waited_for_for_ever() {
    let mut talk = Talk::authenticated();
    talk.say(&ClientMessage::Join(Join::room("stuck")));
    talk.actions();
    for _ in 0..29 {
        assert_eq!(refused(&talk.pass(1_000)), []);
        talk.session.handle_pong(talk.now);
    }
    let actions = talk.pass(1_000);
    assert_eq!((refused(&actions), closed(&actions)), (vec![ErrorCode::TimedOut], None));
    assert!(actions.contains(&Action::Leave), "an answer that comes still is for nobody");
}

#[test]
fn joins_come_one_a_second_and_each_refusal_is_told() {
    let mut talk = Talk::authenticated();
    let join = |talk: &mut Talk| {
        talk.say(&ClientMessage::Join(Join::room("attic")));
        let actions = talk.actions();
        if matches!(actions[..], [Action::Join(_)]) {
            let reply = ErrorReply::new(ErrorCode::RoomNotFound, "no");
            talk.session.handle_joined(talk.now, Err(reply));
            talk.actions();
        }
        refused(&actions)
    };
    for _ in 0..5 {
        assert_eq!(join(&mut talk), []);
    }
    for _ in 0..3 {
        assert_eq!(join(&mut talk), [ErrorCode::RateLimited]);
    }
    talk.now += Duration::from_secs(1);
    assert_eq!(join(&mut talk), []);
}

#[test]
fn resyncs_have_a_limit_of_their_own() {
    let mut talk = Talk::playing();
    let resync = Resync { base: Some(1), desync: false };
    for _ in 0..4 {
        talk.say(&ClientMessage::Resync(resync.clone()));
        assert_eq!(talk.actions(), [Action::Resync(resync.clone())]);
    }
    talk.say(&ClientMessage::Resync(resync));
    assert_eq!(refused(&talk.actions()), [ErrorCode::RateLimited]);
    talk.say(&ClientMessage::Probe(Probe { nonce: 1 }));
    assert_eq!(talk.actions(), [Action::ProbeReply { nonce: 1 }]);
}

#[test]
fn messages_with_nothing_in_them_count() {
    let mut talk = Talk::playing();
    let ended = (0..300).position(|_| {
        talk.session.handle_binary(talk.now, Bytes::new());
        closed(&talk.actions()).is_some()
    });
    // The token was the first of 60 at once; 120 more are too many.
    assert_eq!(ended, Some(59 + 120));
}

#[test]
fn nothing_is_done_after_a_close() {
    let mut talk = Talk::playing();
    talk.session.handle_text(talk.now, "hello");
    talk.input(&[0]);
    talk.session.handle_end(CloseCode::Kicked, "again");
    talk.session.handle_ping(talk.now);
    assert!(matches!(talk.actions()[..], [Action::Close(CloseCode::Unsupported, _)]));
}

fn ada() -> Grant {
    Player { id: "ada".into(), name: "ada".into() }.into()
}
