use serde_json::json;

use super::super::super::testing::{cells, check, good, row};

#[test]
fn a_rule_leads_from_a_host_and_a_path_to_a_service() {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    let paths = json!([{"path": "/", "pathType": "Prefix", "backend": backend}]);
    let ingress = good(
        "Ingress",
        json!({"metadata": {"name": "i", "namespace": "n"}, "spec": {
        "ingressClassName": "nginx", "tls": [{"hosts": ["*.example.com"], "secretName": "cert"}],
        "rules": [{"host": "a.example.com", "http": {"paths": paths}}, {"host": "*.b.com", "http": {"paths": paths}}]}}),
    );
    let shown: Vec<String> = cells("Ingress", &ingress).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
    assert_eq!(shown, ["Class=\"nginx\"", "Hosts=\"a.example.com,*.b.com\"", "Address=\"\"", "Ports=\"80, 443\""]);
    let path = "/spec/rules/0/http/paths/0";
    let at = "spec.rules[0].http.paths[0]";
    check(
        "Ingress",
        &ingress,
        &[
            (
                "/spec/rules",
                json!([]),
                &["spec: Invalid value: []: either `defaultBackend` or `rules` must be specified"],
            ),
            (
                "/spec/rules/0/host",
                json!("10.0.0.1"),
                &["spec.rules[0].host: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address"],
            ),
            ("/spec/rules/0/http", json!({}), &["spec.rules[0].http.paths: Required value"]),
            (
                &format!("{path}/pathType"),
                json!(null),
                &[&format!("{at}.pathType: Required value: pathType must be specified")],
            ),
            (
                &format!("{path}/pathType"),
                json!("Some"),
                &[&format!(
                    "{at}.pathType: Unsupported value: \"Some\": supported values: \"Exact\", \"ImplementationSpecific\", \"Prefix\""
                )],
            ),
            (
                &format!("{path}/path"),
                json!("a"),
                &[&format!("{at}.path: Invalid value: \"a\": must be an absolute path")],
            ),
            (
                &format!("{path}/path"),
                json!("/a//b/.."),
                &[
                    &format!("{at}.path: Invalid value: \"/a//b/..\": must not contain '//'"),
                    &format!("{at}.path: Invalid value: \"/a//b/..\": cannot end with '/..'"),
                ],
            ),
            (
                &format!("{path}/backend"),
                json!({}),
                &[&format!("{at}.backend: Invalid value: \"\": resource or service backend is required")],
            ),
            (
                &format!("{path}/backend/service/port"),
                json!({}),
                &[&format!("{at}.backend: Required value: port name or number is required")],
            ),
            (
                &format!("{path}/backend/service/port"),
                json!({"name": "http", "number": 80}),
                &[&format!("{at}.backend: Invalid value: \"\": cannot set both port name & port number")],
            ),
            (
                &format!("{path}/backend/service/name"),
                json!(""),
                &[&format!("{at}.backend.service.name: Required value")],
            ),
            (
                &format!("{path}/backend/resource"),
                json!({"kind": "K", "name": "n"}),
                &[&format!("{at}.backend: Invalid value: \"\": cannot set both resource and service backends")],
            ),
            (
                "/spec/defaultBackend",
                json!({"resource": {"kind": "a/b", "name": ""}}),
                &[
                    "spec.defaultBackend.resource.kind: Invalid value: \"a/b\": may not contain '/'",
                    "spec.defaultBackend.resource.name: Required value",
                ],
            ),
            (
                "/metadata/annotations",
                json!({"kubernetes.io/ingress.class": "other"}),
                &["annotations.kubernetes.io/ingress.class: \
            Invalid value: \"other\": must match `ingressClassName` when both are specified"],
            ),
        ],
    );
    let mut many = ingress.clone();
    many["spec"]["rules"] = ["a", "b", "c", "d", "e"].iter().map(|host| json!({"host": host})).collect();
    assert_eq!(cells("Ingress", &many)[1].1, "a,b,c + 2 more...");
}

#[test]
fn a_status_names_addresses_and_is_the_controllers() {
    let hooks = row("Ingress").hooks;
    let status =
        json!({"loadBalancer": {"ingress": [{"ip": "10.0.0.300"}, {"hostname": "10.0.0.1"}, {"hostname": "a.b"}]}});
    let faults: Vec<String> =
        hooks.validate_status_update(&json!({"status": status}), &json!({})).iter().map(|e| e.to_string()).collect();
    assert_eq!(
        faults,
        [
            "status.loadBalancer.ingress[0].ip: Invalid value: \"10.0.0.300\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            "status.loadBalancer.ingress[1].hostname: Invalid value: \"10.0.0.1\": must be a DNS name, not an IP address"
        ]
    );
    let mut new = json!({"status": status});
    hooks.prepare_create(&mut new);
    assert_eq!(new["status"], json!({"loadBalancer": {}}));
}
