//! Inputs, and the room's clock that they aim by.

use super::*;

#[test]
fn a_client_that_wakes_up_sends_four_inputs_for_one_tick() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    talk.hear(&ServerMessage::ProbeReply(ServerProbeReply { nonce: 0, tick: 1, phase: 0 }));
    let sent = (0..30).filter_map(|_| talk.session.input(talk.now, Bytes::new())).count();
    assert_eq!(sent, 4);
    talk.now += Duration::from_millis(34);
    assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(5));
}

#[test]
fn a_round_trip_longer_than_a_second_is_measured() {
    let mut talk = Talk::playing();
    for _ in 0..18 {
        talk.now += Duration::from_millis(100);
        talk.session.handle_timeout(talk.now);
    }
    talk.hear(&ServerMessage::ProbeReply(ServerProbeReply { nonce: 0, tick: 1, phase: 0 }));
    assert_eq!(talk.session.rtt(), Some(Duration::from_millis(1800)));
}

#[test]
fn inputs_aim_at_the_tick_that_can_run_with_them() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    talk.said();
    // Half a second of round trip: the reply's tick was seven and a half ago, and an input needs as many.
    talk.now += Duration::from_millis(500);
    talk.hear(&ServerMessage::ProbeReply(ServerProbeReply { nonce: 0, tick: 100, phase: 0 }));
    assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(1));
    assert!(matches!(talk.said()[..], [ClientMessage::Input(Input { sequence: 1, tick: 116, acked: 1, .. })]));
}

#[test]
fn a_seat_that_another_client_has_used_counts_on_from_there() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 41);
    talk.snapshot(body);
    assert_eq!(talk.session.input(talk.now, Bytes::new()), Some(42));
}

#[test]
fn a_spectator_sees_and_sends_no_input() {
    let mut talk = Talk::with(ClientConfig { role: Role::Spectator, ..config() });
    talk.seat = None;
    talk.enter([1; 16]);
    let body = talk.step(1, 0);
    talk.snapshot(body);
    assert_eq!((talk.session.seat(), talk.session.replica().map(Replica::tick)), (None, Some(1)));
    assert_eq!(talk.session.input(talk.now, Bytes::new()), None);
    talk.session.handle_lost(None, "cut");
    talk.said();
    talk.enter([2; 16]);
    let join = Join { id: None, target: Target::Room("lobby".into()), role: Role::Spectator, resume: None };
    assert_eq!(talk.said()[1], ClientMessage::Join(join), "there is no seat to resume");
}
