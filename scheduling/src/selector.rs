//! Node selectors: terms over a node's labels and its name.

use k8s_openapi::api::core::v1 as core;

use crate::node::Node;

/// The only field of a node that `matchFields` may name.
pub const NAME_FIELD: &str = "metadata.name";

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

#[derive(Debug, Clone, PartialEq, Eq)]
struct Requirement {
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

    pub fn matches(&self, node: &Node) -> bool {
        self.terms.iter().any(|term| term.matches(node))
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

    pub fn matches(&self, node: &Node) -> bool {
        !(self.labels.is_empty() && self.fields.is_empty())
            && self.labels.iter().all(|r| r.operator.accepts(node.label(&r.key)))
            && self.fields.iter().all(|r| r.operator.accepts((*r.key == *NAME_FIELD).then_some(&*node.name)))
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
