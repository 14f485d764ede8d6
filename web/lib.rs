//! The browser client and the arena's page, as files that a relay serves. Plain ES modules: what is here is what the browser runs.

use bytes::Bytes;
use tickwire::Page;

/// Files by the path that they are served at, which is where they lie in this crate.
macro_rules! pages {
    ($($file:literal),* $(,)?) => {
        vec![$(page(concat!("/", $file), include_bytes!($file))),*]
    };
}

/// The client library, for a page of your own: import `/tickwire.js`.
pub fn client() -> Vec<Page> {
    pages![
        "tickwire.js",
        "bytes.js",
        "client/answers.js",
        "client/channels.js",
        "client/clock.js",
        "client/connection.js",
        "client/destination.js",
        "client/errands.js",
        "client/events.js",
        "client/ids.js",
        "client/listings.js",
        "client/match.js",
        "client/session.js",
        "client/talk.js",
        "close.js",
        "messages.js",
        "messages/client.js",
        "messages/rooms.js",
        "messages/server.js",
        "schema.js",
        "snapshot.js",
        "snapshot/bits.js",
        "snapshot/generic.js",
        "snapshot/mirror.js",
        "snapshot/number.js",
        "snapshot/predict.js",
        "snapshot/prior.js",
        "snapshot/range.js",
        "snapshot/record.js",
        "snapshot/rows.js",
        "snapshot/walk.js",
    ]
}

/// The arena's page at `/`, with the client library.
pub fn arena() -> Vec<Page> {
    let mut pages = pages![
        "play.js",
        "play.css",
        "play/address.js",
        "play/chat.css",
        "play/chat.js",
        "play/controls.js",
        "play/effects.js",
        "play/hud.js",
        "play/listing.js",
        "play/motion.js",
        "play/name.js",
        "play/page.js",
        "play/reservations.js",
        "play/rooms.css",
        "play/rooms.js",
        "play/scene.js",
        "play/sprites.js",
        "play/taunts.js",
        "play/travel.js",
    ];
    pages.push(page("/", include_bytes!("play.html")));
    pages.extend(client());
    pages
}

fn page(path: &'static str, body: &'static [u8]) -> Page {
    let media_type = match path.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        _ => "text/html; charset=utf-8",
    };
    Page { path, media_type, body: Bytes::from_static(body) }
}
