//! What players tell and ask their game, and how it answers.

use std::time::Duration;

use bytes::Bytes;
use tickwire::{Config, Nothing, Relay, SimOptions};
use tickwire_client::{TalkError, Update};
use tickwire_protocol::{ClientMessage, ErrorCode, ErrorReply, Request, Role, Tell, wire};
use tickwire_tests::{
    Add, Go, Heard, Host, Raw, Riddle, Salon, Say, Solution, Sum, answer_riddles, patiently, room, until,
};

/// The places of the salon's messages and requests in its schema.
const SAY: u32 = 0;
const ADD: u32 = 0;
const RIDDLE: u32 = 1;

async fn start(config: Config) -> Host {
    let host = Host::with(Relay::builder().config(config), SimOptions::default()).await;
    host.relay.open("salon", Salon, SimOptions::default()).expect("the name is free");
    host
}

async fn player(host: &Host, token: &str) -> Raw {
    let mut raw = host.raw().await;
    raw.enter_to(token, room("salon")).await;
    raw
}

/// Answers the riddles as soon as there are so many.
async fn answer(host: &Host, many: usize) {
    let salon = host.room("salon");
    let mut answered = 0;
    patiently(async {
        while answered < many {
            answered += salon.call(answer_riddles).await.expect("the room is open");
        }
    })
    .await;
}

fn code_and_id(refusal: ErrorReply) -> (ErrorCode, Option<String>) {
    (refusal.code, refusal.id)
}

fn of(id: &str) -> Option<String> {
    Some(id.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_game_hears_what_it_is_told_and_everyone_hears_the_game() {
    let host = start(Config::default()).await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    until(&mut ada, |client, _| client.tick() > 0).await;
    let mut bob = player(&host, "bob").await;
    let id = ada.tell(&Say { text: "hello".into() }).await.expect("the game knows it");
    until(&mut ada, |_, update| *update == Update::Acked { id: id.clone() }).await;
    let seat = ada.seat().expect("in the room");
    let event: Heard = wire::from_record(&bob.event().await.record).expect("it is one");
    assert_eq!(event, Heard { seat, text: "hello".into() });
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_its_reply() {
    let host = start(Config::default()).await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    until(&mut ada, |client, _| client.tick() > 0).await;
    let id = ada.request(&Add { a: 40, b: 2 }).await.expect("the game knows it");
    let reply = until(&mut ada, |_, update| update.reply::<Sum>().is_some()).await;
    assert!(matches!(&reply, Update::Reply { id: of, name, .. } if *of == id && name == "Sum"), "{reply:?}");
    assert_eq!(reply.reply(), Some(Sum { sum: 42 }));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_game_refuses_with_a_reason() {
    let host = start(Config::default()).await;
    let mut ada = player(&host, "ada").await;
    ada.request("r1", ADD, &Add { a: 1, b: 0 }).await;
    let refusal = ada.refusal().await;
    assert_eq!(refusal.message, "nothing is not added here");
    assert_eq!(code_and_id(refusal), (ErrorCode::RequestRefused, of("r1")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_game_that_does_not_answer_is_waited_for_so_long() {
    let host = start(Config { request_timeout: Duration::from_millis(200), ..Config::default() }).await;
    let mut ada = player(&host, "ada").await;
    ada.request("r1", RIDDLE, &Riddle).await;
    assert_eq!(code_and_id(ada.refusal().await), (ErrorCode::TimedOut, of("r1")));
    // An answer that comes after all goes nowhere.
    answer(&host, 1).await;
    ada.request("r2", ADD, &Add { a: 1, b: 1 }).await;
    assert_eq!(ada.reply().await.id, "r2");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_come_when_the_game_gives_them_each_to_who_asked() {
    let host = start(Config::default()).await;
    let (mut ada, mut bob) = (player(&host, "ada").await, player(&host, "bob").await);
    ada.request("same", RIDDLE, &Riddle).await;
    ada.request("quick", ADD, &Add { a: 1, b: 1 }).await;
    assert_eq!(ada.reply().await.id, "quick", "that was asked later, and is answered first");
    bob.request("same", RIDDLE, &Riddle).await;
    answer(&host, 2).await;
    let numbers = [ada.reply().await, bob.reply().await].map(|reply| {
        assert_eq!(reply.id, "same");
        wire::from_record::<Solution>(&reply.record).expect("it is one").number
    });
    assert_eq!(numbers, [0, 1]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_answer_finds_its_player_after_a_reconnection() {
    let host = start(Config::default()).await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    until(&mut ada, |client, _| client.tick() > 0).await;
    let id = ada.request(&Riddle).await.expect("the game knows it");
    let told = ada.tell(&Say { text: "done".into() }).await.expect("the game knows it");
    until(&mut ada, |_, update| *update == Update::Acked { id: told.clone() }).await;
    ada.cut();
    let salon = host.room("salon");
    patiently(async { while salon.occupants().await.is_some_and(|there| there[0].connected) {} }).await;
    answer(&host, 1).await;
    let reply = until(&mut ada, |_, update| match update {
        Update::Reply { .. } => true,
        Update::Refused { .. } | Update::Abandoned { .. } => panic!("{update:?}"),
        _ => false,
    })
    .await;
    assert!(matches!(&reply, Update::Reply { id: of, .. } if *of == id), "{reply:?}");
    // It was said again when the client came back, and that is no news.
    let after = ada.request(&Add { a: 1, b: 1 }).await.expect("the game knows it");
    let next = until(&mut ada, |_, update| matches!(update, Update::Reply { .. } | Update::Refused { .. })).await;
    assert!(matches!(&next, Update::Reply { id, .. } if *id == after), "{next:?}");
    assert_eq!(answered(&host).await, 1, "the game was asked once");
    host.stop().await;
}

/// How many riddles were answered so far.
async fn answered(host: &Host) -> u32 {
    let mut raw = player(host, "who").await;
    raw.request("count", RIDDLE, &Riddle).await;
    answer(host, 1).await;
    wire::from_record::<Solution>(&raw.reply().await.record).expect("it is one").number
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_said_again_is_asked_once() {
    let host = start(Config::default()).await;
    let mut ada = player(&host, "ada").await;
    ada.request("r1", RIDDLE, &Riddle).await;
    ada.request("r1", RIDDLE, &Riddle).await;
    ada.tell("t", SAY, &Say { text: "done".into() }).await;
    ada.acked().await;
    answer(&host, 1).await;
    assert_eq!(ada.reply().await.id, "r1");
    ada.request("r1", RIDDLE, &Riddle).await;
    assert_eq!(code_and_id(ada.refusal().await), (ErrorCode::RequestRefused, of("r1")), "it has had its answer");
    assert_eq!(answered(&host).await, 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_again_is_told_once() {
    let host = start(Config::default()).await;
    let mut ada = player(&host, "ada").await;
    for (id, text) in [("t1", "once"), ("t1", "once"), ("t2", "then")] {
        ada.tell(id, SAY, &Say { text: text.into() }).await;
    }
    let mut texts = Vec::new();
    for _ in 0..2 {
        texts.push(wire::from_record::<Heard>(&ada.event().await.record).expect("it is one").text);
    }
    assert_eq!(texts, ["once", "then"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_many_requests_of_one_player_may_wait() {
    let host = start(Config::default()).await;
    let mut ada = player(&host, "ada").await;
    for index in 0..17 {
        ada.request(&format!("r{index}"), RIDDLE, &Riddle).await;
    }
    assert_eq!(code_and_id(ada.refusal().await), (ErrorCode::Busy, of("r16")));
    let mut bob = player(&host, "bob").await;
    bob.request("r", RIDDLE, &Riddle).await;
    answer(&host, 17).await;
    assert_eq!(bob.reply().await.id, "r");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_makes_no_sense_is_refused_with_its_id() {
    let host = start(Config::default()).await;
    let mut ada = player(&host, "ada").await;
    let say = wire::to_record(&Say { text: "x".into() });
    let mut records: Vec<(u32, Vec<u8>)> = vec![(9, say.clone()), (SAY, vec![]), (SAY, vec![200, 1, 2, 3])];
    records.push((SAY, [&say[..], &[0]].concat()));
    for (message, record) in records {
        let record = Bytes::from(record);
        ada.say(ClientMessage::Tell(Tell { id: of("x"), message, record: record.clone() })).await;
        assert_eq!(code_and_id(ada.refusal().await), (ErrorCode::Invalid, of("x")), "{message} {record:?}");
        ada.say(ClientMessage::Request(Request { id: "y".into(), request: message, record })).await;
        assert_eq!(code_and_id(ada.refusal().await), (ErrorCode::Invalid, of("y")));
    }
    // What was refused was not taken: the id is still good.
    ada.tell("x", SAY, &Say { text: "good".into() }).await;
    assert_eq!(ada.acked().await, "x");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spectators_tell_and_ask_nothing() {
    let host = start(Config::default()).await;
    let mut eve = host.raw().await;
    eve.enter_as("eve", room("salon"), Role::Spectator).await;
    eve.tell("t", SAY, &Say { text: "x".into() }).await;
    assert_eq!(code_and_id(eve.refusal().await), (ErrorCode::Forbidden, of("t")));
    eve.request("r", ADD, &Add { a: 1, b: 1 }).await;
    assert_eq!(code_and_id(eve.refusal().await), (ErrorCode::Forbidden, of("r")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_a_room_there_is_no_game() {
    let host = start(Config::default()).await;
    let mut ada = host.raw().await;
    ada.auth("ada").await;
    ada.tell("t", SAY, &Say { text: "x".into() }).await;
    assert_eq!(code_and_id(ada.refusal().await), (ErrorCode::NotJoined, of("t")));
    ada.request("r", ADD, &Add { a: 1, b: 1 }).await;
    assert_eq!(code_and_id(ada.refusal().await), (ErrorCode::NotJoined, of("r")));
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_says_nothing_that_the_game_does_not_know() {
    let host = start(Config::default()).await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    assert_eq!(ada.tell(&Say { text: "x".into() }).await, Err(TalkError::Unknown("Say")), "in no room yet");
    until(&mut ada, |client, _| client.tick() > 0).await;
    assert_eq!(ada.tell(&Go::default()).await, Err(TalkError::Unknown("Go")));
    assert_eq!(ada.request(&Say { text: "x".into() }).await, Err(TalkError::Unknown("Say")));
    assert!(ada.send(&Nothing).await.is_some());
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_the_game_keeps_out_learns_its_reason() {
    let host = start(Config::default()).await;
    let mut raw = host.raw().await;
    raw.auth("nobody").await;
    raw.join_to(room("salon"), Role::Player, None).await;
    let refusal = raw.refusal().await;
    assert_eq!((refusal.code, refusal.message.as_str()), (ErrorCode::JoinRefused, "nobody is not welcome"));
    assert_eq!(host.room("salon").listing().players, 0);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_player_asked_who_is_gone_is_answered_to_nobody() {
    let host = start(Config::default()).await;
    let mut ada = player(&host, "ada").await;
    ada.request("r1", RIDDLE, &Riddle).await;
    ada.tell("t", SAY, &Say { text: "done".into() }).await;
    ada.acked().await;
    ada.say(ClientMessage::Leave).await;
    ada.join_to(room("salon"), Role::Player, None).await;
    ada.welcome().await;
    answer(&host, 1).await;
    // The same id is another request now.
    ada.request("r1", ADD, &Add { a: 1, b: 1 }).await;
    let reply = ada.reply().await;
    assert_eq!((reply.id.as_str(), reply.request), ("r1", ADD));
    host.stop().await;
}
