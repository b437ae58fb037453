//! `flowcontrol.apiserver.k8s.io`: which requests wait for which. Stored and checked; this server's own levels are fixed.

use std::collections::BTreeSet;

use serde_json::Value;
use timonier_api::field::{FieldError, Path};
use timonier_api::names;

use crate::kinds::checks::{choice, grammar, not_negative, required_text};
use crate::kinds::declared::Declared;
use crate::kinds::spec::Spec;
use crate::kinds::{Column, Subresource, json, metadata};

const HIGHEST_PRECEDENCE: i64 = 10_000;
const MOST_QUEUES: i64 = 10_000_000;
const VERBS: &[&str] = &["create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"];

const SCHEMA_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("PriorityLevel"),
    Column::integer("MatchingPrecedence"),
    Column::text("DistinguisherMethod"),
    Column::AGE,
    Column::text("MissingPL"),
];
const LEVEL_COLUMNS: &[Column] = &[
    Column::NAME,
    Column::text("Type"),
    Column::text("NominalConcurrencyShares"),
    Column::text("Queues"),
    Column::text("HandSize"),
    Column::text("QueueLengthLimit"),
    Column::AGE,
];

pub fn specs() -> Vec<Spec> {
    let spec = |kind, plural, columns, hooks| Spec {
        group: "flowcontrol.apiserver.k8s.io",
        package: "flowcontrol",
        generations: true,
        namespaced: false,
        columns,
        subresources: &[Subresource::Status],
        enforced: false,
        ..Spec::core(kind, plural, hooks)
    };
    let schema = Declared {
        status: true,
        default: |o| {
            if let Some(spec) = json::object_mut(o, "spec") {
                json::fill_int(spec, "matchingPrecedence", 1000);
            }
        },
        validate: validate_schema,
        validate_status_update: |new, _, errors| conditions(new, errors),
        cells: |o, now| {
            let spec = json::get(o, "spec");
            let method = json::text(json::get(spec, "distinguisherMethod"), "type");
            vec![
                json::text(json::get(spec, "priorityLevelConfiguration"), "name").into(),
                json::int(spec, "matchingPrecedence").unwrap_or(0).into(),
                if method.is_empty() { "<none>" } else { method }.into(),
                metadata::age(o, now).into(),
                dangling(o).into(),
            ]
        },
        ..Declared::NOTHING
    };
    let level = Declared {
        status: true,
        default: default_level,
        validate: validate_level,
        validate_status_update: |new, _, errors| conditions(new, errors),
        cells: |o, now| {
            let spec = json::get(o, "spec");
            let (limited, exempt) = (json::get(spec, "limited"), json::get(spec, "exempt"));
            let queuing = json::at(limited, &["limitResponse", "queuing"]);
            let number = |o: &Value, field: &str| {
                json::int(o, field).map_or_else(|| "<none>".to_owned(), |number| number.to_string())
            };
            let shares = if limited.is_null() { exempt } else { limited };
            vec![
                json::text(spec, "type").into(),
                number(shares, "nominalConcurrencyShares").into(),
                number(queuing, "queues").into(),
                number(queuing, "handSize").into(),
                number(queuing, "queueLengthLimit").into(),
                metadata::age(o, now).into(),
            ]
        },
        ..Declared::NOTHING
    };
    vec![
        spec("FlowSchema", "flowschemas", SCHEMA_COLUMNS, schema),
        spec("PriorityLevelConfiguration", "prioritylevelconfigurations", LEVEL_COLUMNS, level),
    ]
}

/// Whether the level that a schema names is missing, as its conditions say.
fn dangling(o: &Value) -> &str {
    let conditions = json::list(json::get(o, "status"), "conditions");
    let condition = conditions.iter().find(|condition| json::text(condition, "type") == "Dangling");
    condition.map_or("?", |condition| json::text(condition, "status"))
}

fn conditions(o: &Value, errors: &mut Vec<FieldError>) {
    let path = Path::new("status").child("conditions");
    let mut seen = BTreeSet::new();
    for (i, condition) in json::list(json::get(o, "status"), "conditions").iter().enumerate() {
        let (path, type_) = (path.index(i).child("type"), json::text(condition, "type"));
        if !seen.insert(type_) {
            errors.push(FieldError::duplicate(&path, type_));
        }
        if type_.is_empty() {
            errors.push(FieldError::required(&path, "must not be empty"));
        }
    }
}

fn validate_schema(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    let (precedence, at) = (json::int(spec, "matchingPrecedence").unwrap_or(0), path.child("matchingPrecedence"));
    if precedence <= 0 {
        errors.push(FieldError::invalid(&at, precedence, "must be a positive value"));
    }
    if precedence > HIGHEST_PRECEDENCE {
        errors.push(FieldError::invalid(&at, precedence, format!("must not be greater than {HIGHEST_PRECEDENCE}")));
    }
    if precedence == 1 && metadata::name(o) != "exempt" {
        let detail = "only the schema named 'exempt' may have matchingPrecedence 1";
        errors.push(FieldError::invalid(&at, precedence, detail));
    }
    if json::has(spec, "distinguisherMethod") {
        let method = json::text(json::get(spec, "distinguisherMethod"), "type");
        if !matches!(method, "ByNamespace" | "ByUser") {
            let path = path.child("distinguisherMethod").child("type");
            errors.push(FieldError::not_supported(&path, method, &["ByNamespace", "ByUser"]));
        }
    }
    let level = json::text(json::get(spec, "priorityLevelConfiguration"), "name");
    let at = path.child("priorityLevelConfiguration").child("name");
    match level {
        "" => errors.push(FieldError::required(&at, "must reference a priority level")),
        level => grammar(level, names::dns1123_subdomain(level), &at, errors),
    }
    for (i, rule) in json::list(spec, "rules").iter().enumerate() {
        self::rule(rule, &path.child("rules").index(i), errors);
    }
}

fn rule(rule: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let subjects = json::list(rule, "subjects");
    if subjects.is_empty() {
        errors.push(FieldError::required(&path.child("subjects"), "subjects must contain at least one value"));
    }
    for (i, subject) in subjects.iter().enumerate() {
        self::subject(subject, &path.child("subjects").index(i), errors);
    }
    let (resources, others) = (json::list(rule, "resourceRules"), json::list(rule, "nonResourceRules"));
    if resources.is_empty() && others.is_empty() {
        let detail = "at least one of resourceRules and nonResourceRules has to be non-empty";
        errors.push(FieldError::required(path, detail));
    }
    for (i, rule) in resources.iter().enumerate() {
        let path = path.child("resourceRules").index(i);
        verbs(rule, &path, errors);
        wild(rule, "apiGroups", "resource rules must supply at least one api group", "api groups", &path, errors);
        wild(rule, "resources", "resource rules must supply at least one resource", "resources", &path, errors);
        namespaces(rule, &path, errors);
    }
    for (i, rule) in others.iter().enumerate() {
        let path = path.child("nonResourceRules").index(i);
        verbs(rule, &path, errors);
        let (field, missing) = ("nonResourceURLs", "nonResourceURLs must contain at least one value");
        wild(rule, field, missing, "non-resource URLs", &path, errors);
        for (i, url) in json::list(rule, field).iter().filter_map(Value::as_str).enumerate() {
            if url != "*" && !url.starts_with('/') {
                let detail = "must start with slash";
                errors.push(FieldError::invalid(&path.child(field).index(i), url, detail));
            }
        }
    }
}

fn has_star(list: &[Value]) -> bool {
    list.iter().any(|item| item == "*")
}

/// A list that is required, and in which `*` stands alone.
fn wild(o: &Value, field: &'static str, missing: &str, words: &str, path: &Path, errors: &mut Vec<FieldError>) {
    let list = json::list(o, field);
    if list.is_empty() {
        errors.push(FieldError::required(&path.child(field), missing));
    } else if list.len() > 1 && has_star(list) {
        let detail = format!("if '*' is present, must not specify other {words}");
        errors.push(FieldError::invalid(&path.child(field), list.to_vec(), detail));
    }
}

fn verbs(rule: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    wild(rule, "verbs", "verbs must contain at least one value", "verbs", path, errors);
    let verbs = json::list(rule, "verbs");
    if !has_star(verbs) && !verbs.iter().all(|verb| VERBS.contains(&verb.as_str().unwrap_or(""))) {
        errors.push(FieldError::not_supported(&path.child("verbs"), verbs.to_vec(), VERBS));
    }
}

fn namespaces(rule: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let namespaces = json::list(rule, "namespaces");
    let path = path.child("namespaces");
    if namespaces.is_empty() && !json::flag(rule, "clusterScope") {
        let detail = "resource rules that are not cluster scoped must supply at least one namespace";
        errors.push(FieldError::required(&path, detail));
    } else if has_star(namespaces) {
        if namespaces.len() > 1 {
            let detail = "if '*' is present, must not specify other namespaces";
            errors.push(FieldError::invalid(&path, namespaces.to_vec(), detail));
        }
    } else {
        for (i, namespace) in namespaces.iter().filter_map(Value::as_str).enumerate() {
            let found = names::dns1123_label(namespace).into_iter();
            let found =
                found.map(|message| format!("each member of this list must be '*' or a DNS-1123 label; {message}"));
            grammar(namespace, found.collect(), &path.index(i), errors);
        }
    }
}

const SUBJECTS: [(&str, &str); 3] = [("Group", "group"), ("ServiceAccount", "serviceAccount"), ("User", "user")];

fn subject(subject: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let kind = json::text(subject, "kind");
    let Some((_, own)) = SUBJECTS.iter().find(|(known, _)| *known == kind) else {
        let known = SUBJECTS.map(|(kind, _)| kind);
        return errors.push(FieldError::not_supported(&path.child("kind"), kind, &known));
    };
    if !json::has(subject, own) {
        let detail = format!("{own} is required when subject kind is '{kind}'");
        errors.push(FieldError::required(&path.child(own), detail));
    } else {
        let (given, path) = (json::get(subject, own), path.child(own));
        required_text(given, "name", &path, errors);
        let namespace = json::text(given, "namespace");
        if *own == "serviceAccount" && namespace.is_empty() {
            let detail = "must specify namespace for service account";
            errors.push(FieldError::required(&path.child("namespace"), detail));
        }
    }
    for (other, field) in SUBJECTS.iter().filter(|(other, field)| *other != kind && json::has(subject, field)) {
        let detail = format!("{field} is forbidden when subject kind is not '{other}'");
        errors.push(FieldError::forbidden(&path.child(field), detail));
    }
}

fn default_level(o: &mut Value) {
    let Some(spec) = json::object_mut(o, "spec") else { return };
    if let Some(exempt) = spec.get_mut("exempt").filter(|exempt| exempt.is_object()) {
        json::fill(exempt, "nominalConcurrencyShares", 0);
        json::fill(exempt, "lendablePercent", 0);
    }
    let Some(limited) = spec.get_mut("limited").filter(|limited| limited.is_object()) else { return };
    json::fill(limited, "nominalConcurrencyShares", 30);
    json::fill(limited, "lendablePercent", 0);
    if let Some(queuing) = limited.pointer_mut("/limitResponse/queuing").filter(|queuing| queuing.is_object()) {
        for (field, value) in [("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)] {
            json::fill_int(queuing, field, value);
        }
    }
}

fn validate_level(o: &Value, errors: &mut Vec<FieldError>) {
    let (spec, path) = (json::get(o, "spec"), Path::new("spec"));
    let (limited, exempt) = (json::has(spec, "limited"), json::has(spec, "exempt"));
    match json::text(spec, "type") {
        "Exempt" => {
            if limited {
                let detail = "must be nil if the type is not Limited";
                errors.push(FieldError::forbidden(&path.child("limited"), detail));
            }
            shares(json::get(spec, "exempt"), &path.child("exempt"), errors);
        }
        "Limited" => {
            if exempt {
                let detail = "must be nil if the type is Limited";
                errors.push(FieldError::forbidden(&path.child("exempt"), detail));
            }
            match limited {
                true => validate_limited(json::get(spec, "limited"), &path.child("limited"), errors),
                false => {
                    let detail = "must not be empty when type is Limited";
                    errors.push(FieldError::required(&path.child("limited"), detail));
                }
            }
        }
        other => errors.push(FieldError::not_supported(&path.child("type"), other, &["Exempt", "Limited"])),
    }
}

fn shares(level: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    if let Some(shares) = json::int(level, "nominalConcurrencyShares").filter(|shares| *shares < 0) {
        let detail = "must be a non-negative integer";
        errors.push(FieldError::invalid(&path.child("nominalConcurrencyShares"), shares, detail));
    }
    if let Some(percent) = json::int(level, "lendablePercent").filter(|percent| !(0..=100).contains(percent)) {
        let detail = "must be between 0 and 100, inclusive";
        errors.push(FieldError::invalid(&path.child("lendablePercent"), percent, detail));
    }
}

fn validate_limited(limited: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    shares(limited, path, errors);
    not_negative(limited, &["borrowingLimitPercent"], path, errors);
    let (response, path) = (json::get(limited, "limitResponse"), path.child("limitResponse"));
    choice(response, "type", &["Queue", "Reject"], &path, errors);
    let (queuing, at) = (json::get(response, "queuing"), path.child("queuing"));
    match (json::text(response, "type"), queuing.is_null()) {
        ("Reject", false) => {
            errors.push(FieldError::forbidden(&at, "must be nil if limited.limitResponse.type is not Limited"))
        }
        ("Queue", true) => {
            errors.push(FieldError::required(&at, "must not be empty if limited.limitResponse.type is Limited"));
        }
        ("Queue", false) => queues(queuing, &at, errors),
        _ => {}
    }
}

fn queues(queuing: &Value, path: &Path, errors: &mut Vec<FieldError>) {
    let number = |field: &str| json::int(queuing, field).unwrap_or(0);
    let (queues, hand) = (number("queues"), number("handSize"));
    for field in ["queues", "queueLengthLimit", "handSize"] {
        if number(field) <= 0 {
            errors.push(FieldError::invalid(&path.child(field), number(field), "must be positive"));
        }
    }
    if queues > MOST_QUEUES {
        let detail = format!("must not be greater than {MOST_QUEUES}");
        errors.push(FieldError::invalid(&path.child("queues"), queues, detail));
    }
    if hand > queues {
        let detail = format!("should not be greater than queues ({queues})");
        errors.push(FieldError::invalid(&path.child("handSize"), hand, detail));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::testing::{cells, check, good};

    #[test]
    fn a_schema_leads_requests_to_a_level() {
        let schema = good(
            "FlowSchema",
            json!({"metadata": {"name": "s"}, "spec": {"priorityLevelConfiguration": {"name": "l"},
                "distinguisherMethod": {"type": "ByUser"}, "rules": [{"subjects": [{"kind": "User", "user": {"name": "ann"}}],
                    "resourceRules": [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"]}]}]}}),
        );
        let shown: Vec<String> =
            cells("FlowSchema", &schema).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
        assert_eq!(
            shown,
            ["PriorityLevel=\"l\"", "MatchingPrecedence=1000", "DistinguisherMethod=\"ByUser\"", "MissingPL=\"?\""]
        );
        let rule = "/spec/rules/0";
        check(
            "FlowSchema",
            &schema,
            &[
                (
                    "/spec/matchingPrecedence",
                    json!(1),
                    &[
                        "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1",
                    ],
                ),
                (
                    "/spec/matchingPrecedence",
                    json!(10001),
                    &["spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000"],
                ),
                (
                    "/spec/priorityLevelConfiguration/name",
                    json!(""),
                    &["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"],
                ),
                (
                    "/spec/distinguisherMethod/type",
                    json!("ByMood"),
                    &[
                        "spec.distinguisherMethod.type: Unsupported value: \"ByMood\": supported values: \"ByNamespace\", \"ByUser\"",
                    ],
                ),
                (
                    &format!("{rule}/subjects"),
                    json!([]),
                    &["spec.rules[0].subjects: Required value: subjects must contain at least one value"],
                ),
                (
                    &format!("{rule}/subjects/0/kind"),
                    json!("Group"),
                    &[
                        "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
                        "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
                    ],
                ),
                (
                    &format!("{rule}/resourceRules"),
                    json!([]),
                    &[
                        "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty",
                    ],
                ),
                (
                    &format!("{rule}/resourceRules/0/verbs"),
                    json!(["fly"]),
                    &["spec.rules[0].resourceRules[0].verbs: Unsupported value: [\"fly\"]: supported values: \
                \"create\", \"delete\", \"deletecollection\", \"get\", \"list\", \"patch\", \"proxy\", \"update\", \"watch\""],
                ),
                (
                    &format!("{rule}/resourceRules/0/namespaces"),
                    json!([]),
                    &["spec.rules[0].resourceRules[0].namespaces: Required value: \
                resource rules that are not cluster scoped must supply at least one namespace"],
                ),
            ],
        );
    }

    #[test]
    fn a_level_is_exempt_or_limited() {
        let level = good(
            "PriorityLevelConfiguration",
            json!({"metadata": {"name": "l"}, "spec": {"type": "Limited", "limited": {"limitResponse": {"type": "Queue", "queuing": {}}}}}),
        );
        let shown: Vec<String> =
            cells("PriorityLevelConfiguration", &level).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
        assert_eq!(
            shown,
            [
                "Type=\"Limited\"",
                "NominalConcurrencyShares=\"30\"",
                "Queues=\"64\"",
                "HandSize=\"8\"",
                "QueueLengthLimit=\"50\""
            ]
        );
        check(
            "PriorityLevelConfiguration",
            &level,
            &[
                (
                    "/spec/type",
                    json!("Some"),
                    &["spec.type: Unsupported value: \"Some\": supported values: \"Exempt\", \"Limited\""],
                ),
                ("/spec/type", json!("Exempt"), &["spec.limited: Forbidden: must be nil if the type is not Limited"]),
                (
                    "/spec/limited",
                    json!(null),
                    &["spec.limited: Required value: must not be empty when type is Limited"],
                ),
                (
                    "/spec/limited/lendablePercent",
                    json!(101),
                    &["spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive"],
                ),
                (
                    "/spec/limited/limitResponse/queuing/handSize",
                    json!(65),
                    &["spec.limited.limitResponse.queuing.handSize: Invalid value: 65: \
                should not be greater than queues (64)"],
                ),
                (
                    "/spec/limited/limitResponse/type",
                    json!("Reject"),
                    &["spec.limited.limitResponse.queuing: Forbidden: \
                must be nil if limited.limitResponse.type is not Limited"],
                ),
            ],
        );
    }
}
