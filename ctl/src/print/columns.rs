//! `-o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName`: a header and a path a column.

use super::tabwriter::{self, TABLE};
use crate::error::Error;
use serde_json::Value;
use timonier_api::jsonpath::Template;

/// The parsed specification.
#[derive(Clone, Debug)]
pub struct Columns(Vec<(String, Template)>);

impl Columns {
    pub fn parse(spec: &str) -> Result<Columns, Error> {
        let column = |part: &str| match part.split_once(':') {
            Some((header, path)) => Ok((header.to_string(), Template::parse_relaxed(path)?)),
            None => {
                Err(Error::usage(format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>")))
            }
        };
        spec.split(',').map(column).collect::<Result<_, _>>().map(Columns)
    }

    /// A file with the headers on the first line and the paths on the second.
    pub fn parse_file(text: &str) -> Result<Columns, Error> {
        let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let (headers, paths) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        if headers.is_empty() || headers.len() != paths.len() {
            return Err(Error::usage(format!(
                "number of headers ({}) and field specifications ({}) don't match",
                headers.len(),
                paths.len()
            )));
        }
        let column = |(header, path): (&str, &str)| Ok((header.to_string(), Template::parse_relaxed(path)?));
        headers.into_iter().zip(paths).map(column).collect::<Result<_, _>>().map(Columns)
    }

    pub fn render<'a>(&self, objects: impl IntoIterator<Item = &'a Value>, headers: bool) -> String {
        let mut text = String::new();
        if headers {
            let names: Vec<&str> = self.0.iter().map(|(header, _)| header.as_str()).collect();
            text.push_str(&(names.join("\t") + "\n"));
        }
        for object in objects {
            let cells: Vec<String> = self.0.iter().map(|(_, path)| cell(path, object)).collect();
            text.push_str(&(cells.join("\t") + "\n"));
        }
        tabwriter::align(&text, TABLE)
    }
}

fn cell(path: &Template, object: &Value) -> String {
    let found: Vec<String> = path.values(object).into_iter().map(shown).collect();
    if found.is_empty() { "<none>".into() } else { found.join(",") }
}

/// Maps and lists as Go prints them: `map[a:1 b:2]`, `[1 2]`.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| format!("{key}:{}", shown(value)));
            format!("map[{}]", pairs.collect::<Vec<_>>().join(" "))
        }
        Value::Null => "<nil>".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::Columns;
    use serde_json::json;

    #[test]
    fn missing_values_are_none_and_several_are_joined() {
        let columns = Columns::parse("NAME:.metadata.name,IPS:.ips[*],X:x").expect("a specification");
        let objects = [json!({"metadata": {"name": "a"}, "ips": ["1", "2"]})];
        assert_eq!(columns.render(&objects, true), "NAME   IPS   X\na      1,2   <none>\n");
    }

    #[test]
    fn a_column_without_a_path_is_refused() {
        let error = Columns::parse("NAME").expect_err("no path");
        assert_eq!(error.report(), "error: unexpected custom-columns spec: NAME, expected <header>:<json-path-expr>");
    }
}
