//! The tree of an expression, macros written out.

use crate::value::Value;

#[derive(Clone, Debug)]
pub struct Expr {
    /// Where it stands, in characters.
    pub at: usize,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Literal(Value),
    Name(String),
    /// `of.field`; `optional`: `of.?field`.
    Select {
        of: Box<Expr>,
        field: String,
        optional: bool,
    },
    /// `has(of.field)`
    Has {
        of: Box<Expr>,
        field: String,
    },
    /// `of[by]`; `optional`: `of[?by]`.
    Index {
        of: Box<Expr>,
        by: Box<Expr>,
        optional: bool,
    },
    /// Functions, methods (whose target is the first argument) and operators.
    Call {
        name: String,
        method: bool,
        args: Vec<Expr>,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Choice {
        condition: Box<Expr>,
        yes: Box<Expr>,
        no: Box<Expr>,
    },
    /// Each item, and whether it is left out when it is an empty optional.
    List(Vec<(Expr, bool)>),
    Map(Vec<(Expr, Expr, bool)>),
    /// `Name{field: value}`
    Struct {
        name: String,
        fields: Vec<(String, Expr, bool)>,
    },
    Each(Box<Each>),
    /// `cel.bind(name, value, body)`
    Bind {
        name: String,
        value: Box<Expr>,
        body: Box<Expr>,
    },
    /// `of.optMap(name, body)`; `flat`: the body is an optional already.
    OptMap {
        of: Box<Expr>,
        name: String,
        body: Box<Expr>,
        flat: bool,
    },
}

/// A macro over the items of a list or the keys of a map.
#[derive(Clone, Debug)]
pub struct Each {
    pub what: What,
    pub of: Expr,
    pub name: String,
    /// With two names: index and item, or key and value.
    pub second: Option<String>,
    /// Of `map` with three arguments: which items.
    pub filter: Option<Expr>,
    pub body: Expr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

impl Expr {
    pub fn new(at: usize, kind: Kind) -> Expr {
        Expr { at, kind }
    }

    /// Whether a name is used that is not bound inside.
    pub fn uses(&self, wanted: &str) -> bool {
        match &self.kind {
            Kind::Literal(_) => false,
            Kind::Name(name) => name == wanted,
            Kind::Select { of, .. } | Kind::Has { of, .. } => of.uses(wanted),
            Kind::Index { of, by, .. } => of.uses(wanted) || by.uses(wanted),
            Kind::Call { args, .. } => args.iter().any(|arg| arg.uses(wanted)),
            Kind::And(a, b) | Kind::Or(a, b) => a.uses(wanted) || b.uses(wanted),
            Kind::Choice { condition, yes, no } => condition.uses(wanted) || yes.uses(wanted) || no.uses(wanted),
            Kind::List(items) => items.iter().any(|(item, _)| item.uses(wanted)),
            Kind::Map(entries) => entries.iter().any(|(key, value, _)| key.uses(wanted) || value.uses(wanted)),
            Kind::Struct { fields, .. } => fields.iter().any(|(_, value, _)| value.uses(wanted)),
            Kind::Each(each) => {
                let hidden = each.name == wanted || each.second.as_deref() == Some(wanted);
                let inside = each.body.uses(wanted) || each.filter.as_ref().is_some_and(|f| f.uses(wanted));
                each.of.uses(wanted) || (!hidden && inside)
            }
            Kind::Bind { name, value, body } => value.uses(wanted) || (name != wanted && body.uses(wanted)),
            Kind::OptMap { of, name, body, .. } => of.uses(wanted) || (name != wanted && body.uses(wanted)),
        }
    }
}
