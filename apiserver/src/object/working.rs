//! The object as writes work on it: decoded, but for `fieldsV1` in `metadata.managedFields`, which stays the text that it
//! is. Owners are half of many objects, and most writes leave most of them alone.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Decodes what the server itself has stored.
pub(super) fn read(json: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = Place::Object.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Where we are, on the way to the owners.
#[derive(Clone, Copy)]
enum Place {
    Object,
    Metadata,
    Owners,
    Owner,
}

impl Place {
    fn member(self, name: &str) -> Option<Place> {
        match (self, name) {
            (Place::Object, "metadata") => Some(Place::Metadata),
            (Place::Metadata, "managedFields") => Some(Place::Owners),
            _ => None,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Place {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self {
            Place::Owners => deserializer.deserialize_seq(self),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Place {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a stored object")
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
            let value = match (self.member(&name), self) {
                (Some(place), _) => members.next_value_seed(place)?,
                (None, Place::Owner) if name == "fieldsV1" => {
                    let text: &RawValue = members.next_value().map_err(A::Error::custom)?;
                    Value::from(text.get())
                }
                (None, _) => members.next_value()?,
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
        let read = read(stored.to_string().as_bytes()).expect("is read");
        let mut expected = stored.clone();
        let fields = &mut expected["metadata"]["managedFields"][0]["fieldsV1"];
        *fields = fields.to_string().into();
        assert_eq!(read, expected);
        for form in [read, stored.clone()] {
            let mut out = vec![];
            write_json(&mut out, &form).expect("is written");
            assert_eq!(String::from_utf8(out).ok(), Some(stored.to_string()));
        }
    }
}
