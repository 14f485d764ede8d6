//! Whether a text is JSON that can be passed on.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Whether every reader of JSON can read it, whatever it does with what it reads.
pub(super) fn is_sound(text: &str) -> bool {
    serde_json::from_str::<Sound>(text).is_ok()
}

/// A value that every reader of JSON can read, and that is thrown away: nested no deeper than serde_json's 127, numbers within an `f64`, strings
/// without lone surrogates.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Sound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Sound, E> {
                Ok(Sound)
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Sound, E> {
                Ok(Sound)
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Sound, E> {
                Ok(Sound)
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Sound, E> {
                Ok(Sound)
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<Sound, E> {
                Ok(Sound)
            }
            fn visit_unit<E: Error>(self) -> Result<Sound, E> {
                Ok(Sound)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Sound, A::Error> {
                while items.next_element::<Sound>()?.is_some() {}
                Ok(Sound)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Sound, A::Error> {
                while members.next_entry::<Sound, Sound>()?.is_some() {}
                Ok(Sound)
            }
        }
        deserializer.deserialize_any(Any)
    }
}
