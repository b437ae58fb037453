//! Path elements in the form in which `FieldsV1` writes them: `f:image`, `k:{"name":"web"}`, `v:"foregroundDeletion"`.
//!
//! The text itself is the element: it is what is stored, and comparing it is comparing elements, since keys are
//! written one way only (sorted, compact JSON).

use serde_json::{Map, Value};
use timonier_api::schema::Schema;

/// A struct's field or a map's key.
pub(super) fn field(name: &str) -> Box<str> {
    let mut text = String::with_capacity(name.len() + 2);
    text.push_str("f:");
    text.push_str(name);
    text.into()
}

/// An item of a set.
pub(super) fn value(item: &Value) -> Box<str> {
    format!("v:{item}").into()
}

/// An item of a list that `keys` tell apart. A key that is left out has its default; one without a default is left
/// out here too. `Err`: the item is no object, or has none of the keys; names the first.
pub(super) fn keyed(item: &Value, keys: &[Box<str>], schema: &Schema) -> Result<Box<str>, String> {
    let Value::Object(item) = item else {
        return Err("must be an object".into());
    };
    let mut names: Vec<&str> = keys.iter().map(AsRef::as_ref).collect();
    names.sort_unstable();
    let mut text = String::with_capacity(48);
    text.push_str("k:{");
    for name in names {
        let Some(part) = key_part(item, name, schema) else {
            continue;
        };
        if text.len() > 3 {
            text.push(',');
        }
        text.push('"');
        text.push_str(name);
        text.push_str("\":");
        match part {
            Value::String(value) if value.bytes().all(|byte| byte >= b' ' && !matches!(byte, b'"' | b'\\')) => {
                text.push('"');
                text.push_str(value);
                text.push('"');
            }
            _ => text.push_str(&part.to_string()),
        }
    }
    if text.len() == 3 {
        let first = keys.first().map_or("", AsRef::as_ref);
        return Err(format!(
            "associative list with keys has an element that omits key field {first:?} (and doesn't have default value)"
        ));
    }
    text.push('}');
    Ok(text.into())
}

/// Whether two items of a keyed list are the same one.
pub(super) fn same_keys(a: &Value, b: &Value, keys: &[Box<str>], schema: &Schema) -> bool {
    let (Value::Object(a), Value::Object(b)) = (a, b) else {
        return false;
    };
    keys.iter().all(|key| key_part(a, key, schema) == key_part(b, key, schema))
        && keys.iter().any(|key| key_part(a, key, schema).is_some())
}

fn key_part<'a>(item: &'a Map<String, Value>, name: &str, schema: &'a Schema) -> Option<&'a Value> {
    item.get(name).filter(|value| !value.is_null()).or_else(|| schema.member(name)?.key_default())
}

/// Reads an element of a stored set; `None` if it is none. Keys and values are brought into the one form.
pub(super) fn decode(text: Box<str>) -> Option<Box<str>> {
    let (kind, rest) = text.split_at_checked(2)?;
    match kind {
        "f:" => Some(text),
        "k:" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).ok()?;
            Some(format!("k:{}", Value::Object(keys)).into())
        }
        "v:" => Some(value(&serde_json::from_str(rest).ok()?)),
        "i:" => rest.parse::<u32>().ok().map(|_| text),
        _ => None,
    }
}

/// The element as it stands in the path of a conflict: `.image`, `[name="web"]`, `[="foregroundDeletion"]`.
pub(super) fn display(element: &str) -> String {
    let Some((kind, rest)) = element.split_at_checked(2) else {
        return element.to_owned();
    };
    match kind {
        "f:" => format!(".{rest}"),
        "k:" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let parts: Vec<String> = keys.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("[{}]", parts.join(","))
        }
        "v:" => format!("[={rest}]"),
        _ => format!("[{rest}]"),
    }
}
