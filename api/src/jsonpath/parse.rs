//! Text to tree. Errors are a phrase that follows "error parsing jsonpath …, ".

use super::{Comparison, Node, Operand, Step};
use serde_json::Value;

pub(super) fn template(text: &str) -> Result<Vec<Node>, String> {
    let mut parser = Parser { chars: text.chars().collect(), at: 0 };
    let nodes = parser.nodes(false)?;
    Ok(nodes)
}

struct Parser {
    chars: Vec<char>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = self.chars[self.at..].iter().copied().take(word.len()).eq(word.chars());
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        match self.take(c) {
            true => Ok(()),
            false => Err(format!("expected {c:?} at character {}", self.at + 1)),
        }
    }

    fn spaces(&mut self) {
        while self.take(' ') {}
    }

    /// Up to the end of the text or, in a range, its `{end}`.
    fn nodes(&mut self, in_range: bool) -> Result<Vec<Node>, String> {
        let mut nodes = Vec::new();
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c != '{' {
                text.push(c);
                continue;
            }
            if !text.is_empty() {
                nodes.push(Node::Text(std::mem::take(&mut text)));
            }
            if self.action(&mut nodes)? {
                return if in_range { Ok(nodes) } else { Err("not in range, nothing to end".into()) };
            }
        }
        if in_range {
            return Err("unexpected end of text, missing {end}".into());
        }
        if !text.is_empty() {
            nodes.push(Node::Text(text));
        }
        Ok(nodes)
    }

    /// What stands between braces; true for `{end}`.
    fn action(&mut self, nodes: &mut Vec<Node>) -> Result<bool, String> {
        loop {
            self.spaces();
            match self.peek() {
                None => return Err("unclosed action".into()),
                Some('}') => {
                    self.at += 1;
                    return Ok(false);
                }
                Some('"' | '\'') => nodes.push(Node::Text(self.quoted()?)),
                Some(_) if self.take_word("end") => {
                    self.spaces();
                    self.expect('}')?;
                    return Ok(true);
                }
                Some(_) if self.take_word("range") => {
                    self.spaces();
                    let steps = self.path()?;
                    self.spaces();
                    self.expect('}')?;
                    nodes.push(Node::Range(steps, self.nodes(true)?));
                    return Ok(false);
                }
                Some(_) => nodes.push(Node::Path(self.path()?)),
            }
        }
    }

    /// A string in quotes with Go's escapes.
    fn quoted(&mut self) -> Result<String, String> {
        let quote = self.peek();
        self.at += 1;
        let mut text = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                c if Some(c) == quote => return Ok(text),
                '\\' => {
                    let escaped = self.peek().ok_or("unterminated quoted string")?;
                    self.at += 1;
                    text.push(match escaped {
                        'n' => '\n',
                        't' => '\t',
                        'r' => '\r',
                        other => other,
                    });
                }
                c => text.push(c),
            }
        }
        Err("unterminated quoted string".into())
    }

    fn path(&mut self) -> Result<Vec<Step>, String> {
        let mut steps = Vec::new();
        let start = self.at;
        if self.take('$') {
            steps.push(Step::Root);
        } else {
            self.take('@');
        }
        loop {
            match self.peek() {
                Some('.') => {
                    self.at += 1;
                    if self.take('.') {
                        steps.push(Step::Descend);
                    }
                    self.name(&mut steps);
                }
                Some('[') => {
                    self.at += 1;
                    steps.push(self.bracket()?);
                }
                Some(c) if self.at == start && (c.is_alphanumeric() || c == '_' || c == '*') => self.name(&mut steps),
                Some(c) if self.at == start => return Err(format!("unrecognized character in action: {c:?}")),
                _ => return Ok(steps),
            }
        }
    }

    /// A field after a dot; nothing after the dot is the value itself.
    fn name(&mut self, steps: &mut Vec<Step>) {
        if self.take('*') {
            steps.push(Step::Wildcard);
            return;
        }
        let mut name = String::new();
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.at += 1;
                    name.extend(self.peek());
                }
                '.' | '[' | ']' | '}' | ' ' | ')' | '=' | '!' | '<' | '>' | ',' => break,
                c => name.push(c),
            }
            self.at += 1;
        }
        if !name.is_empty() {
            steps.push(Step::Field(name));
        }
    }

    /// What stands between brackets, the closing one included.
    fn bracket(&mut self) -> Result<Step, String> {
        self.spaces();
        if self.take('?') {
            self.expect('(')?;
            let filter = self.filter()?;
            self.expect(')')?;
            self.expect(']')?;
            return Ok(filter);
        }
        let mut members = Vec::new();
        loop {
            self.spaces();
            members.push(self.member()?);
            self.spaces();
            if !self.take(',') {
                break;
            }
        }
        self.expect(']').map_err(|_| "unterminated array".to_string())?;
        Ok(match members.len() {
            1 => members.remove(0),
            _ => Step::Union(members),
        })
    }

    fn member(&mut self) -> Result<Step, String> {
        match self.peek() {
            Some('*') => {
                self.at += 1;
                Ok(Step::Wildcard)
            }
            Some(quote @ ('\'' | '"')) => {
                self.at += 1;
                let start = self.at;
                while self.peek().is_some_and(|c| c != quote) {
                    self.at += 1;
                }
                let key: String = self.chars[start..self.at].iter().collect();
                self.expect(quote).map_err(|_| "unterminated quoted key".to_string())?;
                // Within quotes a dot still separates fields, unless it is escaped.
                let mut inner = Parser { chars: format!(".{key}").chars().collect(), at: 0 };
                let mut steps = inner.path()?;
                Ok(match steps.len() {
                    1 => steps.remove(0),
                    _ => Step::Union(vec![Step::Filter { left: Operand::Path(steps), test: None }]),
                })
            }
            _ => self.slice(),
        }
    }

    fn slice(&mut self) -> Result<Step, String> {
        let from = self.integer()?;
        if !self.take(':') {
            return from.map(Step::Index).ok_or_else(|| "invalid array index".to_string());
        }
        let to = self.integer()?;
        let step = if self.take(':') { self.integer()?.unwrap_or(1) } else { 1 };
        match step {
            1.. => Ok(Step::Slice { from, to, step }),
            _ => Err("step must be > 0".into()),
        }
    }

    fn integer(&mut self) -> Result<Option<i64>, String> {
        let start = self.at;
        self.take('-');
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        match text.as_str() {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("invalid array index {text}")),
        }
    }

    fn filter(&mut self) -> Result<Step, String> {
        self.spaces();
        let left = self.operand()?;
        self.spaces();
        let comparison = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        let Some(&(_, comparison)) = comparison.iter().find(|(word, _)| self.take_word(word)) else {
            return Ok(Step::Filter { left, test: None });
        };
        self.spaces();
        let right = self.operand()?;
        self.spaces();
        Ok(Step::Filter { left, test: Some((comparison, right)) })
    }

    fn operand(&mut self) -> Result<Operand, String> {
        match self.peek() {
            Some('@' | '.' | '$') => Ok(Operand::Path(self.path()?)),
            Some('"' | '\'') => Ok(Operand::Literal(Value::String(self.quoted()?))),
            _ => {
                let start = self.at;
                while self.peek().is_some_and(|c| c.is_alphanumeric() || matches!(c, '-' | '+' | '.')) {
                    self.at += 1;
                }
                let word: String = self.chars[start..self.at].iter().collect();
                match serde_json::from_str(&word) {
                    Ok(value) => Ok(Operand::Literal(value)),
                    Err(_) => Err(format!("unrecognized operand {word:?} in a filter")),
                }
            }
        }
    }
}
