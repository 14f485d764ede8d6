//! The documents say what is.

use std::time::Duration;

use tickwire::{Config, Rate};

#[test]
fn every_block_of_rust_stands_in_an_example() {
    let readme = include_str!("../../README.md");
    let examples = [
        include_str!("../../relay/examples/embed.rs"),
        include_str!("../../relay/examples/who_may_play.rs"),
        include_str!("../../relay/examples/rooms.rs"),
        include_str!("../../client/examples/bot.rs"),
        include_str!("../../cli/examples/own_program.rs"),
    ];
    let blocks: Vec<&str> =
        readme.split("```rust\n").skip(1).map(|rest| rest.split_once("```").expect("every block ends").0).collect();
    assert!(blocks.len() >= examples.len());
    for block in blocks {
        assert!(examples.iter().any(|example| example.contains(block)), "no example has:\n{block}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let readme = include_str!("../../README.md");
    for link in readme.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap_or_default()) {
        assert!(
            link.starts_with("https://") || std::fs::exists(format!("{root}/{link}")).is_ok_and(|found| found),
            "{link}"
        );
    }
}

#[test]
fn the_protocol_tells_the_default_limits() {
    let config = Config::default();
    let rate = |Rate { per_second, burst }: Rate| format!("{} a second, {} at once", number(per_second), number(burst));
    let spread = |messages: Rate, bytes: Rate| {
        let Rate { per_second, burst } = bytes;
        let bytes = format!("{} bytes a second as text, {} at once", number(per_second), number(burst));
        format!("{}; {bytes}", rate(messages))
    };
    let seconds = |time: Duration| format!("{} s", time.as_secs());
    let address = format!("{}; {} new ones", config.address_connections, config.address_rate.per_second);
    let lookup = [config.idle_timeout, config.queue_timeout].map(seconds);
    for (what, limit) in [
        ("`Auth` after the connection", format!("within {}", seconds(config.handshake_timeout))),
        (
            "a room after that, or a channel of the relay",
            format!("within {}; a match is waited for {}", lookup[0], lookup[1]),
        ),
        ("a sign of life", format!("every {}; after {} the", seconds(config.unresponsive), seconds(config.heartbeat))),
        ("one message", format!("{} bytes", number(config.message_bytes as u32))),
        ("bytes, as they leave the socket", rate(config.bytes)),
        ("`Input`", format!("{} a tick in the long run", config.inputs_per_tick)),
        ("`Publish`, `Tell`, `Request`, `Subscribe`, `Unsubscribe`", rate(config.messages)),
        ("`Join`", rate(config.joins)),
        ("`Resync`", rate(config.resyncs)),
        ("`ListRooms`", rate(config.lookups)),
        ("all other messages, and pings and pongs", rate(config.control_messages)),
        ("… beyond these, before it is closed", rate(config.excess)),
        ("requests that wait for the game", format!("16, {} each", seconds(config.request_timeout))),
        ("channels heard in its room, and in the relay", format!("{} each", config.subscriptions)),
        (
            "all people of a room: messages to others, subscriptions",
            spread(config.room_messages, config.room_message_bytes),
        ),
        ("… to the game", rate(config.room_messages)),
        ("all channels of the relay", spread(config.relay_messages, config.relay_message_bytes)),
        ("one address: connections", format!("{address} a second, {} at once", config.address_rate.burst)),
        ("one address: requests by HTTP", rate(config.address_requests)),
        ("one address: wrong tokens", format!("{} a minute", config.address_failures)),
        ("one player: rooms created", format!("{} at once", config.rooms_per_player)),
        ("a seat, when its connection is lost", format!("held for {}", seconds(config.seat_hold))),
        ("a seat, for who was told to come", format!("kept for {}", seconds(config.reservation))),
        ("a created room that nobody is in", format!("stays for {}", seconds(config.empty_time))),
    ] {
        let row = format!("\n| {what} | {limit}");
        assert!(include_str!("../../protocol/PROTOCOL.md").contains(&row), "{row}");
    }
}

/// With a comma before each three digits but the first.
fn number(number: u32) -> String {
    let digits = number.to_string();
    let grouped = digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).expect("digits are text"));
    grouped.collect::<Vec<_>>().join(",")
}
