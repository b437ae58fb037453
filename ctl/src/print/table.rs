//! Tables: what the server answers to `as=Table`, printed in kubectl's columns.

use super::tabwriter::{self, TABLE};
use serde::Deserialize;
use serde_json::Value;

/// A `meta.k8s.io/v1` Table, or one event's part of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Table {
    pub metadata: ListMeta,
    pub column_definitions: Vec<Column>,
    #[serde(deserialize_with = "null_is_empty")]
    pub rows: Vec<Row>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ListMeta {
    pub resource_version: String,
    #[serde(rename = "continue")]
    pub continue_token: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Column {
    pub name: String,
    /// Above 0: only with `-o wide`.
    pub priority: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Row {
    pub cells: Vec<Value>,
    /// The object, or its metadata only.
    pub object: Value,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Row>, D::Error> {
    Option::<Vec<Row>>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// What to show besides the server's columns.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub wide: bool,
    pub headers: bool,
    /// A first column with the namespace.
    pub namespace: bool,
    /// Put before each name with a slash: `deployment.apps`.
    pub kind: Option<String>,
    pub show_labels: bool,
    /// `-L`: a column for each of these labels.
    pub label_columns: Vec<String>,
    /// A first column with the type of change, for `--output-watch-events`.
    pub event: Option<String>,
}

/// Prints tables one after the other under one header; remembers column widths between them.
#[derive(Debug, Default)]
pub struct Printer {
    options: Options,
    widths: Vec<usize>,
    columns: Vec<Column>,
    headers_printed: bool,
}

impl Printer {
    pub fn new(options: Options) -> Printer {
        Printer { options, ..Printer::default() }
    }

    /// The text of a further table. The server sends column definitions with the first event of a watch only.
    pub fn print(&mut self, table: &Table) -> String {
        if !table.column_definitions.is_empty() {
            self.columns.clone_from(&table.column_definitions);
        }
        let mut text = String::new();
        if self.options.headers && !std::mem::replace(&mut self.headers_printed, true) {
            push_line(&mut text, self.header());
        }
        for row in &table.rows {
            push_line(&mut text, self.row(row));
        }
        tabwriter::align_remembering(&text, TABLE, &mut self.widths)
    }

    /// As [`print`](Printer::print), for one event of a watch.
    pub fn print_event(&mut self, event: &str, table: &Table) -> String {
        if self.options.event.is_some() {
            self.options.event = Some(event.to_string());
        }
        self.print(table)
    }

    fn shown(&self) -> impl Iterator<Item = (usize, &Column)> {
        let wide = self.options.wide;
        self.columns.iter().enumerate().filter(move |(_, column)| wide || column.priority == 0)
    }

    fn header(&self) -> Vec<String> {
        let mut cells = Vec::new();
        cells.extend(self.options.event.as_ref().map(|_| "EVENT".to_string()));
        cells.extend(self.options.namespace.then(|| "NAMESPACE".to_string()));
        cells.extend(self.shown().map(|(_, column)| column.name.to_uppercase()));
        let labels = self.options.label_columns.iter();
        cells.extend(labels.map(|label| label.rsplit('/').next().unwrap_or(label).to_uppercase()));
        cells.extend(self.options.show_labels.then(|| "LABELS".to_string()));
        cells
    }

    fn row(&self, row: &Row) -> Vec<String> {
        let metadata = &row.object["metadata"];
        let mut cells = Vec::new();
        cells.extend(self.options.event.clone());
        if self.options.namespace {
            cells.push(metadata["namespace"].as_str().unwrap_or_default().to_string());
        }
        let null = Value::Null;
        let shown = self.shown().map(|(index, _)| (index, row.cells.get(index).unwrap_or(&null)));
        cells.extend(shown.map(|(index, value)| match (&self.options.kind, index) {
            (Some(kind), 0) => format!("{kind}/{}", cell(value)),
            _ => cell(value),
        }));
        let label = |key: &String| metadata["labels"][key].as_str().unwrap_or_default().to_string();
        cells.extend(self.options.label_columns.iter().map(label));
        cells.extend(self.options.show_labels.then(|| labels(&metadata["labels"])));
        cells
    }
}

fn push_line(text: &mut String, cells: Vec<String>) {
    text.push_str(&cells.join("\t"));
    text.push('\n');
}

/// One line, nothing that a terminal would obey.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => match text.find(['\n', '\r', '\u{c}']) {
            Some(end) => escape(&text[..end]) + "...",
            None => escape(text),
        },
        other => other.to_string(),
    }
}

fn escape(text: &str) -> String {
    text.replace('\u{1b}', "^[").replace('\r', "\\r").replace('\t', " ")
}

/// `a=1,b=2`, or `<none>`.
pub fn labels(labels: &Value) -> String {
    match labels.as_object() {
        Some(map) if !map.is_empty() => {
            let pairs = map.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()));
            pairs.collect::<Vec<_>>().join(",")
        }
        _ => "<none>".into(),
    }
}

/// A table made here, for objects that did not come as one: name and age.
pub fn generic(objects: &[Value], now: jiff::Timestamp) -> Table {
    let column = |name: &str| Column { name: name.into(), priority: 0 };
    let row = |object: &Value| Row {
        cells: vec![
            object["metadata"]["name"].clone(),
            super::age::since(&object["metadata"]["creationTimestamp"], now).into(),
        ],
        object: object.clone(),
    };
    Table {
        column_definitions: vec![column("Name"), column("Age")],
        rows: objects.iter().map(row).collect(),
        ..Table::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pods() -> Table {
        let metadata =
            json!({"metadata": {"name": "web-1", "namespace": "shop", "labels": {"app": "web", "x/tier": "1"}}});
        serde_json::from_value(json!({
            "columnDefinitions": [{"name": "Name", "priority": 0}, {"name": "Ready"}, {"name": "IP", "priority": 1}],
            "rows": [
                {"cells": ["web-1", "1/1", "10.0.0.1"], "object": metadata},
                {"cells": ["db-with-a-long-name", "0/1", null], "object": {"metadata": {"namespace": "shop"}}},
            ],
        }))
        .expect("a table")
    }

    fn render(options: Options) -> String {
        Printer::new(options).print(&pods())
    }

    #[test]
    fn wide_columns_show_when_asked_for() {
        let plain = Options { headers: true, ..Options::default() };
        assert_eq!(
            render(plain.clone()),
            "NAME                  READY\nweb-1                 1/1\ndb-with-a-long-name   0/1\n"
        );
        let wide = render(Options { wide: true, ..plain });
        assert!(wide.starts_with("NAME                  READY   IP\n"), "{wide}");
    }

    #[test]
    fn namespace_kind_and_labels_are_columns_around_the_servers() {
        let text = render(Options {
            headers: true,
            namespace: true,
            kind: Some("pod".into()),
            show_labels: true,
            label_columns: vec!["x/tier".into()],
            ..Options::default()
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_watchs_rows_stay_under_the_header_that_is_printed_once() {
        let mut printer = Printer::new(Options { headers: true, ..Options::default() });
        let mut text = printer.print(&pods());
        let mut next = pods();
        next.column_definitions.clear();
        next.rows.truncate(1);
        text.push_str(&printer.print(&next));
        assert_eq!(text.lines().last(), Some("web-1                 1/1"));
        assert_eq!(text.matches("NAME").count(), 1);
    }

    #[test]
    fn a_cell_is_one_line_and_never_moves_the_cursor() {
        assert_eq!(cell(&json!("a\nb")), "a...");
        assert_eq!(cell(&json!("\u{1b}[31m")), "^[[31m");
        assert_eq!(cell(&json!(3)), "3");
    }
}
