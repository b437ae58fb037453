//! Sees to it that the roles and bindings of every cluster are there when a server starts, and say at least what they should.
//!
//! Who wants one otherwise annotates it with `rbac.authorization.kubernetes.io/autoupdate: "false"`.

use serde_json::{Value, json};

use super::GROUP;
use super::roles::{Allows, BINDINGS, Binding, ROLES, Role, Subject};
use super::rule::{Rule, missing};
use crate::kinds::json as fields;
use crate::wanted::Wanted;

const AUTOUPDATE: &str = "rbac.authorization.kubernetes.io/autoupdate";

/// The objects, and how one that is there is brought up to date.
pub fn wanted() -> Vec<Wanted> {
    let roles = ROLES.iter().map(|role| Wanted {
        group: GROUP,
        plural: if role.namespace.is_empty() { "clusterroles" } else { "roles" },
        object: self::role(role),
        amend: add_rules,
    });
    let bindings = BINDINGS.iter().map(|binding| Wanted {
        group: GROUP,
        plural: if binding.namespace.is_empty() { "clusterrolebindings" } else { "rolebindings" },
        object: self::binding(binding),
        amend: add_subjects,
    });
    roles.chain(bindings).collect()
}

fn words(text: &str) -> Vec<Box<str>> {
    text.split_whitespace().map(|word| if word == "core" { "".into() } else { word.into() }).collect()
}

fn rule(allows: &Allows) -> Rule {
    match allows {
        Allows::Resources(verbs, groups, resources) => {
            Rule { verbs: words(verbs), groups: words(groups), resources: words(resources), ..Rule::default() }
        }
        Allows::Named(verbs, groups, resources, names) => Rule {
            verbs: words(verbs),
            groups: words(groups),
            resources: words(resources),
            names: words(names),
            ..Rule::default()
        },
        Allows::Paths(verbs, urls) => Rule { verbs: words(verbs), urls: words(urls), ..Rule::default() },
    }
}

/// Of a role that takes in others: theirs, as the controller would write them.
fn rules(role: &Role) -> Vec<Rule> {
    let mut parts: Vec<&Role> = ROLES.iter().filter(|part| role.aggregates && part.into == role.name).collect();
    parts.sort_by_key(|part| part.name);
    role.allows.iter().map(rule).chain(parts.into_iter().flat_map(rules)).collect()
}

fn label(into: &str) -> String {
    format!("rbac.authorization.k8s.io/aggregate-to-{into}")
}

fn about(kind: &str, name: &str, namespace: &str) -> Value {
    let mut object = json!({"apiVersion": format!("{GROUP}/v1"), "kind": kind, "metadata": {
        "name": name,
        "annotations": {AUTOUPDATE: "true"},
        "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"},
    }});
    if !namespace.is_empty() {
        object["metadata"]["namespace"] = namespace.into();
    }
    object
}

fn role(role: &Role) -> Value {
    let kind = if role.namespace.is_empty() { "ClusterRole" } else { "Role" };
    let mut object = about(kind, role.name, role.namespace);
    if !role.into.is_empty() {
        object["metadata"]["labels"][label(role.into)] = "true".into();
    }
    if role.aggregates {
        object["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": {label(role.name): "true"}}]});
    }
    object["rules"] = rules(role).iter().map(Rule::to_json).collect();
    object
}

fn binding(binding: &Binding) -> Value {
    let (kind, role) = match binding.namespace {
        "" => ("ClusterRoleBinding", "ClusterRole"),
        _ => ("RoleBinding", "Role"),
    };
    let mut object = about(kind, binding.name, binding.namespace);
    object["roleRef"] = json!({"apiGroup": GROUP, "kind": role, "name": binding.role});
    object["subjects"] = binding.subjects.iter().map(subject).collect();
    object
}

fn subject(subject: &Subject) -> Value {
    let (kind, name) = match subject {
        Subject::User(name) => ("User", name),
        Subject::Group(name) => ("Group", name),
    };
    json!({"apiGroup": GROUP, "kind": kind, "name": name})
}

fn is_left_alone(object: &Value) -> bool {
    fields::text(fields::at(object, &["metadata", "annotations"]), AUTOUPDATE) == "false"
}

/// Adds what a role does not allow yet; whether it did.
fn add_rules(there: &mut Value, wanted: &Value) -> bool {
    let missing = missing(&Rule::of_role(there), &Rule::of_role(wanted));
    if is_left_alone(there) || missing.is_empty() || fields::has(wanted, "aggregationRule") {
        return false;
    }
    add(there, "rules", missing.iter().map(Rule::to_json));
    true
}

/// Adds the subjects that a binding does not have yet; whether it did. A binding to another role stays as it is.
fn add_subjects(there: &mut Value, wanted: &Value) -> bool {
    let has = fields::list(there, "subjects");
    let missing: Vec<Value> =
        fields::list(wanted, "subjects").iter().filter(|subject| !has.contains(subject)).cloned().collect();
    if is_left_alone(there) || missing.is_empty() || !fields::same(there, wanted, "roleRef") {
        return false;
    }
    add(there, "subjects", missing.into_iter());
    true
}

fn add(object: &mut Value, field: &str, items: impl Iterator<Item = Value>) {
    fields::fill(object, field, Vec::<Value>::new());
    if let Some(list) = object.get_mut(field).and_then(Value::as_array_mut) {
        list.extend(items);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::metadata;

    fn find(kind: &str, name: &str) -> Value {
        let all = wanted().into_iter().map(|wanted| wanted.object);
        all.into_iter().find(|o| o["kind"] == kind && metadata::name(o) == name).expect("is wanted")
    }

    #[test]
    fn each_is_valid_and_each_binding_has_its_role() {
        let table = crate::kinds::Table::builtin();
        for wanted in wanted() {
            let row = table.by_plural(GROUP, "v1", wanted.plural).expect("a kind");
            assert_eq!(row.hooks.validate(&wanted.object), vec![], "{}", wanted.object);
            if fields::has(&wanted.object, "roleRef") {
                let role = &wanted.object["roleRef"];
                find(fields::text(role, "kind"), fields::text(role, "name"));
            }
        }
    }

    #[test]
    fn a_role_has_all_that_is_aggregated_to_it() {
        let allows = |name: &str, asked: &str| {
            let (verb, resource) = asked.split_once(' ').expect("two words");
            let wanted =
                Rule { verbs: words(verb), groups: words("core"), resources: words(resource), ..Rule::default() };
            missing(&Rule::of_role(&find("ClusterRole", name)), &[wanted]).is_empty()
        };
        for (name, asked, expected) in [
            ("view", "get pods", true),
            ("view", "get secrets", false),
            ("view", "create pods", false),
            ("edit", "get pods", true),
            ("edit", "create pods", true),
            ("edit", "create pods/exec", true),
            ("edit", "create resourcequotas", false),
            ("admin", "get secrets", true),
            ("admin", "delete namespaces", false),
            ("cluster-admin", "delete namespaces", true),
        ] {
            assert_eq!(allows(name, asked), expected, "{name} {asked}");
        }
    }

    #[test]
    fn what_was_taken_away_is_added_again_unless_it_is_said_not_to() {
        let wanted = find("ClusterRole", "system:basic-user");
        let mut there = wanted.clone();
        assert!(!add_rules(&mut there, &wanted));
        there["rules"] = json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]);
        let mut left = there.clone();
        left["metadata"]["annotations"][AUTOUPDATE] = "false".into();
        assert!(!add_rules(&mut left, &wanted));
        assert!(add_rules(&mut there, &wanted));
        assert_eq!(there["rules"][0]["resources"], json!(["pods"]));
        assert!(missing(&Rule::of_role(&there), &Rule::of_role(&wanted)).is_empty());

        let wanted = find("ClusterRoleBinding", "system:discovery");
        let mut there = wanted.clone();
        there["subjects"] = json!([]);
        assert!(add_subjects(&mut there, &wanted));
        assert_eq!(there["subjects"], wanted["subjects"]);
        there["roleRef"]["name"] = "other".into();
        there["subjects"] = json!([]);
        assert!(!add_subjects(&mut there, &wanted));
    }
}
