//! YAML as kubectl prints it, byte for byte: block style, lists not indented under their key, strings plain where they
//! read back as strings, text with line breaks as literal blocks, long text folded after 80 columns.
//!
//! `scalar` decides how a string is written and writes it; this file walks the value.

mod order;
mod scalar;

use serde_json::Value;

/// Ends in a newline.
pub fn render(value: &Value) -> String {
    let mut writer = Writer { out: String::new(), column: 0 };
    match value {
        Value::Object(map) if !map.is_empty() => writer.mapping(map, 0, true),
        Value::Array(items) if !items.is_empty() => writer.sequence(items, 0, true),
        scalar => {
            writer.leaf(scalar, 0);
            writer.newline();
        }
    }
    writer.out
}

/// Text so far and the column in which the next character lands.
struct Writer {
    out: String,
    column: usize,
}

impl Writer {
    fn put(&mut self, text: &str) {
        self.out.push_str(text);
        self.column += text.chars().count();
    }

    fn newline(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// A new line whose text starts after `indent` spaces.
    fn break_line(&mut self, indent: usize) {
        self.newline();
        self.indent(indent);
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
        self.column += indent;
    }

    /// `at_place`: the cursor already stands where the first key goes (after `- `, or at the start of the text).
    fn mapping(&mut self, map: &serde_json::Map<String, Value>, indent: usize, mut at_place: bool) {
        let mut keys: Vec<&String> = map.keys().collect();
        keys.sort_by(|a, b| order::natural(a, b));
        for key in keys {
            if !std::mem::take(&mut at_place) {
                self.indent(indent);
            }
            if scalar::fits_simple_key(key) {
                scalar::write_key(self, key);
            } else {
                self.put("? ");
                scalar::write(self, key, indent + 2);
                self.break_line(indent);
            }
            self.put(":");
            self.value(&map[key], indent);
        }
    }

    /// What follows a key's colon.
    fn value(&mut self, value: &Value, indent: usize) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                self.newline();
                self.mapping(map, indent + 2, false);
            }
            Value::Array(items) if !items.is_empty() => {
                self.newline();
                self.sequence(items, indent, false);
            }
            leaf => {
                self.put(" ");
                self.leaf(leaf, indent + 2);
                self.newline();
            }
        }
    }

    fn sequence(&mut self, items: &[Value], indent: usize, mut at_place: bool) {
        for item in items {
            if !std::mem::take(&mut at_place) {
                self.indent(indent);
            }
            self.put("- ");
            match item {
                Value::Object(map) if !map.is_empty() => self.mapping(map, indent + 2, true),
                Value::Array(items) if !items.is_empty() => self.sequence(items, indent + 2, true),
                leaf => {
                    self.leaf(leaf, indent + 2);
                    self.newline();
                }
            }
        }
    }

    /// A value without children; `indent` is where a continued line starts.
    fn leaf(&mut self, value: &Value, indent: usize) {
        match value {
            Value::String(text) => scalar::write(self, text, indent),
            Value::Object(_) => self.put("{}"),
            Value::Array(_) => self.put("[]"),
            other => self.put(&other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::render;
    use serde_json::json;

    #[track_caller]
    fn check(value: serde_json::Value, yaml: &str) {
        assert_eq!(render(&value), yaml);
    }

    #[test]
    fn maps_and_lists_nest_as_in_kubectl() {
        check(
            json!({"spec": {"containers": [{"name": "a", "args": ["x"], "ports": []}], "nested": [[1, 2], {}]}}),
            "spec:\n  containers:\n  - args:\n    - x\n    name: a\n    ports: []\n  nested:\n  - - 1\n    - 2\n  - {}\n",
        );
    }

    #[test]
    fn strings_that_would_read_as_something_else_are_quoted() {
        for text in
            ["true", "no", "y", "1", "1.5", "0x1f", "1e3", "null", "~", "", "2024-01-02T03:04:05Z", "1_000", "12:30:45"]
        {
            check(json!({"k": text}), &format!("k: \"{text}\"\n"));
        }
        for text in ["web", "10.0.0.1", "5m", "a:b", "1Gi", "v1", "-x", "100m", "a#b"] {
            check(json!({"k": text}), &format!("k: {text}\n"));
        }
        for text in ["a: b", "# x", "- x", "*x", "{x}", "x ", "a #b", "%x", "@x", ": x"] {
            check(json!({"k": text}), &format!("k: '{text}'\n"));
        }
        check(json!({"k": "'tis"}), "k: '''tis'\n");
        check(json!({"k": "a\tb"}), "k: \"a\\tb\"\n");
    }

    #[test]
    fn line_breaks_make_a_literal_block() {
        check(json!({"data": {"a": "x\ny\n"}}), "data:\n  a: |\n    x\n    y\n");
        check(json!({"data": {"a": "x\n\ny"}}), "data:\n  a: |-\n    x\n\n    y\n");
        check(json!({"data": {"a": "x\n\n"}}), "data:\n  a: |+\n    x\n\n");
        check(json!({"data": {"a": "  x\ny"}}), "data:\n  a: |2-\n      x\n    y\n");
        check(json!({"data": {"a": "x \ny"}}), "data:\n  a: \"x \\ny\"\n");
    }

    #[test]
    fn long_text_is_folded_after_80_columns() {
        let words =
            "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports. No preemption.";
        check(
            json!({"status": {"message": words}}),
            "status:\n  message: '0/3 nodes are available: 3 node(s) didn''t have free ports for the requested\n    pod ports. No preemption.'\n",
        );
    }

    #[test]
    fn keys_sort_numbers_by_value() {
        check(json!({"a10": 1, "a2": 2, "b": 3, "a-b": 4}), "a-b: 4\na2: 2\na10: 1\nb: 3\n");
    }
}
