use super::*;

fn made(spec: Value) -> Value {
    let mut o = json!({"metadata": {"name": "s"}, "spec": spec});
    Service.default(&mut o);
    o
}

fn faults(spec: Value) -> Vec<String> {
    Service.validate(&made(spec)).iter().map(|e| e.to_string()).collect()
}

#[test]
fn what_is_left_out_is_filled_in() {
    assert_eq!(
        made(json!({"ports": [{"port": 80}]}))["spec"],
        json!({"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
            "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]})
    );
    let balancer =
        made(json!({"type": "LoadBalancer", "sessionAffinity": "ClientIP", "ports": [{"port": 1, "targetPort": "a"}]}));
    assert_eq!(balancer["spec"]["externalTrafficPolicy"], "Cluster");
    assert_eq!(balancer["spec"]["allocateLoadBalancerNodePorts"], true);
    assert_eq!(balancer["spec"]["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"], 10800);
    assert_eq!(balancer["spec"]["ports"][0]["targetPort"], "a");
    assert_eq!(made(json!({"clusterIP": "None"}))["spec"]["clusterIPs"], json!(["None"]));
}

#[test]
fn each_fault_names_its_field() {
    let cases = [
        (json!({}), "spec.ports: Required value"),
        (
            json!({"ports": [{"port": 0}]}),
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (json!({"ports": [{"port": 1}, {"port": 2, "name": "b"}]}), "spec.ports[0].name: Required value"),
        (
            json!({"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}]}),
            "spec.ports[1].name: Duplicate value: \"a\"",
        ),
        (
            json!({"ports": [{"port": 1, "protocol": "tcp"}]}),
            "spec.ports[0].protocol: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
        ),
        (
            json!({"ports": [{"port": 1, "nodePort": 30000}]}),
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
        (json!({"type": "Mine", "ports": [{"port": 1}]}), "spec.type: Unsupported value: \"Mine\""),
        (json!({"type": "ExternalName"}), "spec.externalName: Required value"),
        (json!({"clusterIP": "x", "ports": [{"port": 1}]}), "spec.clusterIPs[0]: Invalid value: \"x\""),
        (json!({"selector": {"a": "b c"}, "ports": [{"port": 1}]}), "spec.selector[a]: Invalid value"),
    ];
    for (spec, expected) in cases {
        let found = faults(spec.clone());
        assert!(found.iter().any(|e| e.starts_with(expected)), "{spec}: {found:?}");
    }
    assert!(faults(json!({"clusterIP": "None"})).is_empty());
    assert!(
        faults(json!({"ports": [{"port": 53, "name": "a"}, {"port": 53, "name": "b", "protocol": "UDP"}]})).is_empty()
    );
}

#[test]
fn an_address_once_set_stays() {
    let found =
        Service.validate_update(&made(json!({"clusterIP": "10.0.0.2"})), &made(json!({"clusterIP": "10.0.0.1"})));
    assert_eq!(found[0].to_string(), "spec.clusterIPs[0]: Invalid value: \"10.0.0.2\": may not change once set");
    assert!(Service.validate_update(&made(json!({"clusterIP": "10.0.0.2"})), &made(json!({}))).is_empty());
}

#[test]
fn a_service_is_shown_with_address_and_ports() {
    let cells = |spec| -> Vec<String> {
        let cells = Service.cells(&made(spec), Timestamp::UNIX_EPOCH);
        assert_eq!(cells.len(), COLUMNS.len());
        cells.iter().map(|c| c.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        cells(json!({"ports": [{"port": 80}, {"port": 443, "nodePort": 30443}], "selector": {"b": "c", "a": "b"}})),
        ["s", "ClusterIP", "<none>", "<none>", "80/TCP,443:30443/TCP", "<unknown>", "a=b,b=c"]
    );
    assert_eq!(cells(json!({"type": "LoadBalancer"}))[3], "<pending>");
    assert_eq!(cells(json!({"type": "ExternalName", "externalName": "a.b"}))[3], "a.b");
}
