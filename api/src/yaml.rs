//! YAML, read as kubectl reads it (YAML 1.1 booleans and octals) and written so that any reader agrees on it.
//!
//! The only module that knows which YAML library there is.

use serde_json::{Map, Value};
use serde_saphyr::{DuplicateKeyPolicy, Options, SerializerOptions};
use thiserror::Error;

/// A document that is no YAML. Names what a person needs to find it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{source_name}: document {document}, line {line}: {message}")]
pub struct YamlError {
    /// File name, URL, or `-`.
    pub source_name: String,
    /// From 1, in the order of the file.
    pub document: usize,
    /// From 1, in the whole file.
    pub line: usize,
    pub message: String,
}

fn reading() -> Options {
    let mut options = Options::default();
    options.duplicate_keys = DuplicateKeyPolicy::Error;
    options.legacy_octal_numbers = true;
    options.with_snippet = false;
    options
}

fn writing() -> SerializerOptions {
    let mut options = SerializerOptions::default();
    options.compact_list_indent = true;
    options.indent_step = 2;
    options.prefer_block_scalars = true;
    options.yaml_12 = false;
    options
}

/// All documents of a file; those that hold nothing but comments are left out. JSON is YAML, too.
pub fn parse_documents(text: &str, source_name: &str) -> Result<Vec<Value>, YamlError> {
    parse_with(text, source_name, &reading())
}

/// The same, but the last of several equal keys in a mapping holds, and the first that came twice is told of.
pub fn parse_forgiving(text: &str, source_name: &str) -> Result<(Vec<Value>, Option<YamlError>), YamlError> {
    let strict = match parse_documents(text, source_name) {
        Ok(values) => return Ok((values, None)),
        Err(error) => error,
    };
    let mut options = reading();
    options.duplicate_keys = DuplicateKeyPolicy::LastWins;
    // Where that changes nothing, it is something else that is wrong.
    match parse_with(text, source_name, &options) {
        Ok(values) => Ok((values, Some(strict))),
        Err(_) => Err(strict),
    }
}

fn parse_with(text: &str, source_name: &str, options: &Options) -> Result<Vec<Value>, YamlError> {
    let mut values = vec![];
    for (index, (first_line, document)) in split(text).into_iter().enumerate() {
        let value: Option<Value> =
            serde_saphyr::from_str_with_options(&document, options.clone()).map_err(|error| YamlError {
                source_name: source_name.to_owned(),
                document: index + 1,
                line: first_line + error.location().map_or(0, |at| at.line() as usize).max(1) - 1,
                message: first_sentence(&error.to_string()),
            })?;
        match value {
            None | Some(Value::Null) => {}
            Some(value) => values.push(value),
        }
    }
    Ok(values)
}

/// The message without the position, which is told beside it.
fn first_sentence(message: &str) -> String {
    let line = message.lines().next().unwrap_or("").trim();
    let line = match line.strip_prefix("error: line ") {
        Some(rest) => rest.split_once(": ").map_or(line, |(_, message)| message),
        None => line,
    };
    // How a program would allow it is nothing that a person can do.
    let line = line.split_once(", set DuplicateKeyPolicy").map_or(line, |(message, _)| message);
    match line.rfind(" at line ") {
        Some(end) => line[..end].to_owned(),
        None => line.to_owned(),
    }
}

/// The documents of a stream, each with the number (from 1) of the line it starts on.
fn split(text: &str) -> Vec<(usize, String)> {
    let mut documents = vec![(1, String::new())];
    for (i, line) in text.split_inclusive('\n').enumerate() {
        let line = if i == 0 { line.trim_start_matches('\u{feff}') } else { line };
        let after =
            line.strip_prefix("---").filter(|rest| rest.is_empty() || rest.starts_with(|c: char| c.is_whitespace()));
        match after {
            // What follows the marker on its own line belongs to the document: `--- {a: b}`.
            Some(rest) => documents.push((i + 1, format!("   {rest}"))),
            None => {
                if let Some((_, document)) = documents.last_mut() {
                    document.push_str(line);
                }
            }
        }
    }
    let is_blank = |text: &str| {
        text.lines().all(|line| {
            let line = line.trim();
            line.is_empty() || line.starts_with('#')
        })
    };
    documents.retain(|(_, document)| !is_blank(document));
    documents
}

/// One document, as kubectl prints it: sorted keys, lists not indented, a newline at the end.
pub fn to_string(value: &Value) -> String {
    match serde_saphyr::to_string_with_options(value, writing()) {
        Ok(text) => text,
        // JSON is YAML: better an ugly document than none.
        Err(_) => format!("{value}\n"),
    }
}

/// Several documents in one stream, with `---` between them.
pub fn to_documents(values: &[Value]) -> String {
    let documents: Vec<String> = values.iter().map(to_string).collect();
    documents.join("---\n")
}

/// The mapping that a document is, or what it is instead.
pub fn as_mapping(value: Value) -> Result<Map<String, Value>, &'static str> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Array(_) => Err("a list"),
        Value::String(_) => Err("a string"),
        Value::Number(_) => Err("a number"),
        Value::Bool(_) => Err("a boolean"),
        Value::Null => Err("nothing"),
    }
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
