//! JSON objects as they came: keys in order, values still text, no key twice.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::Problem;

/// Most bytes of a key that a problem repeats.
const MAX_PATH: usize = 64;

/// The members of an object that have not been taken yet.
#[derive(Debug)]
pub(super) struct Object<'a> {
    /// Where it stands, and a dot behind it if that is not the message itself.
    path: String,
    members: Vec<(String, &'a RawValue)>,
}

impl<'a> Object<'a> {
    /// Without members, as if it had been there.
    pub(super) fn empty(path: &str) -> Self {
        Self { path: prefix(path), members: Vec::new() }
    }

    /// Reads an object that stands at `path`, empty for the message itself.
    ///
    /// # Errors
    /// It is not an object, or has a key twice.
    pub(super) fn read(path: &str, text: &'a str) -> Result<Self, Problem> {
        let Ok(Members(members)) = serde_json::from_str(text) else {
            let path = if path.is_empty() { "the message" } else { path }.to_owned();
            return Err(Problem::Form { path, wanted: "an object" });
        };
        let object = Self { path: prefix(path), members };
        let mut keys: Vec<&str> = object.members.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Problem::Twice(object.path(pair[0]))),
            None => Ok(object),
        }
    }

    /// The path of a member.
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{}", self.path, shortened(key))
    }

    /// The keys that have not been taken.
    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|(key, _)| key.as_str())
    }

    /// Takes a member's text; none if it is not there.
    pub(super) fn take_any(&mut self, key: &str) -> Option<&'a str> {
        let index = self.members.iter().position(|(name, _)| name == key)?;
        Some(self.members.remove(index).1.get())
    }

    /// Takes a member's text; none if it is not there, or null.
    pub(super) fn take_raw(&mut self, key: &str) -> Option<&'a str> {
        self.take_any(key).filter(|text| *text != "null")
    }

    /// Takes a member's value; none if it is not there, or null.
    ///
    /// # Errors
    /// It is not what is `wanted`.
    pub(super) fn take<T: Deserialize<'a>>(&mut self, key: &str, wanted: &'static str) -> Result<Option<T>, Problem> {
        let Some(text) = self.take_raw(key) else { return Ok(None) };
        serde_json::from_str(text).map(Some).map_err(|_| Problem::Form { path: self.path(key), wanted })
    }

    /// Takes the value of a member that must be there.
    ///
    /// # Errors
    /// It is not there, or not what is `wanted`.
    pub(super) fn need<T: Deserialize<'a>>(&mut self, key: &str, wanted: &'static str) -> Result<T, Problem> {
        self.take(key, wanted)?.ok_or_else(|| Problem::Missing(self.path(key)))
    }

    /// Takes a member that is an object of its own, empty if it is not there.
    ///
    /// # Errors
    /// As [`Object::read`].
    pub(super) fn take_object(&mut self, key: &str) -> Result<Self, Problem> {
        let path = self.path(key);
        self.take_raw(key).map_or_else(|| Ok(Self::empty(&path)), |text| Self::read(&path, text))
    }

    /// That nothing is left.
    ///
    /// # Errors
    /// The first member that has not been taken.
    pub(super) fn end(&self) -> Result<(), Problem> {
        self.keys().next().map_or(Ok(()), |key| Err(Problem::Unknown(self.path(key))))
    }

    /// The members in order, each with its text.
    pub(super) fn members(&self) -> impl ExactSizeIterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(key, value)| (key.as_str(), *value))
    }
}

/// A key or name as a problem repeats it.
pub(super) fn shortened(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_PATH)]
}

fn prefix(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("{path}.") }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
