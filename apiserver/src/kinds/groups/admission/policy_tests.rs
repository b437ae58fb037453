use serde_json::{Value, json};

use crate::kinds::groups::testing::{cells, check, good};

fn constraints() -> Value {
    json!({"resourceRules": [{"operations": ["CREATE"], "apiGroups": ["apps"], "apiVersions": ["v1"], "resources": ["deployments"]}]})
}

#[test]
fn a_validating_policy_has_something_to_say() {
    let policy = good(
        "ValidatingAdmissionPolicy",
        json!({"metadata": {"name": "p"}, "spec": {
        "paramKind": {"apiVersion": "x.io/v1", "kind": "Limit"}, "matchConstraints": constraints(),
        "validations": [{"expression": "true"}], "variables": [{"name": "a", "expression": "1"}]}}),
    );
    assert_eq!(policy["spec"]["matchConstraints"]["resourceRules"][0]["scope"], "*");
    let shown: Vec<String> =
        cells("ValidatingAdmissionPolicy", &policy).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
    assert_eq!(shown, ["Validations=1", "ParamKind=\"x.io/v1/Limit\""]);
    check(
        "ValidatingAdmissionPolicy",
        &policy,
        &[
            (
                "/spec/failurePolicy",
                json!("Maybe"),
                &["spec.failurePolicy: Unsupported value: \"Maybe\": supported values: \"Fail\", \"Ignore\""],
            ),
            (
                "/spec/paramKind/kind",
                json!("a b"),
                &["spec.paramKind.kind: Invalid value: \"a b\": may have mixed case, but should otherwise match: \
            a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an \
            alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"],
            ),
            ("/spec/matchConstraints", json!(null), &["spec.matchConstraints: Required value"]),
            (
                "/spec/matchConstraints/resourceRules",
                json!([]),
                &["spec.matchConstraints.resourceRules: Required value"],
            ),
            (
                "/spec/validations",
                json!([]),
                &[
                    "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
                    "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
                ],
            ),
            (
                "/spec/validations/0/expression",
                json!(" "),
                &["spec.validations[0].expression: Required value: expression is not specified"],
            ),
            (
                "/spec/validations/0/message",
                json!("a\nb"),
                &["spec.validations[0].message: Invalid value: \"a\\nb\": message must not contain line breaks"],
            ),
            (
                "/spec/validations/0/reason",
                json!("Mood"),
                &["spec.validations[0].reason: Unsupported value: \"Mood\": \
            supported values: \"Forbidden\", \"Invalid\", \"RequestEntityTooLarge\", \"Unauthorized\""],
            ),
            (
                "/spec/variables/0/name",
                json!("1a"),
                &["spec.variables[0].name: Invalid value: \"1a\": name is not a valid CEL identifier"],
            ),
        ],
    );
}

#[test]
fn a_mutating_policy_patches_in_one_way() {
    let policy = good(
        "MutatingAdmissionPolicy",
        json!({"metadata": {"name": "p"}, "spec": {
        "reinvocationPolicy": "Never", "matchConstraints": constraints(),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": "[]"}}]}}),
    );
    assert_eq!(cells("MutatingAdmissionPolicy", &policy)[1].1, "<unset>");
    check(
        "MutatingAdmissionPolicy",
        &policy,
        &[
            (
                "/spec/mutations",
                json!([]),
                &["spec.mutations: Required value: mutations must contain at least one item"],
            ),
            (
                "/spec/mutations/0/patchType",
                json!("Merge"),
                &["spec.mutations[0].patchType: Unsupported value: \"Merge\": \
            supported values: \"ApplyConfiguration\", \"JSONPatch\""],
            ),
            (
                "/spec/mutations/0/jsonPatch",
                json!(null),
                &["spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch"],
            ),
            ("/spec/reinvocationPolicy", json!(""), &["spec.reinvocationPolicy: Required value"]),
        ],
    );
}

#[test]
fn a_binding_names_a_policy_and_its_parameter() {
    let binding = good(
        "ValidatingAdmissionPolicyBinding",
        json!({"metadata": {"name": "b"}, "spec": {"policyName": "p",
        "paramRef": {"name": "x", "namespace": "n", "parameterNotFoundAction": "Deny"}, "validationActions": ["Deny"]}}),
    );
    let shown: Vec<String> = cells("ValidatingAdmissionPolicyBinding", &binding)
        .iter()
        .map(|(name, cell)| format!("{name}={cell}"))
        .collect();
    assert_eq!(shown, ["PolicyName=\"p\"", "ParamRef=\"n/x\""]);
    check(
        "ValidatingAdmissionPolicyBinding",
        &binding,
        &[
            ("/spec/policyName", json!(""), &["spec.policyName: Required value"]),
            (
                "/spec/paramRef/name",
                json!(null),
                &["spec.paramRef: Required value: one of name or selector must be specified"],
            ),
            (
                "/spec/paramRef/selector",
                json!({}),
                &["spec.paramRef.name: Forbidden: name and selector are mutually exclusive"],
            ),
            (
                "/spec/validationActions",
                json!([]),
                &["spec.validationActions: Required value: at least one validation action is required"],
            ),
            (
                "/spec/validationActions",
                json!(["Deny", "Deny"]),
                &["spec.validationActions[1]: Duplicate value: \"Deny\""],
            ),
            (
                "/spec/validationActions",
                json!(["Deny", "Warn"]),
                &["spec.validationActions: Invalid value: [\"Deny\",\"Warn\"]: must not contain \
            both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"],
            ),
        ],
    );
}
