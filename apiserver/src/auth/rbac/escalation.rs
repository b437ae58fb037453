//! Nobody gives away more than one has: whoever writes a role or a binding holds its rules, or may `escalate` or `bind`.

use serde_json::Value;
use timonier_api::kind::GroupResource;
use timonier_api::status::Status;

use super::rule::{Rule, missing};
use super::{Decision, GROUP};
use crate::auth::{Attributes, Authorizer};
use crate::identity::{Identity, MASTERS};
use crate::kinds::{Row, json, metadata};

/// Looks at a write of anything; only roles and bindings are refused.
pub fn check(
    authorizer: &Authorizer,
    identity: &Identity,
    row: &Row,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), Status> {
    if row.kind.group != GROUP || identity.has_group(MASTERS) {
        return Ok(());
    }
    let namespace = json::text(json::get(new, "metadata"), "namespace");
    match &*row.kind.plural {
        "roles" | "clusterroles" => role(authorizer, identity, row, namespace, old, new),
        _ => binding(authorizer, identity, row, namespace, old, new),
    }
}

fn may(authorizer: &Authorizer, identity: &Identity, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let asked =
        Attributes { verb, is_resource: true, group: GROUP, resource, namespace, name, ..Attributes::default() };
    authorizer.may(identity, &asked)
}

fn role(
    authorizer: &Authorizer,
    identity: &Identity,
    row: &Row,
    namespace: &str,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), Status> {
    let unchanged = old.is_some_and(|old| json::same(old, new, "rules") && json::same(old, new, "aggregationRule"));
    if unchanged || may(authorizer, identity, "escalate", &row.kind.plural, namespace, metadata::name(new)) {
        return Ok(());
    }
    let mut wanted = Rule::of_role(new);
    // Whatever others will label is taken in.
    if json::has(new, "aggregationRule") {
        wanted.extend(everything());
    }
    hold(authorizer, identity, row, namespace, new, &wanted)
}

fn everything() -> [Rule; 2] {
    let all = || vec![Box::from("*")];
    [
        Rule { verbs: all(), groups: all(), resources: all(), ..Rule::default() },
        Rule { verbs: all(), urls: all(), ..Rule::default() },
    ]
}

fn binding(
    authorizer: &Authorizer,
    identity: &Identity,
    row: &Row,
    namespace: &str,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), Status> {
    let unchanged = old.is_some_and(|old| json::same(old, new, "roleRef") && json::same(old, new, "subjects"));
    let role = json::get(new, "roleRef");
    let (kind, name) = (json::text(role, "kind"), json::text(role, "name"));
    let plural = if kind == "ClusterRole" { "clusterroles" } else { "roles" };
    if unchanged || may(authorizer, identity, "bind", plural, namespace, name) {
        return Ok(());
    }
    match authorizer.rbac.role(kind, name, namespace) {
        Some(rules) => hold(authorizer, identity, row, namespace, new, &rules),
        None => Err(Status::not_found(&GroupResource::new(GROUP, plural), name)),
    }
}

/// Refuses what the identity does not hold itself.
fn hold(
    authorizer: &Authorizer,
    identity: &Identity,
    row: &Row,
    namespace: &str,
    new: &Value,
    wanted: &[Rule],
) -> Result<(), Status> {
    let (held, complaints) = authorizer.rbac.rules(identity, namespace);
    let missing = missing(&held, wanted);
    if missing.is_empty() {
        return Ok(());
    }
    let groups: Vec<String> = identity.groups.iter().map(|group| format!("{group:?}")).collect();
    let mut lines: Vec<String> = missing.iter().map(Rule::to_string).collect();
    lines.sort();
    let mut detail = format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        identity.user,
        groups.join(" "),
        lines.join("\n")
    );
    if !complaints.is_empty() {
        detail.push_str(&format!("; resolution errors: [{}]", complaints.join(", ")));
    }
    Err(Status::forbidden(&GroupResource::new(GROUP, &*row.kind.plural), metadata::name(new), detail))
}

impl Decision {
    pub const ALLOWED: Decision = Decision { allowed: true, reason: String::new() };
}
