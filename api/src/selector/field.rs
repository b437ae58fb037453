//! Selectors by field.

use std::borrow::Cow;
use std::fmt;

use super::SelectorError;

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
