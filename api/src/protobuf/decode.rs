//! From protobuf to JSON as Kubernetes would print it: zeros only where they mean something, unknown fields passed over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::table::{Form, Kind, Message, Shape};
use super::wire::{self, Reader, WireError};

/// How deep messages may lie in each other.
const DEPTH: u32 = 128;

/// Bytes that are not the message they should be.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("proto: {message}: wrong wireType = {wire} for field {field}")]
    WrongType { message: &'static str, field: &'static str, wire: u8 },
    #[error("proto: {message}: field {field} is not UTF-8")]
    NotUtf8 { message: &'static str, field: &'static str },
    #[error("proto: {message}: field {field} is not JSON: {reason}")]
    NotJson { message: &'static str, field: &'static str, reason: String },
    #[error("proto: {message}: field {field} is out of range")]
    OutOfRange { message: &'static str, field: &'static str },
    #[error("proto: exceeded max depth {DEPTH}")]
    TooDeep,
}

impl Message {
    /// The JSON object that a message is, without `apiVersion` and `kind`.
    pub fn decode(&'static self, bytes: &[u8]) -> Result<Map<String, Value>, DecodeError> {
        let mut object = Map::new();
        self.decode_into(bytes, &mut object, 0)?;
        Ok(object)
    }

    fn decode_into(
        &'static self,
        bytes: &[u8],
        object: &mut Map<String, Value>,
        depth: u32,
    ) -> Result<(), DecodeError> {
        if depth == DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let mut reader = Reader(bytes);
        while let Some((number, wire)) = reader.tag()? {
            let Some(field) = self.field(number) else {
                reader.skip(wire)?;
                continue;
            };
            let place = Place { message: self.name, field: field.name.unwrap_or("-"), depth: depth + 1 };
            match (field.name, field.shape) {
                (None, _) => {
                    if let Kind::Message(at) = field.kind {
                        Message::at(at).decode_into(place.bytes(wire, &mut reader)?, object, depth + 1)?;
                    }
                }
                (Some(name), Shape::One) => {
                    let before = object.get_mut(name).map(Value::take);
                    let value = one(&place, field.kind, wire, &mut reader, before)?;
                    if value.is_null() || (!field.shown && is_zero(field.kind, &value)) {
                        object.remove(name);
                    } else {
                        object.insert(name.to_string(), value);
                    }
                }
                (Some(name), Shape::List) => {
                    let list = object.entry(name).or_insert_with(|| Value::Array(vec![]));
                    let Value::Array(list) = list else { continue };
                    if wire == wire::BYTES && is_packable(field.kind) {
                        let mut packed = Reader(reader.bytes()?);
                        while !packed.0.is_empty() {
                            list.push(one(&place, field.kind, wire_of(field.kind), &mut packed, None)?);
                        }
                    } else {
                        list.push(one(&place, field.kind, wire, &mut reader, None)?);
                    }
                }
                (Some(name), Shape::Map) => {
                    let (key, value) = entry(&place, field.kind, place.bytes(wire, &mut reader)?)?;
                    let map = object.entry(name).or_insert_with(|| Value::Object(Map::new()));
                    if let Value::Object(map) = map {
                        map.insert(key, value);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Where a value stands, for errors, and how deep.
struct Place {
    message: &'static str,
    field: &'static str,
    depth: u32,
}

impl Place {
    fn expect(&self, wire: u8, expected: u8) -> Result<(), DecodeError> {
        if wire == expected {
            return Ok(());
        }
        Err(DecodeError::WrongType { message: self.message, field: self.field, wire })
    }

    fn bytes<'a>(&self, wire: u8, reader: &mut Reader<'a>) -> Result<&'a [u8], DecodeError> {
        self.expect(wire, wire::BYTES)?;
        Ok(reader.bytes()?)
    }

    fn text(&self, bytes: &[u8]) -> Result<String, DecodeError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_string()),
            Err(_) => Err(DecodeError::NotUtf8 { message: self.message, field: self.field }),
        }
    }
}

/// One value. `before` is what the field held until now: a message adds to it.
fn one(
    place: &Place,
    kind: Kind,
    wire: u8,
    reader: &mut Reader<'_>,
    before: Option<Value>,
) -> Result<Value, DecodeError> {
    Ok(match kind {
        Kind::String => Value::String(place.text(place.bytes(wire, reader)?)?),
        Kind::Bytes => Value::String(STANDARD.encode(place.bytes(wire, reader)?)),
        Kind::Bool => {
            place.expect(wire, wire::VARINT)?;
            Value::Bool(reader.varint()? != 0)
        }
        Kind::Int32 => {
            place.expect(wire, wire::VARINT)?;
            Value::from(reader.varint()? as i32)
        }
        Kind::Int64 => {
            place.expect(wire, wire::VARINT)?;
            Value::from(reader.varint()? as i64)
        }
        Kind::Double => {
            place.expect(wire, wire::FIXED64)?;
            let bytes = reader.take(8)?.try_into().map_err(|_| WireError::Cut)?;
            match Number::from_f64(f64::from_le_bytes(bytes)) {
                Some(number) => Value::Number(number),
                None => return Err(DecodeError::OutOfRange { message: place.message, field: place.field }),
            }
        }
        Kind::Message(at) => special(place, Message::at(at), place.bytes(wire, reader)?, before)?,
    })
}

/// A message, in the form that it has in JSON.
fn special(
    place: &Place,
    message: &'static Message,
    bytes: &[u8],
    before: Option<Value>,
) -> Result<Value, DecodeError> {
    let mut reader = Reader(bytes);
    match message.form {
        Form::Fields => {
            let mut object = match before {
                Some(Value::Object(object)) => object,
                _ => Map::new(),
            };
            message.decode_into(bytes, &mut object, place.depth)?;
            Ok(Value::Object(object))
        }
        // A time that is not set has no bytes at all.
        Form::Time | Form::MicroTime if bytes.is_empty() => Ok(Value::Null),
        Form::Time | Form::MicroTime => {
            let (mut seconds, mut nanos) = (0i64, 0i64);
            while let Some((number, wire)) = reader.tag()? {
                match number {
                    1 => seconds = reader.varint()? as i64,
                    2 => nanos = reader.varint()? as i64,
                    _ => reader.skip(wire)?,
                }
            }
            let nanos = if message.form == Form::Time { 0 } else { nanos };
            let time = i32::try_from(nanos).ok().and_then(|nanos| Timestamp::new(seconds, nanos).ok());
            let Some(time) = time else {
                return Err(DecodeError::OutOfRange { message: place.message, field: place.field });
            };
            let layout = if message.form == Form::Time { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S.%6fZ" };
            Ok(Value::String(time.strftime(layout).to_string()))
        }
        Form::Quantity => {
            let amount = last_text(place, bytes, 1)?;
            Ok(Value::String(if amount.is_empty() { "0".to_string() } else { amount }))
        }
        Form::IntOrString => {
            let (mut kind, mut number_value, mut text) = (0, 0, String::new());
            while let Some((number, wire)) = reader.tag()? {
                match number {
                    1 => kind = reader.varint()?,
                    2 => number_value = reader.varint()? as i32,
                    3 => text = place.text(place.bytes(wire, &mut reader)?)?,
                    _ => reader.skip(wire)?,
                }
            }
            Ok(if kind == 1 { Value::String(text) } else { Value::from(number_value) })
        }
        Form::Raw => {
            let raw = last_bytes(place, bytes, 1)?;
            if raw.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(raw).map_err(|error| DecodeError::NotJson {
                message: place.message,
                field: place.field,
                reason: error.to_string(),
            })
        }
        Form::Strings => {
            let mut list = match before {
                Some(Value::Array(list)) => list,
                _ => vec![],
            };
            while let Some((number, wire)) = reader.tag()? {
                match number {
                    1 => list.push(Value::String(place.text(place.bytes(wire, &mut reader)?)?)),
                    _ => reader.skip(wire)?,
                }
            }
            Ok(Value::Array(list))
        }
        Form::SchemaOrArray | Form::SchemaOrBool | Form::SchemaOrStrings => either(message, bytes, place.depth),
    }
}

/// A schema or something else in its place.
fn either(message: &'static Message, bytes: &[u8], depth: u32) -> Result<Value, DecodeError> {
    let mut parts = Map::new();
    message.decode_into(bytes, &mut parts, depth)?;
    let at = if message.form == Form::SchemaOrBool { 2 } else { 1 };
    let mut part = |number| message.field(number).and_then(|field| parts.remove(field.name?));
    if let Some(schema) = part(at).filter(|schema| !schema.is_null()) {
        return Ok(schema);
    }
    Ok(match message.form {
        Form::SchemaOrBool => part(1).unwrap_or(Value::Bool(false)),
        _ => part(2).unwrap_or(Value::Null),
    })
}

fn last_bytes<'a>(place: &Place, bytes: &'a [u8], wanted: u32) -> Result<&'a [u8], DecodeError> {
    let mut reader = Reader(bytes);
    let mut found: &[u8] = &[];
    while let Some((number, wire)) = reader.tag()? {
        if number == wanted {
            found = place.bytes(wire, &mut reader)?;
        } else {
            reader.skip(wire)?;
        }
    }
    Ok(found)
}

fn last_text(place: &Place, bytes: &[u8], wanted: u32) -> Result<String, DecodeError> {
    place.text(last_bytes(place, bytes, wanted)?)
}

/// An entry of a map: its key and value, each of which may be left out for its zero.
fn entry(place: &Place, kind: Kind, bytes: &[u8]) -> Result<(String, Value), DecodeError> {
    let mut reader = Reader(bytes);
    let (mut key, mut value) = (String::new(), None);
    while let Some((number, wire)) = reader.tag()? {
        match number {
            1 => key = place.text(place.bytes(wire, &mut reader)?)?,
            2 => value = Some(one(place, kind, wire, &mut reader, None)?),
            _ => reader.skip(wire)?,
        }
    }
    match value {
        Some(value) => Ok((key, value)),
        None => Ok((key, zero(place, kind)?)),
    }
}

fn zero(place: &Place, kind: Kind) -> Result<Value, DecodeError> {
    Ok(match kind {
        Kind::String | Kind::Bytes => Value::String(String::new()),
        Kind::Bool => Value::Bool(false),
        Kind::Int32 | Kind::Int64 | Kind::Double => Value::from(0),
        Kind::Message(at) => special(place, Message::at(at), &[], None)?,
    })
}

/// Whether a value is what Go writes for a field that nobody set.
fn is_zero(kind: Kind, value: &Value) -> bool {
    // An empty struct is shown, as Go's JSON does.
    if matches!(kind, Kind::Message(at) if Message::at(at).form != Form::IntOrString) {
        return false;
    }
    match value {
        Value::String(text) => text.is_empty(),
        Value::Bool(flag) => !flag,
        Value::Number(number) => number.as_f64() == Some(0.0),
        _ => false,
    }
}

fn is_packable(kind: Kind) -> bool {
    matches!(kind, Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Double)
}

fn wire_of(kind: Kind) -> u8 {
    if kind == Kind::Double { wire::FIXED64 } else { wire::VARINT }
}
