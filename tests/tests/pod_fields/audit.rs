//! No field of a pod's spec is silent: each has effect, shown by a case here or by other tests, or is in the list of
//! those that answer with a warning.

use timonier_api::schema::{Schema, Shape};
use timonier_tests::binaries::project;

use crate::FILES;

/// Fields, with all below them, whose effect other tests show, and where.
const ELSEWHERE: &[(&str, &[&str])] = &[
    (
        "scheduling",
        &[
            "affinity",
            "nodeName",
            "nodeSelector",
            "schedulerName",
            "tolerations",
            "topologySpreadConstraints",
            "priority",
        ],
    ),
    ("controllers", &["schedulingGates"]),
    (
        "apiserver: names, accounts and admission",
        &[
            "containers[*].name",
            "priorityClassName",
            "serviceAccount",
            "serviceAccountName",
            "automountServiceAccountToken",
            "preemptionPolicy",
        ],
    ),
    (
        "nodeagent: plan, probes, status",
        &[
            "activeDeadlineSeconds",
            "containers[*].lifecycle",
            "containers[*].livenessProbe",
            "containers[*].readinessProbe",
            "containers[*].startupProbe",
            "containers[*].resources.limits",
            "containers[*].resources.requests",
            "containers[*].terminationMessagePath",
            "containers[*].terminationMessagePolicy",
            "readinessGates",
            "terminationGracePeriodSeconds",
        ],
    ),
    (
        "process.rs and init.rs, as wholes",
        &[
            "containers[*].args",
            "containers[*].command",
            "containers[*].env",
            "containers[*].envFrom",
            "containers[*].restartPolicy",
            "containers[*].restartPolicyRules",
            "containers[*].stdin",
            "containers[*].stdinOnce",
            "containers[*].tty",
            "containers[*].workingDir",
            "restartPolicy",
        ],
    ),
    ("resize.rs", &["containers[*].resizePolicy", "ephemeralContainers"]),
    (
        "volumes.rs, as a whole",
        &[
            "containers[*].volumeMounts",
            "securityContext.fsGroup",
            "securityContext.fsGroupChangePolicy",
            "volumes[*].configMap",
            "volumes[*].downwardAPI",
            "volumes[*].emptyDir",
            "volumes[*].ephemeral",
            "volumes[*].hostPath",
            "volumes[*].name",
            "volumes[*].persistentVolumeClaim",
            "volumes[*].projected",
            "volumes[*].secret",
        ],
    ),
];

#[test]
fn every_field_of_a_pod_spec_has_effect_or_warns() {
    let list = std::fs::read_to_string(project().join("apiserver/src/kinds/pod/not_enforced.txt")).expect("the list");
    let lines = list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_whitespace().next());
    let warns: Vec<_> = lines.collect();
    let cases: Vec<_> = FILES.iter().flat_map(|cases| cases()).collect();
    let shown: Vec<_> = cases.iter().flat_map(|case| case.covers.iter().copied()).collect();
    // Its cases need a registry, and are made with it.
    let shown =
        [shown, vec!["containers[*].image", "containers[*].imagePullPolicy", "imagePullSecrets[*].name"]].concat();
    let elsewhere: Vec<_> = ELSEWHERE.iter().flat_map(|(_, fields)| fields.iter().copied()).collect();

    let mut leaves = Vec::new();
    walk(Schema::of("io.k8s.api.core.v1.PodSpec").expect("it is known"), String::new(), &mut Vec::new(), &mut leaves);
    assert!(leaves.len() > 300, "{} leaves", leaves.len());
    let within = |leaf: &str, fields: &[&str]| {
        fields
            .iter()
            .any(|field| leaf.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])))
    };
    let silent: Vec<_> = leaves
        .iter()
        // What is said of containers is said of containers of every sort.
        .filter(|leaf| !leaf.starts_with("initContainers") && !leaf.starts_with("ephemeralContainers"))
        .filter(|leaf| !within(leaf, &warns) && !within(leaf, &shown) && !within(leaf, &elsewhere))
        .collect();
    assert!(silent.is_empty(), "these fields neither have effect nor warn: {silent:#?}");
    let unknown: Vec<_> =
        shown.iter().chain(&elsewhere).filter(|field| !leaves.iter().any(|leaf| within(leaf, &[**field]))).collect();
    assert!(unknown.is_empty(), "no such fields: {unknown:?}");
}

/// Adds the paths of all values that have no parts, or whose parts have no names.
fn walk<'a>(schema: &'a Schema, path: String, above: &mut Vec<&'a str>, leaves: &mut Vec<String>) {
    let name = schema.definition().unwrap_or_default();
    if !name.is_empty() && above.contains(&name) {
        return leaves.push(path);
    }
    above.push(name);
    match schema.shape() {
        Shape::Object { fields, .. } => {
            for field in fields.iter() {
                let dot = if path.is_empty() { "" } else { "." };
                walk(field.schema(), format!("{path}{dot}{}", field.name), above, leaves);
            }
        }
        // A list of scalars is one value.
        Shape::List { items, .. } => match items.schema().shape() {
            Shape::Object { .. } => walk(items.schema(), format!("{path}[*]"), above, leaves),
            _ => leaves.push(path),
        },
        _ => leaves.push(path),
    }
    above.pop();
}
