//! Label and field selectors: which objects a list, a watch or a controller means.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use thiserror::Error;

use crate::field::quote;
use crate::names;

/// All requirements must hold; none at all selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub key: String,
    pub operator: Operator,
    /// Sorted; one for `Gt` and `Lt`, none for `Exists` and `DoesNotExist`.
    pub values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
    Gt,
    Lt,
}

/// Why a text or a typed selector is none.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectorError {
    #[error("found '{found}', expected: {expected}")]
    Syntax { found: String, expected: &'static str },
    #[error("key: Invalid value: {}: {message}", quote(.key))]
    Key { key: String, message: String },
    #[error("values[{index}][{key}]: Invalid value: {}: {message}", quote(.value))]
    Value { index: usize, key: String, value: String, message: String },
    #[error("for 'in', 'notin' operators, values set can't be empty")]
    NoValues,
    #[error("values set must be empty for exists and does not exist")]
    ValuesOfExists,
    #[error("{} is not a valid label selector operator", quote(.0))]
    Operator(String),
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Field { selector: String, term: String },
}

impl Requirement {
    pub fn new(
        key: impl Into<String>,
        operator: Operator,
        mut values: Vec<String>,
    ) -> Result<Requirement, SelectorError> {
        let key = key.into();
        if let Some(message) = names::qualified_name(&key).into_iter().next() {
            return Err(SelectorError::Key { key, message });
        }
        let value_error = |index: usize, value: &str, message: String| SelectorError::Value {
            index,
            key: key.clone(),
            value: value.to_owned(),
            message,
        };
        match operator {
            Operator::In | Operator::NotIn if values.is_empty() => {
                return Err(SelectorError::NoValues);
            }
            Operator::Exists | Operator::DoesNotExist if !values.is_empty() => {
                return Err(SelectorError::ValuesOfExists);
            }
            Operator::Gt | Operator::Lt => {
                let number = values.first().map_or("", |v| v.as_str());
                if values.len() != 1 || number.parse::<i64>().is_err() {
                    let message = "for 'Gt', 'Lt' operators, the value must be an integer";
                    return Err(value_error(0, number, message.to_owned()));
                }
            }
            _ => {}
        }
        for (index, value) in values.iter().enumerate() {
            if let Some(message) = names::label_value(value).into_iter().next() {
                return Err(value_error(index, value, message));
            }
        }
        values.sort();
        values.dedup();
        Ok(Requirement { key, operator, values })
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let value = labels.get(&self.key);
        let among = || value.is_some_and(|value| self.values.contains(value));
        let number = |text: &str| text.parse::<i64>().ok();
        let compared = || {
            let left = value.and_then(|v| number(v))?;
            let right = self.values.first().and_then(|v| number(v))?;
            Some(left.cmp(&right))
        };
        match self.operator {
            Operator::In => among(),
            Operator::NotIn => !among(),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::Gt => compared() == Some(std::cmp::Ordering::Greater),
            Operator::Lt => compared() == Some(std::cmp::Ordering::Less),
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match (self.operator, self.values.as_slice()) {
            (Operator::In, [only]) => write!(f, "{key}={only}"),
            (Operator::NotIn, [only]) => write!(f, "{key}!={only}"),
            (Operator::In, values) => write!(f, "{key} in ({})", values.join(",")),
            (Operator::NotIn, values) => write!(f, "{key} notin ({})", values.join(",")),
            (Operator::Exists, _) => f.write_str(key),
            (Operator::DoesNotExist, _) => write!(f, "!{key}"),
            (Operator::Gt, values) => write!(f, "{key}>{}", values.join(",")),
            (Operator::Lt, values) => write!(f, "{key}<{}", values.join(",")),
        }
    }
}

impl LabelSelector {
    /// Selects everything.
    pub fn everything() -> LabelSelector {
        LabelSelector::default()
    }

    pub fn new(requirements: Vec<Requirement>) -> LabelSelector {
        let mut selector = LabelSelector(requirements);
        selector.0.sort_by(|a, b| a.key.cmp(&b.key));
        selector
    }

    /// Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
    pub fn parse(text: &str) -> Result<LabelSelector, SelectorError> {
        let mut parser = Parser(text.trim());
        let mut requirements = vec![];
        while !parser.0.is_empty() {
            requirements.push(parser.requirement()?);
            match parser.0.strip_prefix(',') {
                Some(rest) => {
                    parser.0 = rest.trim_start();
                    if rest.trim().is_empty() {
                        return Err(parser.unexpected("identifier after ','"));
                    }
                }
                None if parser.0.is_empty() => break,
                None => return Err(parser.unexpected("',' or 'end of string'")),
            }
        }
        Ok(LabelSelector::new(requirements))
    }

    /// From the selector of a Deployment or ReplicaSet. One without any condition selects everything.
    pub fn from_typed(typed: &meta::LabelSelector) -> Result<LabelSelector, SelectorError> {
        let mut requirements = vec![];
        for (key, value) in typed.match_labels.iter().flatten() {
            requirements.push(Requirement::new(key, Operator::In, vec![value.clone()])?);
        }
        for expression in typed.match_expressions.iter().flatten() {
            let operator = match &*expression.operator {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(SelectorError::Operator(other.to_owned())),
            };
            let values = expression.values.clone().unwrap_or_default();
            requirements.push(Requirement::new(&*expression.key, operator, values)?);
        }
        Ok(LabelSelector::new(requirements))
    }

    /// Labels that must all be there with these values.
    pub fn from_labels(labels: &BTreeMap<String, String>) -> LabelSelector {
        LabelSelector(
            labels
                .iter()
                .map(|(key, value)| Requirement {
                    key: key.clone(),
                    operator: Operator::In,
                    values: vec![value.clone()],
                })
                .collect(),
        )
    }

    pub fn requirements(&self) -> &[Requirement] {
        &self.0
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }
}

/// The form that [`LabelSelector::parse`] reads.
impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, requirement) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            requirement.fmt(f)?;
        }
        Ok(())
    }
}

/// What is left of a label selector's text; never starts with a space.
struct Parser<'a>(&'a str);

impl<'a> Parser<'a> {
    fn unexpected(&self, expected: &'static str) -> SelectorError {
        SelectorError::Syntax { found: self.0.chars().take(32).collect(), expected }
    }

    /// A key, a value or a word operator: everything up to a space or a special character.
    fn word(&mut self) -> &'a str {
        let special = |c: char| c.is_whitespace() || "=!(),<>".contains(c);
        let end = self.0.find(special).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest.trim_start();
        word
    }

    fn take(&mut self, token: &str) -> bool {
        match self.0.strip_prefix(token) {
            Some(rest) => {
                self.0 = rest.trim_start();
                true
            }
            None => false,
        }
    }

    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        if self.take("!") {
            let key = self.word();
            if key.is_empty() {
                return Err(self.unexpected("identifier"));
            }
            return Requirement::new(key, Operator::DoesNotExist, vec![]);
        }
        let key = self.word();
        if key.is_empty() {
            return Err(self.unexpected("!, identifier, or 'end of string'"));
        }
        if self.0.is_empty() || self.0.starts_with(',') {
            return Requirement::new(key, Operator::Exists, vec![]);
        }
        for (token, operator) in [
            ("!=", Operator::NotIn),
            ("==", Operator::In),
            ("=", Operator::In),
            (">", Operator::Gt),
            ("<", Operator::Lt),
        ] {
            if self.take(token) {
                let value = self.word().to_owned();
                return Requirement::new(key, operator, vec![value]);
            }
        }
        let before = Parser(self.0);
        let operator = match self.word() {
            "in" => Operator::In,
            "notin" => Operator::NotIn,
            _ => return Err(before.unexpected("in, notin, =, ==, !=, gt, lt")),
        };
        let values = self.values()?;
        Requirement::new(key, operator, values)
    }

    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        if !self.take("(") {
            return Err(self.unexpected("'('"));
        }
        let mut values = vec![];
        loop {
            values.push(self.word().to_owned());
            if self.take(")") {
                // `()` has no value at all; `(,a)` has the empty one.
                if values == [""] {
                    values.clear();
                }
                return Ok(values);
            }
            if !self.take(",") {
                return Err(self.unexpected("',' or ')'"));
            }
        }
    }
}

/// Conditions on fields, as in `spec.nodeName=n1,metadata.name!=web`. All must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<FieldRequirement>);

/// `field` has `value`, or (`equal` false) has another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRequirement {
    pub field: String,
    pub equal: bool,
    pub value: String,
}

impl FieldSelector {
    /// Reads `a=b,c==d,e!=f`; in values `\,`, `\=` and `\\` stand for themselves.
    pub fn parse(text: &str) -> Result<FieldSelector, SelectorError> {
        let mut requirements = vec![];
        for term in split_terms(text).into_iter().filter(|t| !t.is_empty()) {
            let requirement = parse_term(term)
                .ok_or_else(|| SelectorError::Field { selector: text.to_owned(), term: term.to_owned() })?;
            requirements.push(requirement);
        }
        Ok(FieldSelector(requirements))
    }

    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.0
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `value_of` answers with a field's value; a field that is missing is empty.
    pub fn matches<'v>(&self, value_of: impl Fn(&str) -> Cow<'v, str>) -> bool {
        self.0.iter().all(|r| (value_of(&r.field) == r.value) == r.equal)
    }

    /// The value that `field` must have, if the selector says so.
    pub fn required_value(&self, field: &str) -> Option<&str> {
        let same = |r: &&FieldRequirement| r.equal && r.field == field;
        self.0.iter().find(same).map(|r| &*r.value)
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, r) in self.0.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            let operator = if r.equal { "=" } else { "!=" };
            write!(f, "{comma}{}{operator}", r.field)?;
            for c in r.value.chars() {
                if matches!(c, ',' | '=' | '\\') {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

/// Splits at commas that no backslash escapes.
fn split_terms(text: &str) -> Vec<&str> {
    let mut terms = vec![];
    let (mut start, mut escaped) = (0, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            ',' => {
                terms.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    terms.push(&text[start..]);
    terms
}

fn parse_term(term: &str) -> Option<FieldRequirement> {
    let at = term.find(['=', '!'])?;
    let (field, rest) = term.split_at(at);
    let (equal, value) = if let Some(value) = rest.strip_prefix("!=") {
        (false, value)
    } else if let Some(value) = rest.strip_prefix("==") {
        (true, value)
    } else {
        (true, rest.strip_prefix('=')?)
    };
    Some(FieldRequirement { field: field.to_owned(), equal, value: unescape(value)? })
}

/// `None` for a bare `=` or a backslash before anything but itself, a comma or `=`.
fn unescape(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next().filter(|c| matches!(c, '\\' | ',' | '='))?),
            '=' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}

#[cfg(test)]
#[path = "selector_tests.rs"]
mod tests;
