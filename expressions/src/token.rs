//! Text to tokens.

use crate::Fault;

#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Name(String),
    Int(i64),
    Uint(u64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    /// Operators and brackets.
    Sign(&'static str),
    End,
}

/// The longest first.
const SIGNS: [&str; 26] = [
    "==", "!=", "<=", ">=", "&&", "||", "+", "-", "*", "/", "%", "<", ">", "!", "?", ":", ".", ",", "(", ")", "[", "]",
    "{", "}", "=", ";",
];

/// Each token with where it begins, in characters; the last is [`Token::End`].
pub fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = vec![];
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
        } else if c == '/' && chars.get(at + 1) == Some(&'/') {
            at += chars[at..].iter().take_while(|c| **c != '\n').count();
        } else if let Some(quoted) = Quoted::begins(&chars, at) {
            let (token, end) = quoted.read(&chars, at)?;
            tokens.push((at, token));
            at = end;
        } else if c.is_ascii_alphabetic() || c == '_' {
            let name: String = chars[at..].iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '_').collect();
            let length = name.len();
            tokens.push((at, Token::Name(name)));
            at += length;
        } else if c.is_ascii_digit() || (c == '.' && chars.get(at + 1).is_some_and(char::is_ascii_digit)) {
            let (token, end) = number(&chars, at)?;
            tokens.push((at, token));
            at = end;
        } else {
            let rest: String = chars[at..].iter().take(2).collect();
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign =
                sign.ok_or_else(|| Fault::new(at, format!("Syntax error: token recognition error at: '{c}'")))?;
            tokens.push((at, Token::Sign(sign)));
            at += sign.len();
        }
    }
    tokens.push((chars.len(), Token::End));
    Ok(tokens)
}

fn number(chars: &[char], start: usize) -> Result<(Token, usize), Fault> {
    let mut at = start;
    let digits = |at: usize| chars[at..].iter().take_while(|c| c.is_ascii_digit()).count();
    let invalid = |what: &str| Fault::new(start, format!("invalid {what} literal"));
    if chars[at] == '0' && matches!(chars.get(at + 1), Some('x' | 'X')) {
        let hex: String = chars[at + 2..].iter().take_while(|c| c.is_ascii_hexdigit()).collect();
        at += 2 + hex.len();
        if matches!(chars.get(at), Some('u' | 'U')) {
            return Ok((Token::Uint(u64::from_str_radix(&hex, 16).map_err(|_| invalid("uint"))?), at + 1));
        }
        // One more than the largest, for the smallest with its sign.
        let value = u64::from_str_radix(&hex, 16).map_err(|_| invalid("int"))?;
        return Ok((Token::Int(i64::try_from(value).map_err(|_| invalid("int"))?), at));
    }
    at += digits(at);
    let mut double = false;
    if chars.get(at) == Some(&'.') && chars.get(at + 1).is_some_and(char::is_ascii_digit) {
        double = true;
        at += 1 + digits(at + 1);
    }
    if matches!(chars.get(at), Some('e' | 'E')) {
        let sign = usize::from(matches!(chars.get(at + 1), Some('+' | '-')));
        if chars.get(at + 1 + sign).is_some_and(char::is_ascii_digit) {
            double = true;
            at += 1 + sign + digits(at + 1 + sign);
        }
    }
    let text: String = chars[start..at].iter().collect();
    if double {
        return Ok((Token::Double(text.parse().map_err(|_| invalid("double"))?), at));
    }
    if matches!(chars.get(at), Some('u' | 'U')) {
        return Ok((Token::Uint(text.parse().map_err(|_| invalid("uint"))?), at + 1));
    }
    match text.parse::<i64>() {
        Ok(value) => Ok((Token::Int(value), at)),
        // What only its sign makes a number.
        Err(_) if text == "9223372036854775808" => Ok((Token::Int(i64::MIN), at)),
        Err(_) => Err(invalid("int")),
    }
}

/// How a string begins: `r`, `b`, and one or three quotes.
struct Quoted {
    raw: bool,
    bytes: bool,
    /// Characters before the first quote.
    prefix: usize,
    quote: char,
    triple: bool,
}

impl Quoted {
    fn begins(chars: &[char], at: usize) -> Option<Quoted> {
        let mut quoted = Quoted { raw: false, bytes: false, prefix: 0, quote: '"', triple: false };
        loop {
            match chars.get(at + quoted.prefix)? {
                'r' | 'R' if !quoted.raw => quoted.raw = true,
                'b' | 'B' if !quoted.bytes => quoted.bytes = true,
                quote @ ('"' | '\'') => {
                    quoted.quote = *quote;
                    break;
                }
                _ => return None,
            }
            quoted.prefix += 1;
        }
        let first = at + quoted.prefix;
        quoted.triple = chars.get(first..first + 3).is_some_and(|three| three.iter().all(|c| *c == quoted.quote));
        Some(quoted)
    }

    fn read(&self, chars: &[char], start: usize) -> Result<(Token, usize), Fault> {
        let width = if self.triple { 3 } else { 1 };
        let mut at = start + self.prefix + width;
        let mut bytes: Vec<u8> = vec![];
        let unfinished = || Fault::new(start, "Syntax error: a string has no end");
        let ends = |at: usize| chars.get(at..at + width).is_some_and(|end| end.iter().all(|c| *c == self.quote));
        while !ends(at) {
            let c = *chars.get(at).ok_or_else(unfinished)?;
            if c == '\n' && !self.triple {
                return Err(unfinished());
            }
            if c == '\\' && !self.raw {
                at = self.escape(chars, at + 1, &mut bytes)?;
            } else {
                bytes.extend(c.encode_utf8(&mut [0; 4]).as_bytes());
                at += 1;
            }
        }
        let token = if self.bytes {
            Token::Bytes(bytes)
        } else {
            Token::Text(String::from_utf8(bytes).map_err(|_| Fault::new(start, "a string is not valid UTF-8"))?)
        };
        Ok((token, at + width))
    }

    fn escape(&self, chars: &[char], at: usize, out: &mut Vec<u8>) -> Result<usize, Fault> {
        let bad = || Fault::new(at - 1, "Syntax error: an unknown escape in a string");
        let plain = match chars.get(at).ok_or_else(bad)? {
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'n' => b'\n',
            'r' => b'\r',
            't' => b'\t',
            'v' => 11,
            c @ ('\\' | '\'' | '"' | '`' | '?') => *c as u8,
            'x' | 'X' => return self.code(chars, at + 1, 2, 16, out).ok_or_else(bad),
            'u' => return self.code(chars, at + 1, 4, 16, out).ok_or_else(bad),
            'U' => return self.code(chars, at + 1, 8, 16, out).ok_or_else(bad),
            '0'..='3' => return self.code(chars, at, 3, 8, out).ok_or_else(bad),
            _ => return Err(bad()),
        };
        out.push(plain);
        Ok(at + 1)
    }

    fn code(&self, chars: &[char], at: usize, length: usize, radix: u32, out: &mut Vec<u8>) -> Option<usize> {
        let digits: String = chars.get(at..at + length)?.iter().collect();
        let code = u32::from_str_radix(&digits, radix).ok()?;
        match u8::try_from(code) {
            Ok(byte) if self.bytes && length <= 3 => out.push(byte),
            _ => out.extend(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        Some(at + length)
    }
}
