//! ValidatingWebhookConfiguration and MutatingWebhookConfiguration.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use super::rules::{conditions, default_rules, rule};
use super::{FAILURE_POLICIES, MATCH_POLICIES};
use crate::kinds::checks::{grammar, optional_choice};
use crate::kinds::declared::Declared;
use crate::kinds::groups::grammar::qualified_domain;
use crate::kinds::selectors::label_selector;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, json, metadata};

const COLUMNS: &[Column] = &[Column::NAME, Column::integer("Webhooks"), Column::AGE];
/// The versions of the question that webhooks may understand.
const REVIEW_VERSIONS: &[&str] = &["v1", "v1beta1"];
/// What a webhook may do besides answering.
const SIDE_EFFECTS: &[&str] = &["None", "NoneOnDryRun"];

pub fn specs() -> Vec<Spec> {
    let hooks = Declared {
        default: |o| json::list_mut(o, "webhooks").for_each(default),
        validate,
        cells: |o, now| vec![json::list(o, "webhooks").len().into(), metadata::age(o, now).into()],
        ..Declared::NOTHING
    };
    let mutating = Declared {
        default: |o| {
            for webhook in json::list_mut(o, "webhooks") {
                default(webhook);
                json::fill_text(webhook, "reinvocationPolicy", "Never");
            }
        },
        ..hooks
    };
    let spec = |kind, plural, hooks| Spec { columns: COLUMNS, ..Spec::core(kind, plural, hooks) };
    vec![
        spec("ValidatingWebhookConfiguration", "validatingwebhookconfigurations", hooks),
        spec("MutatingWebhookConfiguration", "mutatingwebhookconfigurations", mutating),
    ]
}

fn default(webhook: &mut Value) {
    json::fill_text(webhook, "failurePolicy", "Fail");
    json::fill_text(webhook, "matchPolicy", "Equivalent");
    json::fill(webhook, "timeoutSeconds", 10);
    for selector in ["namespaceSelector", "objectSelector"] {
        json::object_mut(webhook, selector);
    }
    default_rules(webhook, "rules");
    if let Some(service) = webhook.pointer_mut("/clientConfig/service") {
        json::fill_int(service, "port", 443);
    }
}

fn validate(o: &Value, errors: &mut Vec<FieldError>) {
    let mut seen = BTreeSet::new();
    for (i, webhook) in json::list(o, "webhooks").iter().enumerate() {
        let path = Path::new("webhooks").index(i);
        self::webhook(webhook, &path, errors);
        review_versions(webhook, &path.child("admissionReviewVersions"), errors);
        let name = json::text(webhook, "name");
        if !name.is_empty() && !seen.insert(name) {
            errors.push(FieldError::duplicate(&path.child("name"), name));
        }
    }
}

fn webhook(webhook: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    qualified_domain(json::text(webhook, "name"), 3, &path.child("name"), errors);
    for (i, rule) in json::list(webhook, "rules").iter().enumerate() {
        self::rule(rule, &path.child("rules").index(i), errors);
    }
    optional_choice(webhook, "failurePolicy", FAILURE_POLICIES, path, errors);
    optional_choice(webhook, "matchPolicy", MATCH_POLICIES, path, errors);
    if json::text(webhook, "sideEffects").is_empty() {
        let detail = format!("must specify one of {}", SIDE_EFFECTS.join(", "));
        errors.push(FieldError::required(&path.child("sideEffects"), detail));
    }
    optional_choice(webhook, "sideEffects", SIDE_EFFECTS, path, errors);
    if let Some(seconds) = json::int(webhook, "timeoutSeconds").filter(|seconds| !(1..=30).contains(seconds)) {
        let detail = "the timeout value must be between 1 and 30 seconds";
        errors.push(FieldError::invalid(&path.child("timeoutSeconds"), seconds, detail));
    }
    for selector in ["namespaceSelector", "objectSelector"] {
        label_selector(json::get(webhook, selector), &path.child(selector), errors);
    }
    optional_choice(webhook, "reinvocationPolicy", &["IfNeeded", "Never"], path, errors);
    client(json::get(webhook, "clientConfig"), &path.child("clientConfig"), errors);
    conditions(webhook, path, errors);
}

fn client(client: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    match (json::has(client, "url"), json::has(client, "service")) {
        (true, false) => url(json::text(client, "url"), &path.child("url"), errors),
        (false, true) => service(json::get(client, "service"), &path.child("service"), errors),
        _ => errors.push(FieldError::required(path, "exactly one of url or service is required")),
    }
}

fn url(url: &str, path: &Path, errors: &mut Vec<FieldError>) {
    const FORM: &str = "; desired format: https://host[/path]";
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = rest.split('/').next().unwrap_or("");
    let (user, host) = authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host));
    if scheme != "https" {
        let detail = format!("'https' is the only allowed URL scheme{FORM}");
        errors.push(FieldError::invalid(path, scheme, detail));
    }
    if host.is_empty() {
        errors.push(FieldError::invalid(path, host, format!("host must be specified{FORM}")));
    }
    let parts =
        [(user.unwrap_or(""), "user information is"), (fragment, "fragments are"), (query, "query parameters are")];
    for (part, words) in parts.into_iter().filter(|(part, _)| !part.is_empty()) {
        errors.push(FieldError::invalid(path, part, format!("{words} not permitted in the URL")));
    }
}

fn service(service: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    for field in ["name", "namespace"] {
        if json::text(service, field).is_empty() {
            errors.push(FieldError::required(&path.child(field), format!("service {field} is required")));
        }
    }
    let port = json::int(service, "port").unwrap_or(0);
    let found = names::port_number(port);
    if !found.is_empty() {
        let detail = format!("port is not valid: {}", found.join(","));
        errors.push(FieldError::invalid(&path.child("port"), port, detail));
    }
    if json::has(service, "path") {
        service_path(json::text(service, "path"), &path.child("path"), errors);
    }
}

fn service_path(given: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let Some(rest) = given.strip_prefix('/') else {
        return errors.push(FieldError::invalid(path, given, "must start with a '/'"));
    };
    if rest.is_empty() {
        return;
    }
    for (i, segment) in rest.strip_suffix('/').unwrap_or(rest).split('/').enumerate() {
        if segment.is_empty() {
            errors.push(FieldError::invalid(path, given, format!("segment[{i}] may not be empty")));
            continue;
        }
        let found = names::dns1123_subdomain(segment).into_iter();
        grammar(given, found.map(|message| format!("segment[{i}]: {message}")).collect(), path, errors);
    }
}

fn review_versions(webhook: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let versions = json::list(webhook, "admissionReviewVersions");
    let known = REVIEW_VERSIONS.join(", ");
    if versions.is_empty() {
        return errors.push(FieldError::required(path, format!("must specify one of {known}")));
    }
    let mut seen = BTreeSet::new();
    for (i, version) in versions.iter().enumerate() {
        let version = version.as_str().unwrap_or("");
        if !seen.insert(version) {
            errors.push(FieldError::invalid(&path.index(i), version, "duplicate version"));
            continue;
        }
        grammar(version, names::dns1035_label(version), &path.index(i), errors);
    }
    if !REVIEW_VERSIONS.iter().any(|version| seen.contains(version)) {
        let detail = format!("must include at least one of {known}");
        errors.push(FieldError::invalid(path, versions.to_vec(), detail));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::kinds::groups::testing::{cells, check, good};

    #[test]
    fn a_webhook_says_who_is_asked_about_what() {
        let o = good(
            "MutatingWebhookConfiguration",
            json!({"metadata": {"name": "w"}, "webhooks": [{"name": "a.example.com", "sideEffects": "None",
                "admissionReviewVersions": ["v1"], "clientConfig": {"service": {"name": "s", "namespace": "n", "path": "/a/b"}},
                "rules": [{"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]}]}),
        );
        let webhook = &o["webhooks"][0];
        let filled = ["failurePolicy", "matchPolicy", "timeoutSeconds", "namespaceSelector", "reinvocationPolicy"];
        assert_eq!(
            filled.map(|field| webhook[field].clone()),
            [json!("Fail"), json!("Equivalent"), json!(10), json!({}), json!("Never")]
        );
        assert_eq!(
            (&webhook["rules"][0]["scope"], &webhook["clientConfig"]["service"]["port"]),
            (&json!("*"), &json!(443))
        );
        assert_eq!(cells("MutatingWebhookConfiguration", &o)[0].1, 1);
        let (at, rule) = ("/webhooks/0", "/webhooks/0/rules/0");
        check(
            "MutatingWebhookConfiguration",
            &o,
            &[
                (
                    &format!("{at}/name"),
                    json!("a.b"),
                    &[
                        "webhooks[0].name: Invalid value: \"a.b\": should be a domain with at least three segments separated by dots",
                    ],
                ),
                (
                    &format!("{at}/sideEffects"),
                    json!(null),
                    &["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"],
                ),
                (
                    &format!("{at}/sideEffects"),
                    json!("Some"),
                    &[
                        "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"",
                    ],
                ),
                (
                    &format!("{at}/timeoutSeconds"),
                    json!(31),
                    &[
                        "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds",
                    ],
                ),
                (
                    &format!("{at}/failurePolicy"),
                    json!("Never"),
                    &[
                        "webhooks[0].failurePolicy: Unsupported value: \"Never\": supported values: \"Fail\", \"Ignore\"",
                    ],
                ),
                (
                    &format!("{at}/admissionReviewVersions"),
                    json!([]),
                    &["webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1"],
                ),
                (
                    &format!("{at}/admissionReviewVersions"),
                    json!(["v2"]),
                    &[
                        "webhooks[0].admissionReviewVersions: Invalid value: [\"v2\"]: must include at least one of v1, v1beta1",
                    ],
                ),
                (
                    &format!("{at}/clientConfig"),
                    json!({}),
                    &["webhooks[0].clientConfig: Required value: exactly one of url or service is required"],
                ),
                (
                    &format!("{at}/clientConfig"),
                    json!({"url": "http://u@/x?q#f"}),
                    &[
                        "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: https://host[/path]",
                        "webhooks[0].clientConfig.url: Invalid value: \"\": host must be specified; desired format: https://host[/path]",
                        "webhooks[0].clientConfig.url: Invalid value: \"u\": user information is not permitted in the URL",
                        "webhooks[0].clientConfig.url: Invalid value: \"f\": fragments are not permitted in the URL",
                        "webhooks[0].clientConfig.url: Invalid value: \"q\": query parameters are not permitted in the URL",
                    ],
                ),
                (
                    &format!("{at}/clientConfig/service/path"),
                    json!("a"),
                    &["webhooks[0].clientConfig.service.path: Invalid value: \"a\": must start with a '/'"],
                ),
                (
                    &format!("{at}/clientConfig/service/path"),
                    json!("/a//b"),
                    &["webhooks[0].clientConfig.service.path: Invalid value: \"/a//b\": segment[1] may not be empty"],
                ),
                (
                    &format!("{at}/clientConfig/service/name"),
                    json!(""),
                    &["webhooks[0].clientConfig.service.name: Required value: service name is required"],
                ),
                (
                    &format!("{rule}/operations"),
                    json!(["*", "CREATE"]),
                    &["webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: \
                if '*' is present, must not specify other operations"],
                ),
                (
                    &format!("{rule}/operations"),
                    json!(["READ"]),
                    &["webhooks[0].rules[0].operations[0]: Unsupported value: \"READ\": \
                supported values: \"*\", \"CONNECT\", \"CREATE\", \"DELETE\", \"UPDATE\""],
                ),
                (&format!("{rule}/apiVersions"), json!([]), &["webhooks[0].rules[0].apiVersions: Required value"]),
                (
                    &format!("{rule}/resources"),
                    json!(["pods/*", "pods/log"]),
                    &["webhooks[0].rules[0].resources[1]: Invalid value: \"pods/log\": \
                if 'pods/*' is present, must not specify pods/log"],
                ),
                (
                    &format!("{rule}/resources"),
                    json!(["*", "pods"]),
                    &["webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\"]: \
                if '*' is present, must not specify other resources without subresources"],
                ),
                (
                    &format!("{rule}/scope"),
                    json!("World"),
                    &[
                        "webhooks[0].rules[0].scope: Unsupported value: \"World\": supported values: \"*\", \"Cluster\", \"Namespaced\"",
                    ],
                ),
                (
                    &format!("{at}/matchConditions"),
                    json!([{"name": "a", "expression": "true"}, {"name": "a", "expression": " "}]),
                    &[
                        "webhooks[0].matchConditions[1].expression: Required value",
                        "webhooks[0].matchConditions[1].name: Duplicate value: \"a\"",
                    ],
                ),
            ],
        );
    }
}
