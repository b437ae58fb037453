//! The object as writes work on it: decoded, but for what stays the text that it is: `fieldsV1` in
//! `metadata.managedFields`, for owners are half of many objects, and of a write that leaves them alone the kind's [`Deep`]
//! members.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::kinds::Deep;

/// Decodes what the server itself has stored; `deep` stays text.
pub(super) fn read(json: &[u8], deep: Deep) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Place::Object(deep).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Where we are, on the way to what stays text.
#[derive(Clone, Copy)]
enum Place {
    Object(Deep),
    /// A member that has these deep ones.
    Holder(&'static [&'static str]),
    Metadata,
    Owners,
    Owner,
}

impl Place {
    fn member(self, name: &str) -> Option<Place> {
        match (self, name) {
            (Place::Object(_), "metadata") => Some(Place::Metadata),
            (Place::Object(deep), _) => match deep.of(name) {
                [] => None,
                members => Some(Place::Holder(members)),
            },
            (Place::Metadata, "managedFields") => Some(Place::Owners),
            _ => None,
        }
    }

    /// Whether this member is text.
    fn is_text(self, name: &str) -> bool {
        match self {
            Place::Owner => name == "fieldsV1",
            Place::Holder(members) => members.contains(&name),
            _ => false,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self {
            Place::Owners => deserializer.deserialize_seq(self),
            // A member of an object may be null.
            Place::Holder(_) => deserializer.deserialize_any(self),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Place {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored object")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut owners = vec![];
        while let Some(owner) = items.next_element_seed(Place::Owner)? {
            owners.push(owner);
        }
        Ok(Value::Array(owners))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = match self.member(&name) {
                Some(place) => members.next_value_seed(place)?,
                None if self.is_text(&name) => {
                    let text: &RawValue = members.next_value().map_err(A::Error::custom)?;
                    match text.get() {
                        "null" => Value::Null,
                        text => Value::from(text),
                    }
                }
                None => members.next_value()?,
            };
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::write_json;
    use serde_json::json;

    #[test]
    fn owners_stay_text_and_are_written_as_they_were() {
        let stored = json!({"metadata": {"name": "a", "fieldsV1": {"x": 1}, "managedFields": [
            {"manager": "m", "fieldsV1": {"f:spec": {".": {}, "k:{\"name\":\"w\"}": {}}}}, {}]}, "spec": {"fieldsV1": {}}});
        let read = read(stored.to_string().as_bytes(), Deep::NOTHING).expect("is read");
        let mut expected = stored.clone();
        let fields = &mut expected["metadata"]["managedFields"][0]["fieldsV1"];
        *fields = fields.to_string().into();
        assert_eq!(read, expected);
        for form in [read, stored.clone()] {
            let mut out = vec![];
            write_json(&mut out, &form, Deep::NOTHING).expect("is written");
            assert_eq!(String::from_utf8(out).ok(), Some(stored.to_string()));
        }
    }

    #[test]
    fn deep_members_stay_text_and_are_written_as_they_were() {
        let deep = Deep { spec: &["a", "l", "n"], status: &["a"] };
        let stored = json!({"metadata": {"name": "a", "a": {}}, "a": {"a": 1}, "status": null,
            "spec": {"a": {"x": ["\"", 1.5]}, "b": {"a": {"y": 1}}, "l": [1, {"a": {}}], "n": null, "s": "text"}});
        let read = read(stored.to_string().as_bytes(), deep).expect("is read");
        let mut expected = stored.clone();
        for member in ["a", "l"] {
            expected["spec"][member] = stored["spec"][member].to_string().into();
        }
        assert_eq!(read, expected);
        for form in [read, stored.clone()] {
            let mut out = vec![];
            write_json(&mut out, &form, deep).expect("is written");
            assert_eq!(String::from_utf8(out).ok(), Some(stored.to_string()));
        }
    }
}
