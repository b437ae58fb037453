//! An OpenAPI v2 document in the protobuf form that kubectl asks for (gnostic's `openapi.v2.Document`).
//!
//! Only what our own documents contain is written. Field numbers are those of gnostic's `OpenAPIv2.proto`.

use serde_json::{Map, Value};
use timonier_api::protobuf::wire;

/// A message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn bytes(&mut self, field: u32, bytes: &[u8]) -> &mut Message {
        wire::put_bytes(&mut self.0, field, bytes);
        self
    }

    fn message(&mut self, field: u32, message: &Message) -> &mut Message {
        self.bytes(field, &message.0)
    }

    fn text(&mut self, field: u32, value: &Value) -> &mut Message {
        match value.as_str() {
            Some(text) if !text.is_empty() => self.bytes(field, text.as_bytes()),
            _ => self,
        }
    }

    fn texts(&mut self, field: u32, value: &Value) -> &mut Message {
        for text in value.as_array().into_iter().flatten() {
            self.text(field, text);
        }
        self
    }

    fn flag(&mut self, field: u32, value: &Value) -> &mut Message {
        if value.as_bool() == Some(true) {
            wire::put_number(&mut self.0, field, 1);
        }
        self
    }

    /// `x-…` members as named values, which are YAML texts (and JSON is YAML).
    fn extensions(&mut self, field: u32, object: &Value) -> &mut Message {
        for (name, value) in members(object).filter(|(name, _)| name.starts_with("x-")) {
            self.message(field, &named(name, &any(value)));
        }
        self
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn build(make: impl FnOnce(&mut Message)) -> Message {
    let mut message = Message::default();
    make(&mut message);
    message
}

fn wrap(field: u32, inner: &Message) -> Message {
    build(|m| {
        m.message(field, inner);
    })
}

/// All maps are lists of messages with a name (1) and a value (2).
fn named(name: &str, value: &Message) -> Message {
    build(|m| {
        m.bytes(1, name.as_bytes()).message(2, value);
    })
}

fn any(value: &Value) -> Message {
    build(|m| {
        m.bytes(2, value.to_string().as_bytes());
    })
}

/// The whole document.
pub fn encode(document: &Value) -> Vec<u8> {
    let info = build(|m| {
        m.text(1, &document["info"]["title"]).text(2, &document["info"]["version"]);
    });
    let paths = build(|m| {
        for (path, item) in members(&document["paths"]) {
            m.message(2, &named(path, &path_item(item)));
        }
    });
    let security_definitions = build(|m| {
        for (name, item) in members(&document["securityDefinitions"]) {
            let key = build(|m| {
                m.text(1, &item["type"]).text(2, &item["name"]).text(3, &item["in"]);
            });
            m.message(1, &named(name, &wrap(2, &key)));
        }
    });
    let document = build(|m| {
        m.text(1, &document["swagger"]).message(2, &info).message(8, &paths);
        m.message(9, &schemas(&document["definitions"]));
        for requirement in document["security"].as_array().into_iter().flatten() {
            let requirement = build(|m| {
                for (name, _) in members(requirement) {
                    m.message(1, &named(name, &Message::default()));
                }
            });
            m.message(12, &requirement);
        }
        m.message(13, &security_definitions);
    });
    document.0
}

fn schemas(object: &Value) -> Message {
    build(|m| {
        for (name, value) in members(object) {
            m.message(1, &named(name, &schema(value)));
        }
    })
}

fn schema(value: &Value) -> Message {
    build(|m| {
        m.text(1, &value["$ref"]).text(2, &value["format"]).text(3, &value["title"]).text(4, &value["description"]);
        if let Some(default) = value.get("default") {
            m.message(5, &any(default));
        }
        m.texts(19, &value["required"]);
        for member in value["enum"].as_array().into_iter().flatten() {
            m.message(20, &any(member));
        }
        match &value["additionalProperties"] {
            Value::Null => {}
            Value::Bool(allowed) => {
                let item = build(|m| {
                    m.flag(2, &Value::Bool(*allowed));
                });
                m.message(21, &item);
            }
            inner => {
                m.message(21, &wrap(1, &schema(inner)));
            }
        }
        if value["type"].is_string() {
            let kind = build(|m| {
                m.text(1, &value["type"]);
            });
            m.message(22, &kind);
        }
        if value["items"].is_object() {
            m.message(23, &wrap(1, &schema(&value["items"])));
        }
        if value["properties"].is_object() {
            m.message(25, &schemas(&value["properties"]));
        }
        m.extensions(31, value);
    })
}

fn path_item(item: &Value) -> Message {
    build(|m| {
        for (field, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
            if let Some(value) = item.get(method) {
                m.message(field, &operation(value));
            }
        }
        parameters(m, 9, &item["parameters"]);
    })
}

fn operation(value: &Value) -> Message {
    let responses = build(|m| {
        for (code, answer) in members(&value["responses"]) {
            let answer = build(|m| {
                m.text(1, &answer["description"]);
                if answer["schema"].is_object() {
                    m.message(2, &wrap(1, &schema(&answer["schema"])));
                }
            });
            m.message(1, &named(code, &wrap(1, &answer)));
        }
    });
    build(|m| {
        m.texts(1, &value["tags"]).text(5, &value["operationId"]);
        m.texts(6, &value["produces"]).texts(7, &value["consumes"]);
        parameters(m, 8, &value["parameters"]);
        m.message(9, &responses).texts(10, &value["schemes"]).extensions(13, value);
    })
}

fn parameters(message: &mut Message, field: u32, list: &Value) {
    for value in list.as_array().into_iter().flatten() {
        message.message(field, &wrap(1, &parameter(value)));
    }
}

fn parameter(value: &Value) -> Message {
    match value["in"].as_str() {
        Some("body") => {
            let body = build(|m| {
                m.text(2, &value["name"]).text(3, &value["in"]).flag(4, &value["required"]);
                m.message(5, &schema(&value["schema"]));
            });
            wrap(1, &body)
        }
        Some("path") => {
            let path = build(|m| {
                m.flag(1, &value["required"]).text(2, &value["in"]).text(4, &value["name"]);
                m.text(5, &value["type"]).flag(19, &value["uniqueItems"]);
            });
            wrap(2, &wrap(4, &path))
        }
        _ => {
            let query = build(|m| {
                m.text(2, &value["in"]).text(4, &value["name"]).text(6, &value["type"]);
                m.flag(20, &value["uniqueItems"]);
            });
            wrap(2, &wrap(3, &query))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_small_document_has_the_bytes_that_gnostic_reads() {
        let document = json!({"swagger": "2.0", "info": {"title": "K"}, "definitions": {"a": {"type": "string"}}});
        let expected = [
            &b"\x0a\x032.0"[..],
            b"\x12\x03\x0a\x01K",
            b"\x42\x00",
            b"\x4a\x12\x0a\x10\x0a\x01a\x12\x0b\xb2\x01\x08\x0a\x06string",
            b"\x6a\x00",
        ];
        assert_eq!(encode(&document), expected.concat());
    }
}
