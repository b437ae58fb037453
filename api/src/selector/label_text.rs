//! Reads a label selector's text.

use super::{Operator, Requirement, SelectorError};

/// The requirements in `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`, in that order.
pub fn parse(text: &str) -> Result<Vec<Requirement>, SelectorError> {
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
    Ok(requirements)
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
