//! JSON as kubectl prints it: four spaces, sorted keys, and the characters that HTML minds escaped.

use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};
use timonier_api::jsonpath::escape;

/// Ends in a newline.
pub fn render(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    // A `Value` has string keys only and the sink is memory, so neither side can fail.
    let _ = serde::Serialize::serialize(value, &mut serializer);
    let mut text = escape(&String::from_utf8_lossy(&bytes));
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn json_is_indented_by_four_and_escapes_markup() {
        let text = super::render(&json!({"b": ["<x>"], "a": {}}));
        assert_eq!(text, "{\n    \"a\": {},\n    \"b\": [\n        \"\\u003cx\\u003e\"\n    ]\n}\n");
    }
}
