use serde_json::json;

use super::super::testing::{cells, check, check_updates, good};

#[test]
fn a_rule_says_verbs_and_either_resources_or_paths() {
    let rules =
        json!([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods", "pods/log"], "resourceNames": ["a"]}]);
    let role = good("Role", json!({"metadata": {"name": "Any:thing"}, "rules": rules}));
    let paths = json!({"verbs": ["get"], "nonResourceURLs": ["/healthz"]});
    check(
        "Role",
        &role,
        &[
            ("/rules/0/verbs", json!([]), &["rules[0].verbs: Required value: verbs must contain at least one value"]),
            (
                "/rules/0/apiGroups",
                json!([]),
                &["rules[0].apiGroups: Required value: resource rules must supply at least one api group"],
            ),
            (
                "/rules/0/resources",
                json!(null),
                &["rules[0].resources: Required value: resource rules must supply at least one resource"],
            ),
            (
                "/rules/0",
                paths.clone(),
                &[
                    "rules[0].nonResourceURLs: Invalid value: [\"/healthz\"]: namespaced rules cannot apply to non-resource URLs",
                ],
            ),
        ],
    );
    let role = good("ClusterRole", json!({"metadata": {"name": "a"}, "rules": [paths]}));
    check(
        "ClusterRole",
        &role,
        &[
            (
                "/rules/0/resources",
                json!(["pods"]),
                &["rules[0].nonResourceURLs: Invalid value: [\"/healthz\"]: \
            rules cannot apply to both regular resources and non-resource URLs"],
            ),
            (
                "/aggregationRule",
                json!({}),
                &["aggregationRule.clusterRoleSelectors: Required value: \
            at least one clusterRoleSelector required if aggregationRule is non-nil"],
            ),
            ("/aggregationRule", json!({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}), &[]),
        ],
    );
}

#[test]
fn a_binding_names_a_role_and_its_subjects() {
    let binding = good(
        "RoleBinding",
        json!({"metadata": {"name": "b", "namespace": "n"},
        "roleRef": {"kind": "Role", "name": "r"},
        "subjects": [{"kind": "User", "name": "ann"}, {"kind": "Group", "name": "ops"},
            {"kind": "ServiceAccount", "name": "s", "namespace": "n"}]}),
    );
    assert_eq!(binding["roleRef"]["apiGroup"], super::GROUP);
    assert_eq!(binding["subjects"][1]["apiGroup"], super::GROUP);
    assert!(binding["subjects"][2].get("apiGroup").is_none());
    check(
        "RoleBinding",
        &binding,
        &[
            (
                "/roleRef/apiGroup",
                json!("apps"),
                &["roleRef.apiGroup: Unsupported value: \"apps\": supported values: \"rbac.authorization.k8s.io\""],
            ),
            (
                "/roleRef/kind",
                json!("User"),
                &["roleRef.kind: Unsupported value: \"User\": supported values: \"Role\", \"ClusterRole\""],
            ),
            ("/roleRef/name", json!(""), &["roleRef.name: Required value"]),
            ("/roleRef/name", json!("a/b"), &["roleRef.name: Invalid value: \"a/b\": may not contain '/'"]),
            (
                "/subjects/0/name",
                json!(""),
                &[
                    "subjects[0].name: Required value",
                    "subjects[0].name: Invalid value: \"\": user name cannot be empty",
                ],
            ),
            (
                "/subjects/2/apiGroup",
                json!("x"),
                &["subjects[2].apiGroup: Unsupported value: \"x\": supported values: \"\""],
            ),
            ("/subjects/2/namespace", json!(null), &[]),
            (
                "/subjects/1/kind",
                json!("Robot"),
                &[
                    "subjects[1].kind: Unsupported value: \"Robot\": supported values: \"ServiceAccount\", \"User\", \"Group\"",
                ],
            ),
        ],
    );
    check_updates(
        "RoleBinding",
        &binding,
        &[
            ("/subjects", json!([]), &[]),
            (
                "/roleRef/name",
                json!("other"),
                &["roleRef: Invalid value: \
            {\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"Role\",\"name\":\"other\"}: cannot change roleRef"],
            ),
        ],
    );
    let shown: Vec<String> =
        cells("RoleBinding", &binding).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
    assert_eq!(shown, ["Role=\"Role/r\"", "Users=\"ann\"", "Groups=\"ops\"", "ServiceAccounts=\"n/s\""]);
    let mut cluster = binding.clone();
    cluster["roleRef"]["kind"] = "ClusterRole".into();
    let cluster = good("ClusterRoleBinding", cluster);
    check(
        "ClusterRoleBinding",
        &cluster,
        &[
            (
                "/roleRef/kind",
                json!("Role"),
                &["roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\""],
            ),
            ("/subjects/2/namespace", json!(null), &["subjects[2].namespace: Required value"]),
        ],
    );
}
