//! Reading and filling in JSON objects without decoding them.
//!
//! Nothing here panics on a value of another type than expected: such a value reads as absent.

use serde_json::{Map, Value};

static NOTHING: Value = Value::Null;

/// The value at a chain of keys, or null.
pub fn at<'a>(o: &'a Value, keys: &[&str]) -> &'a Value {
    keys.iter().try_fold(o, |o, key| o.get(key)).unwrap_or(&NOTHING)
}

/// The field `key`, or null.
pub fn get<'a>(o: &'a Value, key: &str) -> &'a Value {
    o.get(key).unwrap_or(&NOTHING)
}

/// The text in field `key`, or nothing.
pub fn text<'a>(o: &'a Value, key: &str) -> &'a str {
    o.get(key).and_then(Value::as_str).unwrap_or("")
}

/// The integer in field `key`.
pub fn int(o: &Value, key: &str) -> Option<i64> {
    o.get(key).and_then(Value::as_i64)
}

/// Whether field `key` is true.
pub fn flag(o: &Value, key: &str) -> bool {
    o.get(key).and_then(Value::as_bool).unwrap_or(false)
}

/// The list in field `key`, or an empty one.
pub fn list<'a>(o: &'a Value, key: &str) -> &'a [Value] {
    o.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The item of the list in field `key` that has this name, or null.
pub fn named<'a>(o: &'a Value, key: &str, name: &str) -> &'a Value {
    list(o, key).iter().find(|item| text(item, "name") == name).unwrap_or(&NOTHING)
}

/// The map in field `key`.
pub fn map<'a>(o: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    o.get(key).and_then(Value::as_object)
}

/// The entries of the map in field `key`, as text.
pub fn texts<'a>(o: &'a Value, key: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    map(o, key).into_iter().flatten().map(|(k, v)| (k.as_str(), v.as_str().unwrap_or("")))
}

/// Whether field `key` holds anything but null.
pub fn has(o: &Value, key: &str) -> bool {
    o.get(key).is_some_and(|v| !v.is_null())
}

/// The list in field `key`, to be changed item by item.
pub fn list_mut<'a>(o: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    o.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

/// Puts `value` into field `key`, whatever is there.
pub fn set(o: &mut Value, key: &str, value: impl Into<Value>) {
    if let Some(map) = o.as_object_mut() {
        map.insert(key.to_owned(), value.into());
    }
}

/// Takes field `key` out.
pub fn remove(o: &mut Value, key: &str) -> Option<Value> {
    o.as_object_mut().and_then(|map| map.remove(key))
}

/// Fills in field `key` where it is absent or null.
pub fn fill(o: &mut Value, key: &str, value: impl Into<Value>) {
    if !has(o, key) {
        set(o, key, value);
    }
}

/// Fills in field `key` where it is absent, null or empty.
pub fn fill_text(o: &mut Value, key: &str, value: &str) {
    if text(o, key).is_empty() {
        set(o, key, value);
    }
}

/// Fills in field `key` where it is absent, null or 0: for fields whose zero means "unset".
pub fn fill_int(o: &mut Value, key: &str, value: i64) {
    if int(o, key).unwrap_or(0) == 0 {
        set(o, key, value);
    }
}

/// The object in field `key`, made when absent.
pub fn object_mut<'a>(o: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    fill(o, key, Map::new());
    o.get_mut(key).filter(|v| v.is_object())
}

/// Whether two objects agree in field `key`, where absent, null and empty are the same.
pub fn same(a: &Value, b: &Value, key: &str) -> bool {
    equivalent(get(a, key), get(b, key))
}

/// Equality in which absent, null, `""`, `[]` and `{}` are one, as they are for Kubernetes.
pub fn equivalent(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(x), Value::Object(y)) => {
            let keys = x.keys().chain(y.keys().filter(|k| !x.contains_key(*k)));
            keys.into_iter().all(|key| {
                let (a, b) = (x.get(key), y.get(key));
                equivalent(a.unwrap_or(&NOTHING), b.unwrap_or(&NOTHING))
            })
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(a, b)| equivalent(a, b)),
        _ => a == b || (is_empty(a) && is_empty(b)),
    }
}

fn is_empty(v: &Value) -> bool {
    match v {
        Value::Null => true,
        Value::String(s) => s.is_empty(),
        Value::Array(a) => a.is_empty(),
        Value::Object(o) => o.values().all(is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn absent_null_and_empty_are_the_same() {
        for (a, b, expected) in [
            (json!({"a": null, "b": {"c": []}}), json!({}), true),
            (json!({"a": [1, {"b": ""}]}), json!({"a": [1, {}]}), true),
            (json!({"a": 0}), json!({}), false),
            (json!({"a": [1]}), json!({"a": [1, 2]}), false),
        ] {
            assert_eq!(equivalent(&a, &b), expected, "{a} {b}");
            assert_eq!(equivalent(&b, &a), expected, "{b} {a}");
        }
    }

    #[test]
    fn a_value_of_another_type_reads_as_absent() {
        let mut o = json!({"a": 1, "b": "x"});
        assert_eq!(text(&o, "a"), "");
        assert_eq!(int(&o, "b"), None);
        assert!(list(&o, "a").is_empty());
        set(o.get_mut("a").unwrap(), "x", 1);
        assert_eq!(o, json!({"a": 1, "b": "x"}));
    }
}
