//! A token that is for one room is an invitation to it: it opens a private room by its name.

use std::time::{Duration, SystemTime};

use serde_json::json;
use tickwire::{Claims, Creation, JwtKey, JwtTokens, Plan, Relay, RoomOptions, SimOptions};
use tickwire_protocol::{ErrorCode, Role, Target};
use tickwire_tests::{Dots, Host, any, find_place, room};

fn secret() -> JwtKey {
    JwtKey::hs256(b"a secret of thirty-two bytes, ok").expect("it is long enough")
}

/// A token for all rooms, or for one.
fn token(player: &str, room: Option<&str>) -> String {
    let claims = Claims::new(player, SystemTime::now() + Duration::from_secs(3600));
    secret().mint(&Claims { room: room.map(str::to_owned), ..claims }).expect("the claims are sound")
}

/// A relay that asks for tokens, and whose players create rooms.
async fn start() -> Host {
    let relay = Relay::builder().authenticator(JwtTokens::of(&secret())).kind("dots", any(Dots));
    Host::with(relay, SimOptions::default()).await
}

fn private(name: Option<&str>) -> Target {
    Target::Create(Creation { name: name.map(str::to_owned), private: true, ..Creation::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_token_for_a_private_room_comes_in_by_its_name() {
    let host = start().await;
    let options = RoomOptions { private: true, ..RoomOptions::default() };
    let den = host.relay.open_as("den", Plan { room: options, ..Plan::of(Dots) }).expect("the name is free");
    for (player, role) in [("ada", Role::Player), ("bob", Role::Spectator)] {
        let welcome = host.raw().await.enter_as(&token(player, Some("den")), room("den"), role).await;
        assert_eq!((welcome.room.as_str(), welcome.code.as_deref()), ("den", den.code()));
    }
    let place = async |token: String| find_place(host.addr, &token, json!({"room": "den"})).await;
    let found = place(token("cy", Some("den"))).await;
    assert_eq!((found.status, found.json()["room"].as_str()), (200, Some("den")));
    // Nobody else does, and nobody learns that it is there.
    assert_eq!(host.refused(&token("eve", None), room("den")).await.0, ErrorCode::RoomNotFound);
    assert_eq!(place(token("eve", None)).await.status, 404);
    assert_eq!(host.refused(&token("eve", Some("attic")), room("den")).await.0, ErrorCode::Forbidden);
    let code = Target::Code(den.code().expect("a private room has a code").into());
    assert_eq!(host.refused(&token("eve", Some("attic")), code).await.0, ErrorCode::RoomNotFound);
    // An invitation to a locked room waits, as everyone does.
    den.lock(true);
    assert_eq!(host.refused(&token("di", Some("den")), room("den")).await.0, ErrorCode::RoomLocked);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_a_token_for_a_room_that_the_relay_has_named_comes_in() {
    let host = start().await;
    let mut ada = host.raw().await;
    let den = ada.enter_to(&token("ada", None), private(None)).await;
    let code = Target::Code(den.code.clone().expect("a private room has a code"));
    for (player, target) in [("bob", room(&den.room)), ("cy", code)] {
        let welcome = host.raw().await.enter_to(&token(player, Some(&den.room)), target).await;
        assert_eq!(welcome.room, den.room);
    }
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_a_player_chose_is_not_the_one_that_a_token_means() {
    let host = start().await;
    let mut mallory = host.raw().await;
    let den = mallory.enter_to(&token("mallory", None), private(Some("match 17"))).await;
    let invitation = token("bob", Some("match 17"));
    assert_eq!(host.refused(&invitation, room("match 17")).await.0, ErrorCode::RoomNotFound);
    let code = Target::Code(den.code.clone().expect("a private room has a code"));
    assert_eq!(host.raw().await.enter_to(&invitation, code).await.room, "match 17");
    // Nor does it lead into a room that is open to all others.
    let open = Creation { name: Some("match 18".into()), ..Creation::default() };
    host.raw().await.enter_to(&token("mallory", None), Target::Create(open)).await;
    assert_eq!(host.refused(&token("bob", Some("match 18")), room("match 18")).await.0, ErrorCode::RoomNotFound);
    assert_eq!(host.raw().await.enter_to(&token("bob", None), room("match 18")).await.room, "match 18");
    host.stop().await;
}
