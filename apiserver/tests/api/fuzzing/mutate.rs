//! How what is sent gets broken: as bytes, as text of a query, as a document.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Map, Value, json};

const TOKENS: [&str; 16] = [
    "{", "}", "[", "]", "\"", ":", ",", "null", "-0", "1e999", "\\u0000", "\n---\n", "&a [*a]", "\u{feff}", "\t",
    "k8s\0",
];

/// A few bytes are changed, doubled, left out or put in.
pub fn bytes(chance: &mut StdRng, body: &mut Vec<u8>) {
    for _ in 0..chance.random_range(1..6) {
        let at = chance.random_range(0..=body.len());
        let end = (at + chance.random_range(0..9)).min(body.len());
        match chance.random_range(0..6) {
            0 if at < body.len() => body[at] ^= 1 << chance.random_range(0..8),
            1 => drop(body.drain(at..end)),
            2 => {
                let again = body[at..end].to_vec();
                body.splice(at..at, again);
            }
            3 => {
                let token = TOKENS.choose(chance).expect("there are some");
                body.splice(at..at, token.bytes());
            }
            4 => body.truncate(at),
            _ => body.insert(at, chance.random()),
        }
    }
}

/// The same for a query, which stays one that a client can send.
pub fn query(chance: &mut StdRng, query: &str) -> String {
    let mut text = query.as_bytes().to_vec();
    bytes(chance, &mut text);
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"=&%(),!.-_".contains(byte);
    // A watch goes on, and is no matter of one answer.
    String::from_utf8_lossy(&text.into_iter().filter(plain).collect::<Vec<u8>>()).replace("watch", "")
}

fn odd(chance: &mut StdRng) -> Value {
    let deep = (0..60).fold(Value::Null, |inner, _| json!({"a": [inner]}));
    let all = [
        Value::Null,
        json!([]),
        json!({}),
        json!(-1),
        json!(i64::MAX),
        json!(u64::MAX),
        json!(1.5e300),
        json!(true),
        json!(""),
        json!("\u{0}\u{7}ä"),
        json!("9".repeat(400)),
        json!("2026-13-45T99:99:99Z"),
        json!("1e99999Ki"),
        json!([{"name": "x"}, {"name": "x"}, null, 1]),
        json!({"": {"": ""}}),
        json!({"matchExpressions": [{"key": "", "operator": "Nope", "values": [1]}]}),
        deep,
    ];
    all.choose(chance).expect("there are some").clone()
}

/// Something in the document becomes something else, gets another name, is doubled, or goes.
pub fn value(chance: &mut StdRng, document: &mut Value) {
    let target = somewhere(chance, document);
    match (target, chance.random_range(0..5)) {
        (Value::Object(members), 0) => {
            let key = members.keys().nth(chance.random_range(0..members.len().max(1))).cloned();
            if let Some(member) = key.and_then(|key| members.remove(&key)) {
                let names = ["spec", "status", "metadata", "name", "items", "finalizers", "managedFields", "odd"];
                members.insert(names.choose(chance).expect("there are some").to_string(), member);
            }
        }
        (Value::Object(members), 1) => {
            let key = members.keys().nth(chance.random_range(0..members.len().max(1))).cloned();
            key.and_then(|key| members.remove(&key));
        }
        (Value::Array(items), 2) => {
            let again = items.clone();
            items.extend(again);
        }
        (Value::String(text), 3) => {
            text.push_str(["/", "-", ".", "%", "\u{1}", " ", "A"].choose(chance).expect("some"))
        }
        (target, _) => *target = odd(chance),
    }
}

/// Any place in a document, the deeper ones too.
fn somewhere<'v>(chance: &mut StdRng, document: &'v mut Value) -> &'v mut Value {
    let inside = match &*document {
        Value::Object(members) => members.len(),
        Value::Array(items) => items.len(),
        _ => 0,
    };
    if inside == 0 || chance.random_ratio(1, 6) {
        return document;
    }
    let at = chance.random_range(0..inside);
    let next = match document {
        Value::Object(members) => members.values_mut().nth(at),
        Value::Array(items) => items.get_mut(at),
        _ => None,
    };
    somewhere(chance, next.expect("it is inside"))
}

/// Operations on places that are there, or nearly.
pub fn json_patch(chance: &mut StdRng, object: &Value) -> Value {
    let mut paths = vec![String::new()];
    walk(object, String::new(), &mut paths);
    paths.extend(
        ["/metadata/labels/-", "/none/0", "no slash", "/~2", "/spec/containers/99999999999999999999"].map(String::from),
    );
    let operations = ["add", "remove", "replace", "move", "copy", "test", "sing"];
    let one = |chance: &mut StdRng| {
        let path = |chance: &mut StdRng| paths.choose(chance).expect("there are some").clone();
        let (from, to) = (path(chance), path(chance));
        json!({"op": operations.choose(chance), "path": to, "from": from, "value": odd(chance)})
    };
    (0..chance.random_range(1..5)).map(|_| one(chance)).collect()
}

fn walk(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, member)| walk(member, format!("{path}/{name}"), paths))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, item)| walk(item, format!("{path}/{at}"), paths))
        }
        _ => {}
    }
    paths.push(path);
}

/// Directives of a strategic merge patch, where they belong and where they do not.
pub fn directives(chance: &mut StdRng, patch: &mut Value) {
    for _ in 0..chance.random_range(0..4) {
        let given = odd(chance);
        let Value::Object(members) = somewhere(chance, patch) else { continue };
        let field = members.keys().next().cloned().unwrap_or_default();
        put(chance, members, &field, given);
    }
}

fn put(chance: &mut StdRng, members: &mut Map<String, Value>, field: &str, given: Value) {
    match chance.random_range(0..5) {
        0 => members.insert("$patch".into(), json!(["replace", "delete", "merge", "sing"].choose(chance))),
        1 => members.insert("$retainKeys".into(), json!([field])),
        2 => members.insert(format!("$setElementOrder/{field}"), given),
        3 => members.insert(format!("$deleteFromPrimitiveList/{field}"), given),
        _ => members.insert("$patch".into(), given),
    };
}
