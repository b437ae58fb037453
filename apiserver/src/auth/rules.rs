//! What an identity may do, as a list: the rules of its roles, and what agents of nodes may, asked about everything served.

use serde_json::{Value, json};

use super::rbac::Rule;
use super::{Attributes, Authorizer, node};
use crate::discovery::subresource;
use crate::identity::{Identity, MASTERS};
use crate::kinds::Table;

/// The `status` of a SelfSubjectRulesReview.
pub fn of(authorizer: &Authorizer, identity: &Identity, namespace: &str, table: &Table) -> Value {
    let (mut rules, mut complaints) = authorizer.rbac.rules(identity, namespace);
    let mut resources = vec![];
    if identity.has_group(MASTERS) {
        resources.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
        rules.insert(0, Rule { verbs: vec!["*".into()], urls: vec!["*".into()], ..Rule::default() });
    }
    if let Some(node) = identity.node_name() {
        resources.extend(of_node(node, namespace, table));
        complaints.push("what a node may do depends on the names of objects".to_owned());
    }
    let (urls, others): (Vec<Rule>, Vec<Rule>) = rules.into_iter().partition(|rule| !rule.urls.is_empty());
    resources.extend(others.iter().map(Rule::to_json));
    let urls: Vec<Value> = urls.iter().map(Rule::to_json).collect();
    let mut status =
        json!({"resourceRules": resources, "nonResourceRules": urls, "incomplete": !complaints.is_empty()});
    if !complaints.is_empty() {
        status["evaluationError"] = complaints.join(", ").into();
    }
    status
}

fn of_node(node: &str, namespace: &str, table: &Table) -> Vec<Value> {
    let mut rules = vec![];
    for row in table.rows() {
        let kind = &row.kind;
        let of_subresources = row.subresources.iter().map(|sub| (sub.name(), subresource(row, *sub).1.to_vec()));
        for (subresource, verbs) in [("", row.verbs.to_vec())].into_iter().chain(of_subresources) {
            let mut asked = Attributes {
                is_resource: true,
                group: &kind.group,
                namespace: if kind.namespaced { namespace } else { "" },
                resource: &kind.plural,
                subresource,
                ..Attributes::default()
            };
            let mut may = |verb| {
                asked.verb = verb;
                node::may(node, &asked)
            };
            let allowed: Vec<&str> = verbs.into_iter().filter(|verb| may(verb)).collect();
            if !allowed.is_empty() {
                rules.push(json!({"verbs": allowed, "apiGroups": [kind.group], "resources": [asked.full_resource()]}));
            }
        }
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_is_allowed() {
        let (table, authorizer) = (Table::builtin(), Authorizer::default());
        let node = of(&authorizer, &Identity::node("n"), "a", &table);
        assert_eq!(node["incomplete"], true);
        let pods = node["resourceRules"].as_array().into_iter().flatten().find(|rule| rule["resources"][0] == "pods");
        assert_eq!(pods.map(|rule| &rule["verbs"]), Some(&json!(["create", "delete", "get", "list", "watch"])));
        let admin = of(&authorizer, &Identity::admin(), "a", &table);
        assert_eq!((&admin["resourceRules"][0]["verbs"][0], &admin["incomplete"]), (&json!("*"), &json!(false)));
        assert_eq!(of(&authorizer, &Identity::new("bob", &[]), "a", &table)["resourceRules"], json!([]));
    }
}
