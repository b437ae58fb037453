//! Admission policies: what administrators allow, in CEL.

use serde_json::{Value, json};

use crate::fixture::{Client, Cluster};
use crate::{CONFIG_MAPS, DEPLOYMENTS, config_map, deployment};

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

fn rule(group: &str, resources: &[&str], operations: &[&str]) -> Value {
    json!([{"apiGroups": [group], "apiVersions": ["*"], "operations": operations, "resources": resources}])
}

async fn policy(admin: &Client, name: &str, rules: Value, more: Value) {
    let mut spec = json!({"matchConstraints": {"resourceRules": rules}});
    for (field, value) in more.as_object().expect("a spec") {
        spec[field] = value.clone();
    }
    let policy = json!({"metadata": {"name": name}, "spec": spec});
    admin.post(&format!("{GROUP}/validatingadmissionpolicies"), &policy).await.ok();
}

async fn binding(admin: &Client, policy: &str, actions: &[&str], more: Value) {
    let mut spec = json!({"policyName": policy, "validationActions": actions});
    for (field, value) in more.as_object().expect("a spec") {
        spec[field] = value.clone();
    }
    let binding = json!({"metadata": {"name": format!("{policy}-binding")}, "spec": spec});
    admin.post(&format!("{GROUP}/validatingadmissionpolicybindings"), &binding).await.ok();
}

#[tokio::test]
async fn what_a_policy_denies_is_refused_and_what_it_warns_of_is_said() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let validations = json!([{"expression": "variables.wanted <= 2", "messageExpression": "'at most 2, not ' + string(variables.wanted)"}]);
    let variables = json!([{"name": "wanted", "expression": "object.spec.replicas"}]);
    let spec = json!({"variables": variables, "validations": validations,
        "matchConditions": [{"name": "others", "expression": "object.metadata.name != 'free'"}]});
    policy(&admin, "few", rule("apps", &["deployments"], &["CREATE", "UPDATE"]), spec).await;
    admin
        .send(
            http::Method::POST,
            &format!("{DEPLOYMENTS}?dryRun=All"),
            &[crate::fixture::JSON],
            &deployment("web").to_string(),
        )
        .await
        .ok();
    binding(&admin, "few", &["Deny"], json!({})).await;

    let (code, reason, message) = admin.post(DEPLOYMENTS, &deployment("web")).await.refused();
    assert_eq!((code, &*reason), (422, "Invalid"));
    let expected = "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'few' with binding 'few-binding' denied \
                    request: at most 2, not 3";
    assert_eq!(message, expected);
    admin.post(DEPLOYMENTS, &deployment("free")).await.ok();
    let mut web = deployment("web");
    web["spec"]["replicas"] = 2.into();
    admin.post(DEPLOYMENTS, &web).await.ok();
    let path = format!("{DEPLOYMENTS}/web");
    assert_eq!(admin.merge(&path, &json!({"spec": {"replicas": 3}})).await.refused().0, 422);
    assert_eq!(admin.merge(&path, &json!({"spec": {"replicas": 1}})).await.ok()["spec"]["replicas"], 1);

    let validations = json!([{"expression": "has(object.data.owner)", "message": "say who owns it"},
        {"expression": "object.data.size() < 1", "reason": "Forbidden"}]);
    let spec = json!({"validations": validations});
    policy(&admin, "owned", rule("", &["configmaps"], &["CREATE"]), spec).await;
    binding(
        &admin,
        "owned",
        &["Warn", "Audit"],
        json!({"matchResources": {"objectSelector": {"matchLabels": {"a": "b"}}}}),
    )
    .await;
    let mut labelled = config_map("labelled");
    labelled["metadata"]["labels"] = json!({"a": "b"});
    let answer = admin.post(CONFIG_MAPS, &labelled).await;
    let warnings: Vec<&str> =
        answer.headers.get_all("warning").iter().map(|value| value.to_str().expect("text")).collect();
    let said = |message: &str| {
        format!(
            "299 - \"Validation failed for ValidatingAdmissionPolicy 'owned' with binding 'owned-binding': {message}\""
        )
    };
    assert_eq!(warnings, [said("say who owns it"), said("failed expression: object.data.size() < 1")]);
    let answer = admin.post(CONFIG_MAPS, &config_map("plain")).await;
    assert!(answer.code.is_success() && !answer.headers.contains_key("warning"));

    // A policy that is gone denies nothing.
    admin.delete(&format!("{GROUP}/validatingadmissionpolicies/few")).await.ok();
    admin.merge(&path, &json!({"spec": {"replicas": 5}})).await.ok();
}

#[tokio::test]
async fn policies_take_parameters_know_who_asks_and_see_deletions() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut limit = config_map("limit");
    limit["data"] = json!({"most": "2"});
    admin.post(CONFIG_MAPS, &limit).await.ok();
    let spec = json!({"paramKind": {"apiVersion": "v1", "kind": "ConfigMap"}, "validations": [{"reason": "Forbidden",
        "expression": "object.spec.replicas <= int(params.data.most) && namespaceObject.metadata.name == request.namespace"}]});
    policy(&admin, "limited", rule("apps", &["deployments"], &["*"]), spec).await;
    let parameter = json!({"paramRef": {"name": "limit", "parameterNotFoundAction": "Deny"}});
    binding(&admin, "limited", &["Deny"], parameter).await;
    let (code, _, message) = admin.post(DEPLOYMENTS, &deployment("web")).await.refused();
    assert!(
        code == 403
            && message.ends_with(
                "denied request: failed expression: object.spec.replicas <= int(params.data.most) && \
        namespaceObject.metadata.name == request.namespace"
            ),
        "{code} {message}"
    );
    admin.merge(&format!("{CONFIG_MAPS}/limit"), &json!({"data": {"most": "3"}})).await.ok();
    admin.post(DEPLOYMENTS, &deployment("web")).await.ok();
    admin.delete(&format!("{CONFIG_MAPS}/limit")).await.ok();
    let (_, _, message) = admin.post(DEPLOYMENTS, &deployment("second")).await.refused();
    assert!(
        message.ends_with(
            "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"
        ),
        "{message}"
    );

    let spec = json!({"validations": [{"message": "keep it",
        "expression": "request.operation != 'DELETE' || oldObject.metadata.name != 'kept' || request.userInfo.username == 'nobody'"}]});
    policy(&admin, "kept", rule("", &["configmaps"], &["DELETE"]), spec).await;
    binding(&admin, "kept", &["Deny"], json!({})).await;
    admin.post(CONFIG_MAPS, &config_map("kept")).await.ok();
    admin.post(CONFIG_MAPS, &config_map("other")).await.ok();
    let (_, _, message) = admin.delete(&format!("{CONFIG_MAPS}/kept")).await.refused();
    assert!(message.ends_with("denied request: keep it"), "{message}");
    admin.delete(&format!("{CONFIG_MAPS}/other")).await.ok();
    // An expression that fails counts as the policy says.
    for (action, refused) in [("Ignore", false), ("Fail", true)] {
        let spec = json!({"failurePolicy": action, "validations": [{"expression": "object.data.none == 'x'"}]});
        let name = action.to_lowercase();
        policy(&admin, &name, rule("", &["configmaps"], &["CREATE"]), spec).await;
        binding(&admin, &name, &["Deny"], json!({})).await;
        let answer = admin.post(CONFIG_MAPS, &config_map(&name)).await;
        assert_eq!(!answer.code.is_success(), refused, "{action}");
        if refused {
            let message = answer.refused().2;
            assert!(
                message.ends_with("expression 'object.data.none == 'x'' resulted in error: no such key: none"),
                "{message}"
            );
        }
    }
}

#[tokio::test]
async fn a_policy_whose_expressions_cannot_be_right_is_refused() {
    let cluster = Cluster::start().await;
    let spec = json!({"matchConstraints": {"resourceRules": rule("", &["pods"], &["CREATE"])},
        "validations": [{"expression": "object.spec.replicas <= variables.most"}]});
    let policy = json!({"metadata": {"name": "wrong"}, "spec": spec});
    let path = format!("{GROUP}/validatingadmissionpolicies");
    let (code, _, message) = cluster.admin().post(&path, &policy).await.refused();
    assert_eq!(code, 422);
    assert!(
        message.contains("spec.validations[0].expression") && message.contains("undefined field 'most'"),
        "{message}"
    );
}

#[tokio::test]
async fn a_pod_names_a_runtime_class_that_is_there() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    let mut pod = crate::pod("fast");
    pod["spec"]["runtimeClassName"] = "fast".into();
    let (code, _, message) = admin.post(crate::PODS, &pod).await.refused();
    assert_eq!((code, &*message), (403, "pods \"fast\" is forbidden: pod rejected: RuntimeClass \"fast\" not found"));
    let class = json!({"metadata": {"name": "fast"}, "handler": "fast", "overhead": {"podFixed": {"cpu": "10m"}},
        "scheduling": {"nodeSelector": {"kvm": "yes"}}});
    admin.post("/apis/node.k8s.io/v1/runtimeclasses", &class).await.ok();
    let made = admin.post(crate::PODS, &pod).await.ok();
    assert_eq!(
        (&made["spec"]["overhead"]["cpu"], &made["spec"]["nodeSelector"]["kvm"]),
        (&json!("10m"), &json!("yes"))
    );
}

#[tokio::test]
async fn whoever_asks_for_what_will_go_is_told() {
    let cluster = Cluster::start().await;
    let admin = cluster.admin();
    for (path, said) in [
        (
            "/api/v1/namespaces/default/endpoints",
            Some("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
        ),
        ("/api/v1/componentstatuses", Some("v1 ComponentStatus is deprecated in v1.19+")),
        (CONFIG_MAPS, None),
    ] {
        let answer = admin.get(path).await;
        let warning = answer.headers.get("warning").map(|value| value.to_str().expect("text").to_owned());
        assert_eq!(warning, said.map(|said| format!("299 - \"{said}\"")), "{path}");
    }
}
