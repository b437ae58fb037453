//! Tokens to a tree. Macros are read here: they look like calls, but give names to what they go through.

use crate::Fault;
use crate::ast::{Each, Expr, Kind, What};
use crate::signatures;
use crate::token::{Token, tokens};
use crate::value::Value;

/// How deep an expression may be nested.
const DEEPEST: usize = 100;

/// Words that are no names.
pub const RESERVED: [&str; 20] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "in",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
    "true",
    "false",
];

pub fn parse(text: &str) -> Result<Expr, Fault> {
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let tree = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(tree),
        _ => Err(parser.unexpected("<EOF>")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

type Parsed = Result<Expr, Fault>;

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |(at, _)| *at)
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let found = match self.peek() {
            Token::Name(name) => name.clone(),
            Token::Sign(sign) => (*sign).to_owned(),
            Token::End => "<EOF>".to_owned(),
            Token::Text(text) => format!("{text:?}"),
            other => format!("{other:?}"),
        };
        Fault::new(self.at(), format!("Syntax error: mismatched input '{found}' expecting {wanted}"))
    }

    /// Takes one of these signs if it comes next.
    fn sign(&mut self, wanted: &[&'static str]) -> Option<&'static str> {
        let Token::Sign(sign) = self.peek() else { return None };
        let found = wanted.iter().find(|wanted| *wanted == sign).copied();
        self.next += usize::from(found.is_some());
        found
    }

    fn expect(&mut self, wanted: &'static str) -> Result<(), Fault> {
        self.sign(&[wanted]).map(drop).ok_or_else(|| self.unexpected(&format!("'{wanted}'")))
    }

    fn expression(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(self.at(), format!("expression recursion limit exceeded: {DEEPEST}")));
        }
        let condition = self.either()?;
        let at = self.at();
        let parsed = if self.sign(&["?"]).is_some() {
            let yes = self.either()?;
            self.expect(":")?;
            let no = self.expression()?;
            Expr::new(at, Kind::Choice { condition: condition.into(), yes: yes.into(), no: no.into() })
        } else {
            condition
        };
        self.depth -= 1;
        Ok(parsed)
    }

    fn either(&mut self) -> Parsed {
        let mut left = self.both()?;
        loop {
            let at = self.at();
            if self.sign(&["||"]).is_none() {
                return Ok(left);
            }
            left = Expr::new(at, Kind::Or(left.into(), self.both()?.into()));
        }
    }

    fn both(&mut self) -> Parsed {
        let mut left = self.relation()?;
        loop {
            let at = self.at();
            if self.sign(&["&&"]).is_none() {
                return Ok(left);
            }
            left = Expr::new(at, Kind::And(left.into(), self.relation()?.into()));
        }
    }

    fn relation(&mut self) -> Parsed {
        let mut left = self.sum()?;
        loop {
            let at = self.at();
            let sign = if *self.peek() == Token::Name("in".into()) {
                self.next += 1;
                "in"
            } else if let Some(sign) = self.sign(&["==", "!=", "<=", ">=", "<", ">"]) {
                sign
            } else {
                return Ok(left);
            };
            left = call(at, sign, vec![left, self.sum()?]);
        }
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        loop {
            let at = self.at();
            let Some(sign) = self.sign(&["+", "-"]) else { return Ok(left) };
            left = call(at, sign, vec![left, self.product()?]);
        }
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.unary()?;
        loop {
            let at = self.at();
            let Some(sign) = self.sign(&["*", "/", "%"]) else { return Ok(left) };
            left = call(at, sign, vec![left, self.unary()?]);
        }
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at();
        match self.sign(&["!", "-"]) {
            Some("!") => Ok(call(at, "!", vec![self.nested(Parser::unary)?])),
            Some(_) => {
                // A sign belongs to its number: the smallest has no positive.
                match self.peek().clone() {
                    Token::Int(value) => {
                        self.next += 1;
                        let number = Expr::new(at, Kind::Literal(Value::Int(value.wrapping_neg())));
                        self.members(number)
                    }
                    Token::Double(value) => {
                        self.next += 1;
                        self.members(Expr::new(at, Kind::Literal(Value::Double(-value))))
                    }
                    _ => Ok(call(at, "-_", vec![self.nested(Parser::unary)?])),
                }
            }
            None => {
                if *self.peek() == Token::Int(i64::MIN) {
                    return Err(Fault::new(at, "invalid int literal"));
                }
                let first = self.primary()?;
                self.members(first)
            }
        }
    }

    fn nested(&mut self, inner: fn(&mut Parser) -> Parsed) -> Parsed {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Fault::new(self.at(), format!("expression recursion limit exceeded: {DEEPEST}")));
        }
        let parsed = inner(self)?;
        self.depth -= 1;
        Ok(parsed)
    }

    fn members(&mut self, mut of: Expr) -> Parsed {
        loop {
            let at = self.at();
            if self.sign(&["."]).is_some() {
                let optional = self.sign(&["?"]).is_some();
                let field = self.name(true)?;
                if !optional && self.sign(&["("]).is_some() {
                    let args = self.arguments()?;
                    of = method(at, of, field, args)?;
                } else {
                    of = Expr::new(at, Kind::Select { of: of.into(), field, optional });
                }
            } else if self.sign(&["["]).is_some() {
                let optional = self.sign(&["?"]).is_some();
                let by = self.expression()?;
                self.expect("]")?;
                of = Expr::new(at, Kind::Index { of: of.into(), by: by.into(), optional });
            } else if *self.peek() == Token::Sign("{")
                && let Some(name) = type_name(&of)
            {
                self.next += 1;
                let fields = self.fields()?;
                of = Expr::new(of.at, Kind::Struct { name, fields });
            } else {
                return Ok(of);
            }
        }
    }

    fn name(&mut self, selected: bool) -> Result<String, Fault> {
        match self.peek().clone() {
            Token::Name(name)
                if !RESERVED.contains(&&*name) || (selected && !matches!(&*name, "in" | "true" | "false")) =>
            {
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.unexpected("IDENTIFIER")),
        }
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        let token = self.peek().clone();
        self.next += 1;
        let literal = match token {
            Token::Int(value) => Value::Int(value),
            Token::Uint(value) => Value::Uint(value),
            Token::Double(value) => Value::Double(value),
            Token::Text(value) => Value::Text(value.into()),
            Token::Bytes(value) => Value::Bytes(value.into()),
            Token::Name(name) => match &*name {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => {
                    self.next -= 1;
                    let name = self.name(false)?;
                    if self.sign(&["("]).is_some() {
                        let args = self.arguments()?;
                        return function(at, name, args);
                    }
                    return Ok(Expr::new(at, Kind::Name(name)));
                }
            },
            Token::Sign("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                return Ok(inner);
            }
            Token::Sign("[") => return self.list(at),
            Token::Sign("{") => return self.map(at),
            // A name of the root.
            Token::Sign(".") => {
                let name = self.name(false)?;
                return Ok(Expr::new(at, Kind::Name(name)));
            }
            _ => {
                self.next -= 1;
                return Err(self.unexpected("an expression"));
            }
        };
        Ok(Expr::new(at, Kind::Literal(literal)))
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, Fault> {
        let mut args = vec![];
        if self.sign(&[")"]).is_some() {
            return Ok(args);
        }
        loop {
            args.push(self.expression()?);
            if self.sign(&[","]).is_none() {
                self.expect(")")?;
                return Ok(args);
            }
        }
    }

    fn list(&mut self, at: usize) -> Parsed {
        let mut items = vec![];
        while self.sign(&["]"]).is_none() {
            let optional = self.sign(&["?"]).is_some();
            items.push((self.expression()?, optional));
            if self.sign(&[","]).is_none() {
                self.expect("]")?;
                break;
            }
        }
        Ok(Expr::new(at, Kind::List(items)))
    }

    fn map(&mut self, at: usize) -> Parsed {
        let mut entries = vec![];
        while self.sign(&["}"]).is_none() {
            let optional = self.sign(&["?"]).is_some();
            let key = self.expression()?;
            self.expect(":")?;
            entries.push((key, self.expression()?, optional));
            if self.sign(&[","]).is_none() {
                self.expect("}")?;
                break;
            }
        }
        Ok(Expr::new(at, Kind::Map(entries)))
    }

    fn fields(&mut self) -> Result<Vec<(String, Expr, bool)>, Fault> {
        let mut fields = vec![];
        while self.sign(&["}"]).is_none() {
            let optional = self.sign(&["?"]).is_some();
            let name = self.name(true)?;
            self.expect(":")?;
            fields.push((name, self.expression()?, optional));
            if self.sign(&[","]).is_none() {
                self.expect("}")?;
                break;
            }
        }
        Ok(fields)
    }
}

fn call(at: usize, name: &str, args: Vec<Expr>) -> Expr {
    Expr::new(at, Kind::Call { name: name.to_owned(), method: false, args })
}

/// `Object.spec.template`: names alone.
fn type_name(of: &Expr) -> Option<String> {
    match &of.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Select { of, field, optional: false } => Some(format!("{}.{field}", type_name(of)?)),
        _ => None,
    }
}

fn function(at: usize, name: String, mut args: Vec<Expr>) -> Parsed {
    if name != "has" {
        return Ok(Expr::new(at, Kind::Call { name, method: false, args }));
    }
    match (args.pop(), args.is_empty()) {
        (Some(Expr { kind: Kind::Select { of, field, optional: false }, .. }), true) => {
            Ok(Expr::new(at, Kind::Has { of, field }))
        }
        _ => Err(Fault::new(at, "invalid argument to has() macro")),
    }
}

/// A method, a macro, or a function whose name has a dot.
fn method(at: usize, of: Expr, name: String, args: Vec<Expr>) -> Parsed {
    if let Some(space) = type_name(&of) {
        let full = format!("{space}.{name}");
        if full == "cel.bind" {
            return bind(at, args);
        }
        if signatures::is_function(&full) {
            return Ok(Expr::new(at, Kind::Call { name: full, method: false, args }));
        }
    }
    let what = match (&*name, args.len()) {
        ("all", 2 | 3) => What::All,
        ("exists", 2 | 3) => What::Exists,
        ("exists_one" | "existsOne", 2 | 3) => What::ExistsOne,
        ("map", 2 | 3) => What::Map,
        ("filter", 2) => What::Filter,
        ("optMap" | "optFlatMap", 2) => return opt_map(at, of, &name, args),
        _ => {
            let args = std::iter::once(of).chain(args).collect();
            return Ok(Expr::new(at, Kind::Call { name, method: true, args }));
        }
    };
    let mut args = args.into_iter();
    let mut next = || args.next().ok_or_else(|| Fault::new(at, "a macro lacks an argument"));
    let first = variable(next()?)?;
    let (middle, last) = (next()?, next().ok());
    let each = match (what, last) {
        (_, None) => Each { what, of, name: first, second: None, filter: None, body: middle },
        (What::Map, Some(body)) => Each { what, of, name: first, second: None, filter: Some(middle), body },
        (_, Some(body)) => Each { what, of, name: first, second: Some(variable(middle)?), filter: None, body },
    };
    Ok(Expr::new(at, Kind::Each(each.into())))
}

fn variable(argument: Expr) -> Result<String, Fault> {
    match argument.kind {
        Kind::Name(name) => Ok(name),
        _ => Err(Fault::new(argument.at, "argument must be a simple name")),
    }
}

fn bind(at: usize, args: Vec<Expr>) -> Parsed {
    let [name, value, body] = <[Expr; 3]>::try_from(args)
        .map_err(|_| Fault::new(at, "cel.bind() takes a name, a value and an expression"))?;
    Ok(Expr::new(at, Kind::Bind { name: variable(name)?, value: value.into(), body: body.into() }))
}

fn opt_map(at: usize, of: Expr, name: &str, args: Vec<Expr>) -> Parsed {
    let [variable_, body] =
        <[Expr; 2]>::try_from(args).map_err(|_| Fault::new(at, "a macro takes a name and an expression"))?;
    let flat = name == "optFlatMap";
    Ok(Expr::new(at, Kind::OptMap { of: of.into(), name: variable(variable_)?, body: body.into(), flat }))
}
