//! What is wrong is named or closes the connection, and nothing does harm.

use proptest::prelude::*;
use tickwire_protocol::ErrorCode;
use tickwire_protocol::text::TextError;

use super::{heard, inside, outside, strategies};

/// What a client is told, and the id it is told with.
fn refusal(text: &str) -> (String, Option<String>) {
    let error = inside(text).expect_err("it is wrong");
    let reply = error.reply().unwrap_or_else(|| panic!("{text} closes the connection"));
    assert_eq!(reply.code, ErrorCode::Invalid);
    (reply.message, reply.id)
}

#[test]
fn what_is_not_json_ends_the_connection() {
    let nest = "[".repeat(4096);
    for text in ["", "hello", "{", "{\"type\":\"ping\"} {}", "NaN", "{\"type\":'ping'}", "{\"a\":Infinity}", &nest] {
        assert_eq!(inside(text), Err(TextError::NotJson), "{text}");
        assert_eq!(TextError::NotJson.reply(), None);
    }
}

#[test]
fn what_is_no_message_is_answered() {
    let nest = format!("{}{}", "[".repeat(2048), "]".repeat(2048));
    for (text, message) in [
        ("[]", "the message is not an object"),
        (nest.as_str(), "the message is not an object"),
        ("{}", "type is missing"),
        (r#"{"type":7}"#, "type is not a string"),
        (r#"{"type":"pong pong"}"#, "type pong pong is not known here"),
        (r#"{"type":"ping","type":"ping"}"#, "type is there twice"),
        (r#"{"type":"ping","id":7}"#, "id is not a string"),
        (r#"{"type":"ping","id":""}"#, "id is not of 1 to 64 bytes"),
        (r#"{"type":"ping","timestamp":true}"#, "timestamp is not a number, nor a string"),
        (r#"{"type":"ping","timestamp":1e999}"#, "timestamp is not a number, nor a string"),
        (r#"{"type":"ping","payload":[]}"#, "payload is not an object"),
        (r#"{"type":"ping","payload":{"nonce":-1}}"#, "payload.nonce is not an integer from 0 to 4294967295"),
        (r#"{"type":"ping","payload":{"nonse":1}}"#, "payload.nonse is not known here"),
        (r#"{"type":"auth"}"#, "payload.token is missing"),
        (r#"{"type":"auth","payload":{"token":""}}"#, "token has 0 bytes, not 1 to 2048"),
        (r#"{"type":"auth","payload":{"token":"\ud800"}}"#, "payload.token is not a string"),
        (r#"{"type":"subscribe","payload":{}}"#, "payload.channel is missing"),
        (r#"{"type":"subscribe","payload":{"channel":"a","channel":"b"}}"#, "payload.channel is there twice"),
        (
            r#"{"type":"subscribe","payload":{"channel":"a","scope":"moon"}}"#,
            "payload.scope is not \"room\" or \"relay\"",
        ),
        (r#"{"type":"message","payload":{"to":"all"}}"#, "payload.to is not a list of seats, nor \"host\""),
        (r#"{"type":"message","payload":{"to":[70000]}}"#, "payload.to is not a list of seats, nor \"host\""),
        (
            r#"{"type":"message","payload":{"to":[1],"scope":"room"}}"#,
            "payload.scope does not go with what else is there",
        ),
        (r#"{"type":"message","payload":{"from":"Bob"}}"#, "payload.from is not known here"),
        (r#"{"type":"message","payload":{"content":1,"text":2}}"#, "payload.text is not known here"),
        (r#"{"type":"message","payload":{"a":1e999}}"#, "the content is not JSON"),
        (
            r#"{"type":"join","payload":{}}"#,
            "payload.room, or else code, find, find_or_create, create or queue, is missing",
        ),
        (r#"{"type":"join","payload":{"room":"a","code":"b"}}"#, "payload is not one target alone"),
        (r#"{"type":"join","payload":{"find":{"kid":"a"}}}"#, "payload.find is not an object with kind and labels"),
        (r#"{"type":"join","payload":{"queue":{"rank":1}}}"#, "a match has at least one player"),
        (r#"{"type":"join","payload":{"room":"a","resume":"7f"}}"#, "payload.resume is not 32 hexadecimal digits"),
        (r#"{"type":"join","payload":{"room":"a","received":1}}"#, "payload.resume is missing"),
        (r#"{"type":"request","payload":{"name":"Score"}}"#, "id is missing"),
        (r#"{"type":"tell","payload":{"name":"Sing"}}"#, "payload.name is not one that the schema has"),
        (r#"{"type":"input","payload":{"fields":{"x":1}}}"#, "payload.fields.fire is missing"),
        (r#"{"type":"input","payload":{"x":1,"fire":true}}"#, "payload.fields.x is missing"),
    ] {
        assert_eq!(refusal(text), (message.into(), None), "{text}");
    }
    let long = format!(r#"{{"type":"ping","payload":{{"{}":1}}}}"#, "ä".repeat(2000));
    assert_eq!(refusal(&long).0, format!("payload.{} is not known here", "ä".repeat(32)));
}

#[test]
fn content_that_others_could_not_read_is_refused() {
    let said = |depth| {
        let nest = "[".repeat(depth) + &"]".repeat(depth);
        inside(&format!(r#"{{"type":"message","payload":{{"a":{nest}}}}}"#)).map_err(|error| error.to_string())
    };
    assert!(said(126).is_ok());
    assert_eq!(said(127), Err("the content is not JSON".into()));
    assert_eq!(said(2000), Err("4006 bytes of content are more than 2048".into()));
}

#[test]
fn the_id_of_what_is_refused_comes_back() {
    let refused = refusal(r#"{"type":"subscribe","payload":{},"id":"s1","timestamp":1}"#);
    assert_eq!(refused, ("payload.channel is missing".into(), Some("s1".into())));
}

#[test]
fn what_needs_a_room_says_so() {
    for kind in ["input", "tell", "request"] {
        let error = outside(&format!(r#"{{"type":"{kind}","id":"q1"}}"#)).expect_err("there is no room");
        let reply = error.reply().expect("the connection stays");
        assert_eq!((reply.code, reply.id.as_deref()), (ErrorCode::NotJoined, Some("q1")));
    }
}

/// JSON of any sort, with the words of this form among its keys.
fn any_json() -> impl Strategy<Value = String> {
    let words = "type|payload|id|channel|scope|to|content|bytes|fields|name|ping|join|message|input|tell|room|x|Chat";
    let word = prop_oneof![4 => words.prop_map(|word: String| word), 1 => any::<String>()];
    let quoted = word.prop_map(|word| serde_json::to_string(&word).expect("a string is JSON"));
    let leaf = prop_oneof![
        quoted.clone(),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f32>().prop_map(|number| format!("{number:e}")),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1e999".to_owned()),
    ];
    leaf.prop_recursive(4, 32, 6, move |inner| {
        let members = prop::collection::vec((quoted.clone(), inner.clone()), 0..6);
        let object = members.prop_map(|members| {
            let members: Vec<String> = members.into_iter().map(|(key, value)| format!("{key}:{value}")).collect();
            format!("{{{}}}", members.join(","))
        });
        let list = prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(",")));
        prop_oneof![3 => object, 1 => list]
    })
}

proptest! {
    #[test]
    fn random_text_is_not_json_or_answered(text: String) {
        let _ = inside(&text);
    }

    #[test]
    fn random_json_never_panics(text in any_json()) {
        for kind in ["message", "input", "tell", "join", "request", "subscribe", "auth"] {
            let error = inside(&format!(r#"{{"type":"{kind}","payload":{text},"id":"m1"}}"#)).err();
            if !text.contains("NaN") && !text.contains("inf") {
                prop_assert_ne!(error, Some(TextError::NotJson));
            }
        }
        let _ = inside(&text);
    }

    #[test]
    fn whatever_a_server_says_is_one_json_object(message in strategies::server::server_message()) {
        if !matches!(message, tickwire_protocol::ServerMessage::Snapshot(_)) {
            let text = heard(&message);
            prop_assert_eq!(&text["timestamp"], 7);
            prop_assert!(text["payload"].is_object());
        }
    }
}
