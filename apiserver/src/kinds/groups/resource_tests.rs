use serde_json::json;

use super::super::testing::{cells, check, check_updates, good, row};

#[test]
fn a_claim_asks_for_devices_of_a_class() {
    let devices = json!({
        "requests": [{"name": "a", "exactly": {"deviceClassName": "gpu", "selectors": [{"cel": {"expression": "true"}}]}},
            {"name": "b", "firstAvailable": [{"name": "big", "deviceClassName": "gpu"}, {"name": "any", "deviceClassName": "gpu", "allocationMode": "All"}]}],
        "constraints": [{"requests": ["a", "b/big"], "matchAttribute": "example.com/model"}],
        "config": [{"requests": ["a"], "opaque": {"driver": "gpu.example.com", "parameters": {"x": 1}}}]});
    let claim =
        good("ResourceClaim", json!({"metadata": {"name": "c", "namespace": "n"}, "spec": {"devices": devices}}));
    let requests = &claim["spec"]["devices"]["requests"];
    assert_eq!(
        (&requests[0]["exactly"]["allocationMode"], &requests[0]["exactly"]["count"]),
        (&json!("ExactCount"), &json!(1))
    );
    assert_eq!(requests[1]["firstAvailable"][1].get("count"), None);
    let at = "/spec/devices";
    let request = "spec.devices.requests[0]";
    check(
        "ResourceClaim",
        &claim,
        &[
            (
                &format!("{at}/requests/0/name"),
                json!("b"),
                &[
                    "spec.devices.requests[1].name: Duplicate value: \"b\"",
                    "spec.devices.constraints[0].requests[0]: Invalid value: \"a\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
                    "spec.devices.config[0].requests[0]: Invalid value: \"a\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
                ],
            ),
            (
                &format!("{at}/requests/0/exactly"),
                json!(null),
                &[&format!("{request}: Required value: exactly one of `exactly` or `firstAvailable` is required")],
            ),
            (
                &format!("{at}/requests/0/exactly/deviceClassName"),
                json!(""),
                &[&format!("{request}.exactly.deviceClassName: Required value")],
            ),
            (
                &format!("{at}/requests/0/exactly/count"),
                json!(-1),
                &[&format!("{request}.exactly.count: Invalid value: -1: must be greater than zero")],
            ),
            (
                &format!("{at}/requests/0/exactly/allocationMode"),
                json!("All"),
                &[&format!(
                    "{request}.exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'"
                )],
            ),
            (
                &format!("{at}/requests/0/exactly/allocationMode"),
                json!("Some"),
                &[&format!(
                    "{request}.exactly.allocationMode: Unsupported value: \"Some\": supported values: \"All\", \"ExactCount\""
                )],
            ),
            (
                &format!("{at}/requests/0/exactly/selectors/0/cel/expression"),
                json!(""),
                &[&format!("{request}.exactly.selectors[0].cel.expression: Required value")],
            ),
            (
                &format!("{at}/config/0/opaque/parameters"),
                json!([1]),
                &[
                    "spec.devices.config[0].opaque.parameters: Invalid value: \"<value omitted>\": parameters must be a valid JSON object",
                ],
            ),
        ],
    );
    let other = json!({"devices": {}});
    check_updates(
        "ResourceClaim",
        &claim,
        &[("/spec", other, &["spec: Invalid value: {\"devices\":{}}: field is immutable"])],
    );
    assert_eq!(cells("ResourceClaim", &claim)[0].1, "pending");
    let mut used = claim.clone();
    used["status"] = json!({"allocation": {}, "reservedFor": [{"resource": "pods", "name": "p", "uid": "1"}]});
    assert_eq!(cells("ResourceClaim", &used)[0].1, "allocated,reserved");
    used["status"]["reservedFor"] =
        json!([{"resource": "pods", "name": "p", "uid": "1"}, {"resource": "pods", "uid": "1"}]);
    let found = row("ResourceClaim").hooks.validate_status_update(&used, &claim);
    let found: Vec<String> = found.iter().map(|error| error.to_string()).collect();
    assert_eq!(
        found,
        ["status.reservedFor[1].name: Required value", "status.reservedFor[1].uid: Duplicate value: \"1\""]
    );
}

#[test]
fn a_slice_lists_the_devices_of_one_place() {
    let slice = good(
        "ResourceSlice",
        json!({"metadata": {"name": "s"}, "spec": {"driver": "gpu.example.com", "nodeName": "n",
        "pool": {"name": "n", "resourceSliceCount": 1, "generation": 1}, "devices": [{"name": "gpu-0"}]}}),
    );
    let shown: Vec<String> =
        cells("ResourceSlice", &slice).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
    assert_eq!(shown, ["Node=\"n\"", "Driver=\"gpu.example.com\"", "Pool=\"n\""]);
    check(
        "ResourceSlice",
        &slice,
        &[
            ("/spec/driver", json!(""), &["spec.driver: Required value"]),
            ("/spec/pool/name", json!(""), &["spec.pool.name: Required value"]),
            (
                "/spec/pool/resourceSliceCount",
                json!(0),
                &["spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero"],
            ),
            (
                "/spec/nodeName",
                json!(null),
                &[
                    "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
                ],
            ),
            (
                "/spec/allNodes",
                json!(true),
                &[
                    "spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, `nodeSelector`, `allNodes`, \
            `perDeviceNodeSelection` is required, but multiple fields are set",
                ],
            ),
            ("/spec/devices", json!([{"name": "a"}, {"name": "a"}]), &["spec.devices[1].name: Duplicate value: \"a\""]),
        ],
    );
    check_updates(
        "ResourceSlice",
        &slice,
        &[
            ("/spec/devices", json!([]), &[]),
            ("/spec/nodeName", json!("m"), &["spec.nodeName: Invalid value: \"m\": field is immutable"]),
        ],
    );
}

#[test]
fn a_class_selects_devices_and_a_template_is_a_claim() {
    let class = good(
        "DeviceClass",
        json!({"metadata": {"name": "gpu"}, "spec": {"selectors": [{"cel": {"expression": "true"}}]}}),
    );
    check(
        "DeviceClass",
        &class,
        &[
            ("/spec/selectors/0", json!({}), &["spec.selectors[0].cel: Required value"]),
            ("/spec/config", json!([{}]), &["spec.config[0].opaque: Required value"]),
        ],
    );
    let spec = json!({"spec": {"devices": {"requests": [{"name": "a", "exactly": {"deviceClassName": "gpu"}}]}}});
    let template = good("ResourceClaimTemplate", json!({"metadata": {"name": "t", "namespace": "n"}, "spec": spec}));
    assert_eq!(template["spec"]["spec"]["devices"]["requests"][0]["exactly"]["count"], 1);
    check(
        "ResourceClaimTemplate",
        &template,
        &[("/spec/spec/devices/requests/0/name", json!(""), &["spec.spec.devices.requests[0].name: Required value"])],
    );
}
