//! What an identity may do, as a list: found by asking the policy about everything that is served.

use serde_json::{Value, json};

use super::policy::may;
use crate::discovery::{subresource, verbs};
use crate::identity::{Identity, MASTERS};
use crate::kinds::Table;
use crate::request::RequestInfo;

/// Paths outside the resources that the policy tells apart.
const PATHS: [&str; 9] =
    ["/.well-known", "/api", "/apis", "/healthz", "/livez", "/metrics", "/openapi", "/readyz", "/version"];

/// Verbs of resources as the policy names them; any other text is no verb.
pub fn verb(text: &str) -> &'static str {
    const ALL: [&str; 8] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
    ALL.into_iter().find(|known| *known == text).unwrap_or("")
}

/// The `status` of a SelfSubjectRulesReview.
pub fn of(identity: &Identity, namespace: &str, table: &Table) -> Value {
    if identity.has_group(MASTERS) {
        return json!({
            "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}],
            "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
            "incomplete": false,
        });
    }
    let mut rules = vec![];
    for row in table.rows() {
        let kind = &row.kind;
        let of_subresources = row.subresources.iter().map(|sub| (sub.name(), subresource(row, *sub).1.to_vec()));
        for (subresource, verbs) in [("", verbs(row))].into_iter().chain(of_subresources) {
            let asked = |verb| RequestInfo {
                verb,
                is_resource: true,
                group: kind.group.clone(),
                version: kind.version.clone(),
                namespace: if kind.namespaced { namespace.to_string() } else { String::new() },
                resource: kind.plural.clone(),
                subresource: subresource.to_string(),
                ..RequestInfo::default()
            };
            let allowed: Vec<&str> = verbs.into_iter().filter(|verb| may(identity, &asked(verb))).collect();
            if !allowed.is_empty() {
                let slash = if subresource.is_empty() { "" } else { "/" };
                let resource = format!("{}{slash}{subresource}", kind.plural);
                rules.push(json!({"verbs": allowed, "apiGroups": [kind.group], "resources": [resource]}));
            }
        }
    }
    let paths: Vec<&str> = PATHS
        .into_iter()
        .filter(|path| may(identity, &RequestInfo { verb: "get", path: path.to_string(), ..RequestInfo::default() }))
        .collect();
    // What a node may do depends on names as well, which a list like this cannot say.
    let incomplete = identity.node_name().is_some();
    let mut status = json!({
        "resourceRules": rules, "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": paths}],
        "incomplete": incomplete,
    });
    if incomplete {
        status["evaluationError"] = "what a node may do depends on the names of objects".into();
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_says_what_the_policy_says() {
        let table = Table::builtin();
        let stranger = of(&Identity::new("bob", &[]), "a", &table);
        let resources: Vec<&Value> =
            stranger["resourceRules"].as_array().into_iter().flatten().map(|rule| &rule["resources"][0]).collect();
        assert_eq!(resources, ["selfsubjectaccessreviews", "selfsubjectrulesreviews", "selfsubjectreviews"]);
        let node = of(&Identity::node("n"), "a", &table);
        assert_eq!(node["incomplete"], true);
        let pods = node["resourceRules"].as_array().into_iter().flatten().find(|rule| rule["resources"][0] == "pods");
        assert_eq!(pods.map(|rule| &rule["verbs"]), Some(&json!(["create", "delete", "get", "list", "watch"])));
        assert_eq!(of(&Identity::admin(), "a", &table)["resourceRules"][0]["verbs"][0], "*");
    }
}
