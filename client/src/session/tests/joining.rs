//! Into a room, and back into it.

use super::*;

fn join(target: Target, resume: Option<Resume>) -> ClientMessage {
    ClientMessage::Join(Join { id: None, target, role: Role::Player, resume })
}

#[test]
fn a_lost_seat_is_resumed_or_taken_anew() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    for sequence in 1..=3 {
        assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(sequence));
    }
    talk.session.handle_lost(None, "cut");
    assert_eq!(talk.session.input(talk.now, Bytes::new()), None);
    talk.said();
    talk.enter([2; 16]);
    let joins: Vec<_> = talk.said();
    assert!(matches!(
        &joins[1],
        ClientMessage::Join(Join { resume: Some(Resume { token: [1, ..], received: 0 }), .. })
    ));
    assert_eq!(talk.session.input(talk.now, Bytes::new()), None, "the room's tick is not known yet");
    talk.keyframe();
    talk.now += Duration::from_secs(1);
    assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(4), "the seat goes on counting");

    talk.session.handle_lost(Some(CloseCode::Unresponsive), "no sign of life");
    talk.session.handle_connected();
    talk.accepted();
    talk.said();
    talk.join_refused(ErrorCode::ResumeRefused);
    assert_eq!(talk.said(), [join(Target::Room("lobby".into()), None)]);
    assert_eq!((talk.session.counts().reconnects, talk.session.counts().evicted), (1, 1));
}

fn knocking() -> (Talk, MessageId) {
    let mut talk = Talk::new();
    talk.session.handle_connected();
    talk.accepted();
    talk.said();
    let id = talk.session.joining.clone().expect("it has asked for the room");
    (talk, id)
}

#[test]
fn a_room_that_refuses_for_now_is_asked_again_in_time() {
    let (mut talk, id) = knocking();
    talk.put_off(&id, 700);
    assert_eq!(talk.pass(), Duration::from_millis(700));
    assert_eq!(talk.said(), [join(Target::Room("lobby".into()), None)]);
    assert_eq!(talk.session.deadline(), None);
    talk.join_refused(ErrorCode::RoomFull);
    assert_eq!(talk.session.deadline(), None, "for good");
    assert_eq!(talk.session.counts().errors, 2);
}

#[test]
fn only_what_names_the_join_has_it_asked_again() {
    let (mut talk, id) = knocking();
    talk.put_off(&"of something else".into(), 700);
    talk.hear(&ServerMessage::Error(ErrorReply::new(ErrorCode::RateLimited, "slow").retry_in(Duration::from_secs(1))));
    assert_eq!(talk.session.deadline(), None);
    talk.put_off(&id, 700);
    talk.pass();
    talk.put_off(&id, 700);
    assert_eq!(talk.session.deadline(), None, "the one that was asked first has had its answer");
    talk.welcome([1; 16]);
    assert!(talk.session.is_playing());
}

#[test]
fn a_welcome_that_nobody_has_asked_for_is_none() {
    let (mut talk, id) = knocking();
    for other in [None, Some("another".into())] {
        talk.welcome_to(other, [1; 16]);
    }
    assert_eq!((talk.session.is_playing(), talk.session.counts().errors), (false, 2));
    talk.welcome_to(Some(id.clone()), [1; 16]);
    assert_eq!((talk.session.is_playing(), talk.session.counts().errors), (true, 2));
    talk.welcome_to(Some(id), [1; 16]);
    assert_eq!(talk.session.counts().errors, 3, "once is enough");
}

#[test]
fn who_asked_for_any_room_comes_back_to_the_one_that_it_was_in() {
    let anywhere = Target::FindOrCreate(Creation { private: true, ..Creation::default() });
    let mut talk = Talk::with(ClientConfig { target: anywhere.clone(), ..config() });
    talk.code = Some("QX7P".into());
    talk.enter([1; 16]);
    assert_eq!(talk.said()[1], join(anywhere.clone(), None));
    talk.session.handle_lost(None, "cut");
    talk.session.handle_connected();
    talk.accepted();
    let resume = Some(Resume { token: [1; 16], received: 0 });
    assert_eq!(talk.said()[1], join(Target::Room("lobby".into()), resume));
    talk.join_refused(ErrorCode::ResumeRefused);
    assert_eq!(talk.said(), [join(Target::Code("QX7P".into()), None)]);
    talk.join_refused(ErrorCode::RoomNotFound);
    assert_eq!(talk.said(), [join(anywhere, None)]);
    talk.updates();
    talk.join_refused(ErrorCode::RoomNotFound);
    assert_eq!(talk.said(), [], "there is nowhere else to go");
    assert!(matches!(talk.updates()[..], [Update::Refused { code: ErrorCode::RoomNotFound, .. }]));
}

#[test]
fn who_holds_no_seat_any_more_in_a_private_room_asks_for_it_as_at_first() {
    let mut talk = Talk::new();
    talk.code = Some("QX7P".into());
    talk.enter([1; 16]);
    talk.said();
    talk.session.handle_lost(None, "cut");
    talk.session.handle_connected();
    talk.accepted();
    let resume = Some(Resume { token: [1; 16], received: 0 });
    assert_eq!(talk.said()[1], join(Target::Room("lobby".into()), resume));
    talk.join_refused(ErrorCode::RoomNotFound);
    assert_eq!(talk.said(), [join(Target::Room("lobby".into()), None)]);
}

#[test]
fn a_join_says_whether_it_resumed_and_what_is_lost() {
    let mut talk = Talk::playing();
    assert_eq!(talk.updates(), [Update::Joined { resumed: false, lost: false }]);
    talk.session.handle_lost(None, "cut");
    talk.updates();
    talk.lost = true;
    talk.enter([2; 16]);
    assert_eq!(talk.updates(), [Update::Joined { resumed: true, lost: true }]);
}

#[test]
fn the_host_is_the_one_of_now() {
    let mut talk = Talk::playing();
    talk.updates();
    let host = Some(SeatId(9));
    talk.hear(&ServerMessage::HostChange(HostChange { host }));
    assert_eq!(talk.updates(), [Update::Host(host)]);
    assert_eq!(talk.session.welcome().map(|welcome| welcome.host), Some(host));
}
