//! Who may import whom. A crate that needs another one changes the table in ARCHITECTURE.md and this one, or,
//! better, finds out that it does not need it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// The crates of this workspace, and what each may import of the others.
const EDGES: &[(&str, &[&str])] = &[
    ("api", &[]),
    ("expressions", &["api"]),
    ("merge", &["api"]),
    ("store", &[]),
    ("scheduling", &["api"]),
    ("client", &["api", "telemetry"]),
    ("telemetry", &[]),
    ("apiserver", &["api", "expressions", "merge", "store", "scheduling", "telemetry"]),
    ("controllers", &["api", "client", "scheduling", "telemetry"]),
    ("streaming", &[]),
    ("nodeagent", &["api", "client", "streaming", "telemetry"]),
    (
        "ctl",
        &[
            "api",
            "expressions",
            "merge",
            "store",
            "scheduling",
            "client",
            "apiserver",
            "controllers",
            "nodeagent",
            "streaming",
            "telemetry",
        ],
    ),
    ("tests", &["api", "client", "store"]),
];

/// Crates that would bring a transport, an engine or a runtime where none belongs.
const NEVER: &[(&str, &[&str])] = &[
    ("api", &["tokio", "kube", "axum", "hyper"]),
    ("expressions", &["tokio", "kube", "axum", "hyper"]),
    ("merge", &["tokio", "kube", "axum", "hyper"]),
    ("scheduling", &["tokio", "kube", "axum", "hyper"]),
    ("store", &["kube", "axum", "hyper", "k8s-openapi"]),
    ("apiserver", &["kube", "bollard"]),
    ("controllers", &["axum", "bollard", "etcd-client"]),
    ("nodeagent", &["etcd-client"]),
    ("streaming", &["kube", "axum", "bollard", "k8s-openapi"]),
];

/// What each crate depends on, by the names in its Cargo.toml; tests' own dependencies left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(timonier_tests::binaries::project())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_string();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let all = package["dependencies"].as_array().expect("dependencies").iter();
            (name(package), all.filter(|d| d["kind"] != "dev").map(name).collect())
        })
        .collect()
}

fn ours(name: &str) -> String {
    format!("timonier-{name}")
}

#[test]
fn no_crate_imports_what_it_may_not() {
    let dependencies = dependencies();
    let known: BTreeSet<_> = EDGES.iter().map(|(name, _)| ours(name)).collect();
    let there: BTreeSet<_> = dependencies.keys().cloned().collect();
    assert_eq!(there, known, "the crates of the workspace and of this table");
    for (name, allowed) in EDGES {
        let allowed: BTreeSet<_> = allowed.iter().map(|name| ours(name)).collect();
        let imported = dependencies[&ours(name)].iter().filter(|d| d.starts_with("timonier-")).cloned();
        let imported: BTreeSet<_> = imported.collect();
        let too_many: Vec<_> = imported.difference(&allowed).collect();
        assert!(too_many.is_empty(), "{name} may not import {too_many:?}");
    }
}

#[test]
fn pure_crates_bring_no_transport_and_no_runtime() {
    let dependencies = dependencies();
    for (name, never) in NEVER {
        for other in *never {
            assert!(!dependencies[&ours(name)].contains(*other), "{name} may not depend on {other}");
        }
    }
}
