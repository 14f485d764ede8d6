//! Snapshots that follow, and such that don't.

use super::*;

fn resync(base: Option<Tick>) -> ClientMessage {
    ClientMessage::Resync(Resync { base, desync: base.is_none() })
}

#[test]
fn a_corrupted_replica_is_caught_by_the_hash_and_mended() {
    let mut talk = Talk::playing();
    let body = talk.step(7, 0);
    talk.snapshot(body);
    // A delta that is well formed but wrong, as a bug on either side would make it.
    let mut liar = Talk::playing();
    liar.step(7, 0);
    let forged = liar.step(8, 0);
    talk.step(9, 0);
    talk.snapshot(forged);
    let body = talk.step(9, 0);
    talk.snapshot(body);
    talk.said();
    assert_eq!(talk.session.counts().hash_mismatches, 0, "no hash has come yet");
    let body = talk.step(9, 0);
    talk.snapshot(body);
    assert_eq!(talk.said(), [resync(None)]);
    assert_eq!((talk.session.counts().hash_checks, talk.session.counts().hash_mismatches), (1, 1));
    talk.keyframe();
    assert_eq!(talk.session.replica().map(Replica::hash), Some(talk.encoder.hash()));
    assert_eq!(talk.session.counts().hash_mismatches, 1);
}

#[test]
fn a_gap_is_asked_about_once_and_from_where_the_replica_is() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    talk.said();
    talk.step(2, 0);
    for x in [3, 4] {
        let body = talk.step(x, 0);
        talk.snapshot(body);
    }
    assert_eq!(talk.said(), [resync(Some(1))]);
    talk.now += RESYNC_EVERY;
    let body = talk.step(5, 0);
    talk.snapshot(body);
    assert_eq!(talk.said(), [resync(Some(1))], "asked again, for nothing came");
    let mut body = Vec::new();
    talk.encoder.resync(Some(1), &mut body);
    talk.snapshot(body.into());
    assert_eq!(talk.session.replica().map(Replica::tick), Some(5));
}

#[test]
fn bytes_that_are_no_snapshot_change_nothing() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    let hash = talk.session.replica().map(Replica::hash);
    talk.said();
    talk.snapshot(Bytes::from_static(b"nonsense"));
    assert_eq!(talk.said(), [resync(None)]);
    assert_eq!(talk.session.replica().map(Replica::hash), hash);
    assert_eq!(talk.session.counts().errors, 1);
    assert!(!talk.session.handle_binary(talk.now, Bytes::from_static(&[0x41, 0x05, 1])), "not even a message");
}

#[test]
fn a_lasting_mismatch_asks_twice_a_second_at_most() {
    let mut talk = Talk::playing();
    let body = talk.step(1, 0);
    talk.snapshot(body);
    talk.said();
    let mut liar = Talk::playing();
    liar.step(1, 0);
    let forged = liar.step(2, 0);
    talk.step(3, 0);
    talk.snapshot(forged);
    let mut asked = 0;
    for tick in 0..60 {
        talk.now += Duration::from_millis(50);
        // The difference stays as it is.
        let body = talk.step(3 + tick % 2, 0);
        talk.snapshot(body);
        asked += talk.said().len();
    }
    // A hash comes every 200 ms: every third one may be asked about.
    assert_eq!((asked, talk.session.counts().hash_mismatches), (5, 15));
}
