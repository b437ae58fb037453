//! JSONPath templates as kubectl understands them: `{.items[*].metadata.name}`, `{range …}…{end}`, `{"\n"}`.
//!
//! `parse` turns text into a tree, `eval` walks an object with it. A missing key yields nothing.

mod eval;
mod parse;

use serde_json::Value;
use std::cmp::Ordering;

pub use eval::escape;

/// A text that is no template, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// A parsed template.
#[derive(Clone, Debug)]
pub struct Template(Vec<Node>);

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Path(Vec<Step>),
    Range(Vec<Step>, Vec<Node>),
}

#[derive(Clone, Debug)]
enum Step {
    /// `$`: the whole object again.
    Root,
    Field(String),
    Wildcard,
    /// `..`: this value and everything under it.
    Descend,
    /// `[from:to:step]`; an index is the slice of one.
    Slice {
        from: Option<i64>,
        to: Option<i64>,
        step: i64,
    },
    Index(i64),
    Union(Vec<Step>),
    Filter {
        left: Operand,
        test: Option<(Comparison, Operand)>,
    },
}

#[derive(Clone, Debug)]
enum Operand {
    Path(Vec<Step>),
    Literal(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Template {
    pub fn parse(text: &str) -> Result<Template, Error> {
        parse::template(text).map(Template).map_err(|detail| Error(format!("error parsing jsonpath {text}, {detail}")))
    }

    /// A lone path, with or without braces and the leading dot: `metadata.name`, `.metadata.name`, `{.metadata.name}`.
    pub fn parse_relaxed(text: &str) -> Result<Template, Error> {
        let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).unwrap_or(text);
        match inner.chars().next() {
            None => Err(Error("path expression is empty".to_owned())),
            Some('.' | '[' | '$' | '@') => Template::parse(&format!("{{{inner}}}")),
            Some(_) => Template::parse(&format!("{{.{inner}}}")),
        }
    }

    /// The template's text for `value`, without a final newline of its own.
    pub fn render(&self, value: &Value) -> String {
        let mut out = String::new();
        eval::nodes(&self.0, value, value, &mut out);
        out
    }

    /// The values that the template's paths find, its text left out.
    pub fn values<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        let paths = self.0.iter().filter_map(|node| match node {
            Node::Path(steps) => Some(eval::path(steps, value, value)),
            Node::Text(_) | Node::Range(..) => None,
        });
        paths.flatten().collect()
    }
}

/// The order of two objects by what a path finds first in them; what has nothing there comes first.
pub fn compare_first(path: &Template, a: &Value, b: &Value) -> Ordering {
    let first = |object| path.values(object).into_iter().next();
    match (first(a), first(b)) {
        (Some(a), Some(b)) => eval::compare(a, b).unwrap_or(Ordering::Equal),
        (a, b) => a.is_some().cmp(&b.is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::Template;
    use serde_json::json;

    #[track_caller]
    fn check(template: &str, expected: &str) {
        let value = json!({
            "kind": "List",
            "items": [
                {"metadata": {"name": "a", "labels": {"app.io/x": "1"}}, "n": 1, "ready": true},
                {"metadata": {"name": "b"}, "n": 5, "tags": ["x", "y", "z"]},
            ],
        });
        assert_eq!(Template::parse(template).expect(template).render(&value), expected, "{template}");
    }

    #[test]
    fn templates_print_what_kubectl_prints() {
        check("{.kind}", "List");
        check("{$.kind}", "List");
        check("{.items[*].metadata.name}", "a b");
        check("{.items[0].metadata.name}", "a");
        check("{.items[-1:].metadata.name}", "b");
        check("{.items[-1].metadata.name}", "b");
        check("{.items[0:2].n}", "1 5");
        check("{.items[1].tags[0,2]}", "x z");
        check("{.items[1].tags[::2]}", "x z");
        check("{..name}", "a b");
        check("{.items[0].metadata.labels.app\\.io/x}", "1");
        check("{.items[0].metadata.labels['app\\.io/x']}", "1");
        check("{.items[0]['metadata.name','n']}", "a 1");
        check("{.items[?(@.metadata.name==\"b\")].n}", "5");
        check("{.items[?(@.n>3)].metadata.name}", "b");
        check("{.items[?(@.ready)].metadata.name}", "a");
        check("{.items[?(@.ready==true)].metadata.name}", "a");
        check("{range .items[*]}{.metadata.name}{\"\\t\"}{.n}{\"\\n\"}{end}", "a\t1\nb\t5\n");
        check("names: {.items[*].metadata.name}\n", "names: a b\n");
        check("{.items[0].metadata}", "{\"labels\":{\"app.io/x\":\"1\"},\"name\":\"a\"}");
        check("{.missing.key}", "");
    }

    #[test]
    fn a_broken_template_is_an_error() {
        for template in ["{.a", "{range .a}", "{end}", "{.a[}", "{.a[?(@.b==)]}"] {
            assert!(Template::parse(template).is_err(), "{template}");
        }
    }

    #[test]
    fn a_relaxed_path_needs_neither_braces_nor_dot() {
        let value = json!({"status": {"phase": "Running"}});
        for path in ["status.phase", ".status.phase", "{.status.phase}", "{status.phase}"] {
            assert_eq!(Template::parse_relaxed(path).expect(path).render(&value), "Running");
        }
    }
}
