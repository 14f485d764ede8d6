//! Seats outlive connections: they are held, taken up again, and what was missed is told.

use std::time::Duration;

use tickwire::{Config, Content, Relay, SimOptions};
use tickwire_client::{Role, Scope, Update};
use tickwire_protocol::{ClientMessage, CloseCode, ErrorCode, Join, Message, Resume, ServerMessage, Welcome};
use tickwire_tests::{
    Add, Heard, Host, Raw, Riddle, Salon, Say, Sum, answer_riddles, in_room, patiently, quick, room, until, words,
};

/// A relay with a room `salon` that talks.
async fn start(config: Config) -> Host {
    let host = Host::with(Relay::builder().config(config), SimOptions::default()).await;
    host.relay.open("salon", Salon, SimOptions::default()).expect("the name is free");
    host
}

/// The players of the salon, connected or not.
async fn seated(host: &Host) -> Vec<(String, bool)> {
    let occupants = patiently(host.room("salon").occupants()).await.expect("the room is open");
    occupants.into_iter().map(|it| (it.player.id, it.connected)).collect()
}

/// Awaits that the room knows that a player's connection is lost.
async fn missed(host: &Host, player: &str) {
    patiently(async { while seated(host).await.iter().any(|(id, here)| id == player && *here) {} }).await;
}

async fn in_salon(host: &Host, token: &str) -> (Raw, Box<Welcome>) {
    let mut raw = host.raw().await;
    let welcome = raw.enter_to(token, room("salon")).await;
    (raw, welcome)
}

/// The words of what someone says.
fn words_of(message: ServerMessage) -> Option<String> {
    match message {
        ServerMessage::Message(Message { content: Content::Json(text), .. }) => Some(text.trim_matches('"').to_owned()),
        _ => None,
    }
}

/// The numbers of what comes that must not be lost, up to a message of these words.
async fn numbers_up_to(raw: &mut Raw, last: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    loop {
        match raw.next().await {
            ServerMessage::Event(event) => numbers.push(event.number),
            ServerMessage::Reply(reply) => numbers.push(reply.number),
            ServerMessage::Message(message) => {
                numbers.push(message.number);
                if message.content == words(last) {
                    return numbers;
                }
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_held_for_a_while_and_then_given_up() {
    let host = start(quick()).await;
    let (ada, _) = in_salon(&host, "ada").await;
    drop(ada);
    missed(&host, "ada").await;
    assert_eq!(seated(&host).await, [("ada".to_owned(), false)]);
    patiently(async { while !seated(&host).await.is_empty() {} }).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_is_gone_at_once() {
    let host = start(Config::default()).await;
    let (mut ada, welcome) = in_salon(&host, "ada").await;
    ada.say(ClientMessage::Leave).await;
    patiently(async { while !seated(&host).await.is_empty() {} }).await;
    // Nothing of the room is said after it, and the session goes on.
    ada.join_to(room("salon"), Role::Player, Some(Resume { token: welcome.resume, received: 0 })).await;
    assert_eq!(ada.error().await, ErrorCode::ResumeRefused);
    ada.join_to(room("salon"), Role::Player, None).await;
    ada.welcome().await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_closes_in_good_order_is_gone_at_once() {
    let host = start(Config::default()).await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    until(&mut ada, |client, _| client.tick() > 0).await;
    ada.leave().await;
    patiently(async { while !seated(&host).await.is_empty() {} }).await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_before_the_room_has_answered_holds_no_seat() {
    let host = start(Config::default()).await;
    let mut ada = host.raw().await;
    ada.auth("ada").await;
    ada.accepted().await;
    for _ in 0..3 {
        let mut out = Vec::new();
        ClientMessage::Join(Join::room("salon")).encode(&mut out);
        ClientMessage::Leave.encode(&mut out);
        ada.bytes(out).await;
        // What is said after the join is heard after it.
        ada.say(ClientMessage::Probe(tickwire_protocol::Probe { nonce: 7 })).await;
        ada.hear(|message| matches!(message, ServerMessage::ProbeReply(_)).then_some(())).await;
        patiently(async { while !seated(&host).await.is_empty() {} }).await;
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_lengthens_no_hold_and_shortens_none() {
    let host = start(Config { seat_hold: Duration::from_millis(700), ..quick() }).await;
    let (ada, welcome) = in_salon(&host, "ada").await;
    drop(ada);
    missed(&host, "ada").await;
    let mut thief = host.raw().await;
    thief.auth("ada").await;
    // Again and again, so that a hold that each of them began anew would never end.
    let tries = async {
        let mut tries = 0;
        while !seated(&host).await.is_empty() {
            thief.join_to(room("salon"), Role::Player, Some(Resume { token: [7; 16], received: 0 })).await;
            let refusal = thief.refusal().await;
            match refusal.code {
                ErrorCode::ResumeRefused => tries += 1,
                code => assert_eq!(code, ErrorCode::RateLimited),
            }
        }
        tries
    };
    assert!(patiently(tries).await > 0);
    drop(thief);
    // And one of them ends it no earlier: the true one is still good.
    let (ada, welcome_again) = in_salon(&host, "ada").await;
    assert_ne!(welcome_again.resume, welcome.resume);
    drop(ada);
    missed(&host, "ada").await;
    let mut thief = host.raw().await;
    thief.auth("ada").await;
    thief.join_to(room("salon"), Role::Player, Some(Resume { token: welcome.resume, received: 0 })).await;
    assert_eq!(thief.error().await, ErrorCode::ResumeRefused);
    let back = host.raw().await.come_back("ada", &welcome_again, 0).await;
    assert_eq!(back.seat, welcome_again.seat);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_does_not_disturb_who_sits_there() {
    let host = start(Config::default()).await;
    let (mut ada, _) = in_salon(&host, "ada").await;
    let mut thief = host.raw().await;
    thief.auth("ada").await;
    thief.join_to(room("salon"), Role::Player, Some(Resume { token: [7; 16], received: 0 })).await;
    assert_eq!(thief.error().await, ErrorCode::ResumeRefused);
    ada.publish("m", in_room("main"), "still here").await;
    assert_eq!(ada.heard().await, "still here");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_resume_brings_a_new_token_and_ends_the_old_one() {
    let host = start(Config::default()).await;
    let (ada, first) = in_salon(&host, "ada").await;
    drop(ada);
    let mut ada = host.raw().await;
    let second = ada.come_back("ada", &first, 0).await;
    assert!(second.seat == first.seat && second.resume != first.resume);
    let mut thief = host.raw().await;
    thief.auth("ada").await;
    thief.join_to(room("salon"), Role::Player, Some(Resume { token: first.resume, received: 0 })).await;
    assert_eq!(thief.error().await, ErrorCode::ResumeRefused);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_missed_comes_once_and_in_order() {
    let host = start(Config::default()).await;
    let (mut ada, welcome) = in_salon(&host, "ada").await;
    let seat = welcome.seat.expect("a player has one");
    let (mut bob, _) = in_salon(&host, "bob").await;
    ada.subscribe(Scope::Room, "side").await;
    ada.request("r1", 1, &Riddle).await;
    ada.publish("", in_room("main"), "before").await;
    let before = ada.message().await.number;
    drop(ada);
    missed(&host, "ada").await;
    let salon = host.room("salon");
    assert_eq!(patiently(salon.call(answer_riddles)).await, Some(1));
    bob.subscribe(Scope::Room, "other").await;
    bob.tell("", 0, &Say { text: "an event".into() }).await;
    bob.event().await;
    bob.publish("", in_room("side"), "aside").await;
    bob.publish("", in_room("other"), "not for ada").await;
    bob.publish("", tickwire_client::Address::Seats(vec![seat]), "direct").await;
    bob.publish("x", in_room("main"), "last").await;
    bob.acked().await;

    let mut ada = host.raw().await;
    let back = ada.come_back("ada", &welcome, before).await;
    assert_eq!((back.received, back.lost), (before, false));
    let (mut kinds, mut numbers) = (Vec::new(), Vec::new());
    while kinds.last().is_none_or(|kind| *kind != "last") {
        let (number, kind) = match ada.next().await {
            ServerMessage::Event(event) => (event.number, "event".to_owned()),
            ServerMessage::Reply(reply) => (reply.number, "reply".to_owned()),
            ServerMessage::Message(message) => {
                (message.number, words_of(ServerMessage::Message(message)).expect("it is words"))
            }
            _ => continue,
        };
        numbers.push(number);
        kinds.push(kind);
    }
    assert_eq!(kinds, ["reply", "event", "aside", "direct", "last"]);
    assert!(numbers[0] > before && numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
    // What it says goes on where it was.
    ada.publish("", in_room("side"), "from both").await;
    assert_eq!(ada.message().await.number, numbers[4] + 1);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_does_not_come_again() {
    let host = start(Config::default()).await;
    let (mut ada, welcome) = in_salon(&host, "ada").await;
    let (mut bob, _) = in_salon(&host, "bob").await;
    for text in ["one", "two"] {
        bob.publish("", in_room("main"), text).await;
    }
    let one = ada.message().await.number;
    ada.ack(one).await;
    // Heard after the acknowledgement.
    ada.publish("x", in_room("main"), "three").await;
    ada.acked().await;
    drop(ada);
    let mut ada = host.raw().await;
    let back = ada.come_back("ada", &welcome, 0).await;
    assert_eq!(back.received, one, "the larger of both counts");
    let numbers = numbers_up_to(&mut ada, "three").await;
    assert_eq!(numbers, [one + 1, one + 2]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_to_who_sat_there_before_is_not_told() {
    let host = Host::start().await;
    let one = SimOptions { seats: 1, ..SimOptions::default() };
    host.relay.open("salon", Salon, one).expect("the name is free");
    let (mut ada, before) = in_salon(&host, "ada").await;
    let seat = before.seat.expect("a player has one");
    host.room("salon").whisper(seat, words("a secret"));
    assert_eq!(ada.heard().await, "a secret");
    ada.say(ClientMessage::Leave).await;
    patiently(async { while !seated(&host).await.is_empty() {} }).await;
    let (bob, welcome) = in_salon(&host, "bob").await;
    assert_eq!(welcome.seat, Some(seat));
    drop(bob);
    missed(&host, "bob").await;
    let mut bob = host.raw().await;
    let back = bob.come_back("bob", &welcome, 0).await;
    assert_eq!(back.received, welcome.received);
    host.room("salon").publish("main", words("for all"));
    assert_eq!(bob.heard().await, "for all");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_missed_more_than_is_kept_is_told_so() {
    let host = start(Config { log_bytes: 1400, ..Config::default() }).await;
    let (ada, welcome) = in_salon(&host, "ada").await;
    let (mut bob, _) = in_salon(&host, "bob").await;
    drop(ada);
    missed(&host, "ada").await;
    let last = "c".repeat(400);
    for letter in ["a", "b", "c"] {
        bob.publish("", in_room("main"), &letter.repeat(400)).await;
    }
    while bob.heard().await != last {}
    let mut ada = host.raw().await;
    let back = ada.come_back("ada", &welcome, welcome.received).await;
    assert!(back.lost);
    assert_eq!(numbers_up_to(&mut ada, &last).await.len(), 2, "what is kept comes");
    drop(ada);
    // Who has the rest has lost nothing.
    let back = host.raw().await.come_back("ada", &back, welcome.received + 3).await;
    assert!(!back.lost);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loud_player_displaces_nothing_of_the_game_s_and_nothing_of_a_quiet_one() {
    let small_log = Config { log_bytes: 32 * 1024, ..Config::default() };
    let little_at_once = Config { outbox_bytes: 32 * 1024, ..Config::default() };
    for config in [small_log, little_at_once] {
        let host = start(config).await;
        let (ada, welcome) = in_salon(&host, "ada").await;
        let (mut bob, _) = in_salon(&host, "bob").await;
        let (mut mallory, _) = in_salon(&host, "mallory").await;
        drop(ada);
        missed(&host, "ada").await;
        bob.publish("m", in_room("main"), "quiet").await;
        bob.acked().await;
        bob.tell("", 0, &Say { text: "an event".into() }).await;
        bob.event().await;
        // 50 KB, as fast as it may.
        for number in 1..=25 {
            mallory.publish(&number.to_string(), in_room("main"), &"x".repeat(2000)).await;
            mallory.acked().await;
        }
        host.room("salon").publish("main", words("last"));
        assert_eq!(bob.hear(|message| words_of(message).filter(|heard| heard == "last")).await, "last");

        let mut ada = host.raw().await;
        assert!(ada.come_back("ada", &welcome, welcome.received).await.lost, "of the shouts not all is there");
        let (mut shouts, mut others) = (0, Vec::new());
        while others.last().is_none_or(|heard| heard != "last") {
            match ada.next().await {
                ServerMessage::Event(_) => others.push("an event".to_owned()),
                message => match words_of(message) {
                    Some(heard) if heard.starts_with('x') => shouts += 1,
                    heard => others.extend(heard),
                },
            }
        }
        assert_eq!(others, ["quiet", "an event", "last"]);
        assert!((10..25).contains(&shouts), "{shouts} are kept");
        host.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_session_wins_and_the_channels_go_on() {
    let host = start(Config::default()).await;
    let (mut old, first) = in_salon(&host, "ada").await;
    old.subscribe(Scope::Room, "side").await;
    let (mut new, second) = in_salon(&host, "ada").await;
    assert_eq!(second.seat, first.seat);
    assert_eq!(old.closed_saying().await.0, CloseCode::Replaced);
    let subscribed = new.subscribed(Scope::Room, "side").await;
    assert_eq!(subscribed.members.iter().map(|member| member.session).collect::<Vec<_>>(), [second.session]);
    host.room("salon").publish("side", words("to the new one"));
    assert_eq!(new.heard().await, "to the new one");
    // The end of the old one takes nothing from the new one.
    host.settles(|relay| relay.stats().connections == 1).await;
    assert_eq!(seated(&host).await, [("ada".to_owned(), true)]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_is_told_so_before_anything_else() {
    let host = start(Config::default()).await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    until(&mut ada, |client, _| client.tick() > 0).await;
    let (mut bob, _) = in_salon(&host, "bob").await;
    ada.cut();
    missed(&host, "ada").await;
    bob.tell("", 0, &Say { text: "an event".into() }).await;
    bob.publish("x", in_room("main"), "words").await;
    bob.acked().await;
    let mut told = Vec::new();
    until(&mut ada, |_, update| {
        match update {
            Update::Lost { .. } => told.push("lost"),
            Update::Joined { resumed, lost } => told.push(if *resumed && !lost { "joined" } else { "anew" }),
            Update::Event { .. } => told.push("event"),
            Update::Message(_) => told.push("message"),
            Update::Snapshot { .. } => told.push("snapshot"),
            _ => {}
        }
        matches!(update, Update::Snapshot { .. })
    })
    .await;
    assert_eq!(told[..2], ["lost", "joined"]);
    assert!(told.contains(&"message") && told.contains(&"event"), "{told:?}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_says_again_what_was_not_answered_and_is_answered_once() {
    let host = start(Config::default()).await;
    let mut ada = host.client_to("ada", room("salon"), Role::Player);
    until(&mut ada, |client, _| client.tick() > 0).await;
    let (mut bob, _) = in_salon(&host, "bob").await;
    let tell = ada.tell(&Say { text: "once".into() }).await.expect("the game knows it");
    let request = ada.request(&Add { a: 2, b: 3 }).await.expect("the game knows it");
    let said = ada.publish(in_room("main"), words("done")).await.expect("it is short");
    // It has come, and the answers are on their way into nothing.
    assert_eq!(bob.heard().await, "done");
    ada.cut();
    let (mut acked, mut sums, mut events) = (Vec::new(), Vec::new(), 0);
    until(&mut ada, |_, update| {
        match update {
            Update::Acked { id } => acked.push(id.clone()),
            Update::Reply { id, .. } => sums.push((id.clone(), update.reply::<Sum>())),
            Update::Refused { .. } | Update::Abandoned { .. } => panic!("{update:?}"),
            _ => events += u32::from(update.event::<Heard>().is_some()),
        }
        acked.len() == 2 && sums.len() == 1 && events == 1
    })
    .await;
    assert_eq!(acked, [tell, said]);
    assert_eq!(sums, [(request, Some(Sum { sum: 5 }))]);
    // Whatever else was to come would come before this.
    let last = ada.publish(in_room("main"), words("last")).await.expect("it is short");
    until(&mut ada, |_, update| match update {
        Update::Acked { id } => *id == last,
        Update::Message(message) => message.content == words("never"),
        Update::Refused { .. } | Update::Reply { .. } | Update::Event { .. } => panic!("{update:?}"),
        _ => false,
    })
    .await;
    assert_eq!(ada.counts().errors, 0);
    host.stop().await;
}
