//! The parts of stored objects that the store keeps once for all that have them.

use std::ops::Range;

use memchr::memmem;

use super::{FIXED, PLAIN_JSON, number};

/// Members that are much of an object, and the same in all that one controller makes from one template, and in one object
/// before and after most writes. In JSON a string that holds such a name has backslashes in it, so it is a member's.
const SHARED: [&[u8]; 5] =
    [b"\"fieldsV1\":{", b"\"containers\":[", b"\"volumes\":[", b"\"tolerations\":[", b"\"affinity\":{"];
/// What shorter texts would save is less than what sharing them costs, in bytes.
const SHORTEST: usize = 96;

/// Where these are: the outermost, where one is inside another.
pub fn parts(stored: &[u8]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = vec![];
    // The index before the JSON has strings as they are.
    let begin = number(stored, 1).filter(|_| stored[0] == PLAIN_JSON).map(|index| FIXED + index);
    let Some((begin, json)) = begin.and_then(|begin| Some((begin, stored.get(begin..)?))) else {
        return found;
    };
    for name in SHARED {
        let mut from = 0;
        while let Some(at) = memmem::find(&json[from..], name) {
            let start = from + at + name.len() - 1;
            let Some(length) = length(&json[start..]) else { break };
            if length >= SHORTEST {
                found.push(begin + start..begin + start + length);
            }
            from = start + length;
        }
    }
    found.sort_unstable_by_key(|range| range.start);
    let mut end = 0;
    found.retain(|range| {
        let outermost = range.start >= end;
        if outermost {
            end = range.end;
        }
        outermost
    });
    found
}

/// How long the JSON object or list is that begins here; `None` when it has no end.
fn length(json: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0_usize, 0);
    loop {
        match json.get(at)? {
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth <= 1 => return Some(at + 1),
            b'}' | b']' => depth -= 1,
            b'"' => {
                at += 1;
                loop {
                    match json.get(at)? {
                        b'"' => break,
                        b'\\' => at += 2,
                        _ => at += 1,
                    }
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn stored(index: &str, json: &str) -> Vec<u8> {
        let length = (index.len() as u32).to_le_bytes();
        [&[PLAIN_JSON][..], &length, &[0; 4], index.as_bytes(), json.as_bytes()].concat()
    }

    #[test]
    fn owned_fields_are_found_and_what_only_looks_like_them_is_not() {
        let long = "x".repeat(SHORTEST);
        let fields = json!({"f:a": {"k:{\"name\":\"} \\ {\"}": {}}, (long.clone()): {}});
        let object = json!({"a": "\"fieldsV1\":{", "l": [{"fieldsV1": fields, "m": 1}, {"fieldsV1": {"f:b": {}}},
            {"fieldsV1": "text"}, {"fieldsV1": {"z": {"fieldsV1": fields}}}]});
        let text = object.to_string();
        let index = format!("\"fieldsV1\":{fields}");
        for stored in [stored("", &text), stored(&index, &text)] {
            let found: Vec<&[u8]> = parts(&stored).into_iter().map(|range| &stored[range]).collect();
            let expected = [fields.to_string(), json!({"z": {"fieldsV1": fields}}).to_string()];
            assert_eq!(found, expected.map(String::into_bytes));
        }
    }

    #[test]
    fn templates_are_parts_and_what_is_inside_a_part_is_not_another() {
        let long = "x".repeat(SHORTEST);
        let containers = json!([{"name": long, "args": ["]}", "\"volumes\":["], "volumes": [long]}]);
        let volumes = json!([{"name": "v", "emptyDir": {"a": long}}]);
        let spec = json!({"affinity": {}, "containers": containers, "initContainers": containers, "volumes": volumes});
        let stored = stored("", &json!({"metadata": {"name": "a"}, "spec": {"template": {"spec": spec}}}).to_string());
        let found: Vec<&[u8]> = parts(&stored).into_iter().map(|range| &stored[range]).collect();
        let inner = json!([long]).to_string();
        // Nobody looks for init containers, whose inner parts are found, therefore.
        assert_eq!(found, [containers.to_string(), inner, volumes.to_string()].map(String::into_bytes));
    }

    #[test]
    fn what_is_cut_short_has_no_parts() {
        let text = format!("{{\"fieldsV1\":{{\"f:{}\\\"\":{{}}}}}}", "x".repeat(SHORTEST));
        let whole = stored("index", &text);
        assert_eq!(parts(&whole).len(), 1);
        for end in 0..whole.len() - 1 {
            assert!(parts(&whole[..end]).is_empty(), "{end}");
        }
    }
}
