//! From JSON text to protobuf, in one pass and without a tree in between.
//!
//! Fields are written in the order in which JSON has them. A field of an embedded message is written as a message with
//! that field alone: readers merge all that they get for one message.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::table::{Field, Form, Kind, Message, Route, Shape};
use super::wire;

/// JSON that does not have the types of its message.
#[derive(Debug, thiserror::Error)]
#[error("{message} cannot be written as protobuf: {source}")]
pub struct EncodeError {
    message: &'static str,
    source: serde_json::Error,
}

impl Message {
    /// The message that a JSON object is. What the table does not know (`apiVersion` and `kind` among it) is left out.
    pub fn encode(&'static self, json: &[u8]) -> Result<Vec<u8>, EncodeError> {
        let mut out = Vec::with_capacity(json.len() * 3 / 4);
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        deserializer
            .deserialize_map(Members { message: self, out: &mut out })
            .map_err(|source| EncodeError { message: self.name, source })?;
        Ok(out)
    }
}

/// Writes the members of a JSON object as fields.
struct Members<'o> {
    message: &'static Message,
    out: &'o mut Vec<u8>,
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(route) = members.next_key_seed(Name(self.message))? {
            let Some(Route { through, field }) = route else {
                members.next_value::<IgnoredAny>()?;
                continue;
            };
            within(self.out, through, |out| members.next_value_seed(Whole { field, out }))?;
        }
        Ok(())
    }
}

/// Writes inside the messages with these numbers, each in the one before it.
fn within<T, W: FnOnce(&mut Vec<u8>) -> T>(out: &mut Vec<u8>, through: &[u32], write: W) -> T {
    match through {
        [] => write(out),
        [first, rest @ ..] => wire::put_message(out, *first, |out| within(out, rest, write)),
    }
}

/// A member's name, looked up where it stands.
struct Name(&'static Message);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static Route>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static Route>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.route(name))
    }
}

/// A field with all that it holds.
struct Whole<'o> {
    field: &'static Field,
    out: &'o mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.field.shape {
            Shape::One => One::of(self.field.number, self.field.kind, self.out).deserialize(deserializer),
            Shape::List | Shape::Map => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.field.shape == Shape::List { "a list" } else { "a map" })
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Field { number, kind, .. } = *self.field;
        while items.next_element_seed(One::of(number, kind, self.out))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Field { number, kind, .. } = *self.field;
        loop {
            let start = self.out.len();
            let more = wire::put_message(self.out, number, |out| {
                if entries.next_key_seed(One::of(1, Kind::String, out))?.is_none() {
                    return Ok(false);
                }
                entries.next_value_seed(One::of(2, kind, out))?;
                Ok(true)
            })?;
            if !more {
                self.out.truncate(start);
                return Ok(());
            }
        }
    }
}

/// One value: of a field, of an item, of an entry's key or value.
struct One<'o> {
    number: u32,
    kind: Kind,
    form: Form,
    out: &'o mut Vec<u8>,
}

impl One<'_> {
    fn of(number: u32, kind: Kind, out: &mut Vec<u8>) -> One<'_> {
        let form = if let Kind::Message(at) = kind { Message::at(at).form } else { Form::Fields };
        One { number, kind, form, out }
    }

    fn wrong<E: Error>(&self, found: &str) -> E {
        E::custom(format_args!("{found} does not fit into field {} of type {:?}", self.number, self.kind))
    }

    /// The message that field `number` of this one holds.
    fn inner(&self, number: u32) -> Option<&'static Message> {
        let Kind::Message(at) = self.kind else { return None };
        match Message::at(at).field(number)?.kind {
            Kind::Message(at) => Some(Message::at(at)),
            _ => None,
        }
    }

    fn integer<E: Error>(self, value: i64) -> Result<(), E> {
        match (self.kind, self.form) {
            (Kind::Int32 | Kind::Int64, _) => wire::put_number(self.out, self.number, value),
            (Kind::Double, _) => return self.visit_f64(value as f64),
            (_, Form::IntOrString) => wire::put_message(self.out, self.number, |out| {
                wire::put_number(out, 1, 0);
                wire::put_number(out, 2, value);
                wire::put_bytes(out, 3, b"");
            }),
            (_, Form::Quantity) => return self.visit_str(&value.to_string()),
            _ => return Err(self.wrong("a number")),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.form != Form::Raw {
            return deserializer.deserialize_any(self);
        }
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        if raw != "null" {
            wire::put_message(self.out, self.number, |out| wire::put_bytes(out, 1, raw.as_bytes()));
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a value for field {} of type {:?}", self.number, self.kind)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match (self.kind, self.form) {
            (Kind::Bool, _) => wire::put_number(self.out, self.number, value.into()),
            (_, Form::SchemaOrBool) => {
                wire::put_message(self.out, self.number, |out| wire::put_number(out, 1, value.into()));
            }
            _ => return Err(self.wrong("a boolean")),
        }
        Ok(())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.integer(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => Err(self.wrong("a number that large")),
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        match (self.kind, self.form) {
            (Kind::Double, _) => {
                wire::put_tag(self.out, self.number, wire::FIXED64);
                self.out.extend_from_slice(&value.to_le_bytes());
                Ok(())
            }
            (_, Form::Quantity) => self.visit_str(&value.to_string()),
            _ => Err(self.wrong("a fraction")),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let number = self.number;
        match (self.kind, self.form) {
            (Kind::String, _) => wire::put_bytes(self.out, number, value.as_bytes()),
            (Kind::Bytes, _) => {
                let bytes = STANDARD.decode(value).map_err(E::custom)?;
                wire::put_bytes(self.out, number, &bytes);
            }
            (_, Form::Time | Form::MicroTime) => {
                let time: Timestamp = value.parse().map_err(E::custom)?;
                // A time is whole seconds and nanoseconds that are never negative.
                let nanos = if self.form == Form::Time { 0 } else { time.subsec_nanosecond() };
                let seconds = time.as_second();
                let (seconds, nanos) = if nanos < 0 { (seconds - 1, nanos + 1_000_000_000) } else { (seconds, nanos) };
                wire::put_message(self.out, number, |out| {
                    wire::put_number(out, 1, seconds);
                    wire::put_number(out, 2, nanos.into());
                });
            }
            (_, Form::Quantity) => wire::put_message(self.out, number, |out| wire::put_bytes(out, 1, value.as_bytes())),
            (_, Form::IntOrString) => wire::put_message(self.out, number, |out| {
                wire::put_number(out, 1, 1);
                wire::put_number(out, 2, 0);
                wire::put_bytes(out, 3, value.as_bytes());
            }),
            _ => return Err(self.wrong("a string")),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let (number, kind) = match (self.form, self.inner(2), self.kind) {
            (Form::Strings, ..) => (1, Kind::String),
            (Form::SchemaOrStrings, ..) => (2, Kind::String),
            (Form::SchemaOrArray, Some(_), Kind::Message(at)) => match Message::at(at).field(2) {
                Some(field) => (2, field.kind),
                None => return Err(self.wrong("a list")),
            },
            _ => return Err(self.wrong("a list")),
        };
        wire::put_message(self.out, self.number, |out| {
            while items.next_element_seed(One::of(number, kind, out))?.is_some() {}
            Ok(())
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<(), A::Error> {
        let at = match (self.form, self.kind) {
            (Form::Fields, Kind::Message(at)) => {
                let message = Message::at(at);
                return wire::put_message(self.out, self.number, |out| Members { message, out }.visit_map(members));
            }
            (Form::SchemaOrArray | Form::SchemaOrStrings, _) => 1,
            (Form::SchemaOrBool, _) => 2,
            _ => return Err(self.wrong("an object")),
        };
        let Some(message) = self.inner(at) else {
            return Err(self.wrong("an object"));
        };
        wire::put_message(self.out, self.number, |out| {
            if self.form == Form::SchemaOrBool {
                wire::put_number(out, 1, 1);
            }
            wire::put_message(out, at, |out| Members { message, out }.visit_map(members))
        })
    }
}
