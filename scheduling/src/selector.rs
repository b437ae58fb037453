//! Node selectors: terms over a node's labels and its name.

use std::fmt;

use k8s_openapi::api::core::v1 as core;

/// The only field of a node that `matchFields` may name.
pub const NAME_FIELD: &str = "metadata.name";

/// A node, as far as selectors look at it.
pub trait Labelled {
    fn name(&self) -> &str;
    fn label(&self, key: &str) -> Option<&str>;
}

/// Terms of which one must match. No terms match no node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSelector {
    terms: Vec<Term>,
}

/// Requirements that must all hold. An empty term matches no node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    labels: Vec<Requirement>,
    fields: Vec<Requirement>,
}

/// One requirement on a label or a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    key: Box<str>,
    operator: Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Operator {
    In(Vec<Box<str>>),
    NotIn(Vec<Box<str>>),
    Exists,
    DoesNotExist,
    GreaterThan(i64),
    LessThan(i64),
    /// An operator, or a number, that cannot be read: no value satisfies it.
    Unreadable,
}

impl NodeSelector {
    pub fn parse(selector: &core::NodeSelector) -> NodeSelector {
        NodeSelector { terms: selector.node_selector_terms.iter().map(Term::parse).collect() }
    }

    pub fn matches(&self, node: &impl Labelled) -> bool {
        self.terms.iter().any(|term| term.matches(node))
    }

    /// What is unmet of the term that lacks the least on the node; none when there are no terms.
    pub fn nearest(&self, node: &impl Labelled) -> Option<Vec<&Requirement>> {
        self.terms.iter().map(|term| term.unmet(node)).min_by_key(Vec::len)
    }

    /// The only node names that can match, when every term names some: a pod of a DaemonSet names
    /// one, and then nobody needs to look at the others. Sorted, without doubles.
    pub fn named_nodes(&self) -> Option<Vec<&str>> {
        let mut all = Vec::new();
        for term in &self.terms {
            all.extend(term.named_nodes()?);
        }
        all.sort_unstable();
        all.dedup();
        (!self.terms.is_empty()).then_some(all)
    }
}

impl Term {
    pub fn parse(term: &core::NodeSelectorTerm) -> Term {
        let list = |requirements: &Option<Vec<core::NodeSelectorRequirement>>| {
            requirements.iter().flatten().map(Requirement::parse).collect()
        };
        Term { labels: list(&term.match_expressions), fields: list(&term.match_fields) }
    }

    pub fn matches(&self, node: &impl Labelled) -> bool {
        !(self.labels.is_empty() && self.fields.is_empty())
            && self.labels.iter().all(|r| r.operator.accepts(node.label(&r.key)))
            && self.fields.iter().all(|r| r.operator.accepts((*r.key == *NAME_FIELD).then_some(node.name())))
    }

    fn unmet(&self, node: &impl Labelled) -> Vec<&Requirement> {
        let name = |r: &Requirement| (*r.key == *NAME_FIELD).then_some(node.name());
        let labels = self.labels.iter().filter(|r| !r.operator.accepts(node.label(&r.key)));
        labels.chain(self.fields.iter().filter(|r| !r.operator.accepts(name(r)))).collect()
    }

    fn named_nodes(&self) -> Option<Vec<&str>> {
        let mut names: Option<Vec<&str>> = None;
        for requirement in &self.fields {
            if let (NAME_FIELD, Operator::In(values)) = (&*requirement.key, &requirement.operator) {
                let allowed = |name: &&str| values.iter().any(|value| **value == **name);
                names = Some(match names {
                    None => values.iter().map(|value| &**value).collect(),
                    Some(names) => names.into_iter().filter(allowed).collect(),
                });
            }
        }
        names
    }
}

impl Requirement {
    fn parse(requirement: &core::NodeSelectorRequirement) -> Requirement {
        let values =
            || -> Vec<Box<str>> { requirement.values.iter().flatten().map(|value| value.as_str().into()).collect() };
        let number = |of: fn(i64) -> Operator| match requirement.values.as_deref() {
            Some([value]) => value.parse().map_or(Operator::Unreadable, of),
            _ => Operator::Unreadable,
        };
        Requirement {
            key: requirement.key.as_str().into(),
            operator: match requirement.operator.as_str() {
                "In" => Operator::In(values()),
                "NotIn" => Operator::NotIn(values()),
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                "Gt" => number(Operator::GreaterThan),
                "Lt" => number(Operator::LessThan),
                _ => Operator::Unreadable,
            },
        }
    }
}

impl Requirement {
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value that a label must have to meet it, the inner `None` for no such label; `None` when no label does.
    pub fn met_by(&self) -> Option<Option<String>> {
        match &self.operator {
            _ if *self.key == *NAME_FIELD => None,
            Operator::In(values) => values.first().map(|value| Some(value.to_string())),
            Operator::Exists => Some(Some(String::new())),
            Operator::NotIn(_) | Operator::DoesNotExist => Some(None),
            Operator::GreaterThan(bound) => bound.checked_add(1).map(|value| Some(value.to_string())),
            Operator::LessThan(bound) => bound.checked_sub(1).map(|value| Some(value.to_string())),
            Operator::Unreadable => None,
        }
    }
}

/// `disktype in (ssd,nvme)`, as `kubectl describe` writes it.
impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.operator {
            Operator::In(values) => write!(f, "{key} in ({})", values.join(",")),
            Operator::NotIn(values) => write!(f, "{key} notin ({})", values.join(",")),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan(bound) => write!(f, "{key} > {bound}"),
            Operator::LessThan(bound) => write!(f, "{key} < {bound}"),
            Operator::Unreadable => write!(f, "{key} (unreadable)"),
        }
    }
}

impl Operator {
    fn accepts(&self, value: Option<&str>) -> bool {
        let among = |values: &[Box<str>], value: &str| values.iter().any(|v| **v == *value);
        let number = |value: &str| value.parse::<i64>().ok();
        match self {
            Operator::In(values) => value.is_some_and(|value| among(values, value)),
            Operator::NotIn(values) => value.is_none_or(|value| !among(values, value)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan(bound) => value.and_then(number).is_some_and(|n| n > *bound),
            Operator::LessThan(bound) => value.and_then(number).is_some_and(|n| n < *bound),
            Operator::Unreadable => false,
        }
    }
}
