use serde_json::json;

use super::super::testing::{cells, check, check_updates, good};

#[test]
fn a_driver_says_what_it_needs() {
    let driver = good(
        "CSIDriver",
        json!({"metadata": {"name": "csi.example.com"}, "spec": {"tokenRequests": [{"audience": "a"}]}}),
    );
    assert_eq!(
        driver["spec"],
        json!({"attachRequired": true, "podInfoOnMount": false, "storageCapacity": false,
        "requiresRepublish": false, "seLinuxMount": false, "fsGroupPolicy": "ReadWriteOnceWithFSType",
        "volumeLifecycleModes": ["Persistent"], "tokenRequests": [{"audience": "a"}]})
    );
    let shown: Vec<String> = cells("CSIDriver", &driver).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
    assert_eq!(
        shown,
        [
            "AttachRequired=true",
            "PodInfoOnMount=false",
            "StorageCapacity=false",
            "TokenRequests=\"a\"",
            "RequiresRepublish=false",
            "Modes=\"Persistent\""
        ]
    );
    check(
        "CSIDriver",
        &driver,
        &[
            (
                "/spec/fsGroupPolicy",
                json!("Some"),
                &["spec.fsGroupPolicy: Unsupported value: \"Some\": \
            supported values: \"ReadWriteOnceWithFSType\", \"File\", \"None\""],
            ),
            (
                "/spec/volumeLifecycleModes",
                json!(["Often"]),
                &["spec.volumeLifecycleModes[0]: Unsupported value: \"Often\": \
            supported values: \"Ephemeral\", \"Persistent\""],
            ),
            (
                "/spec/tokenRequests",
                json!([{"audience": "a"}, {"audience": "a", "expirationSeconds": 1}]),
                &[
                    "spec.tokenRequests[1].audience: Duplicate value: \"a\"",
                    "spec.tokenRequests[1].expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes",
                ],
            ),
        ],
    );
    check_updates(
        "CSIDriver",
        &driver,
        &[
            ("/spec/podInfoOnMount", json!(true), &[]),
            ("/spec/attachRequired", json!(false), &["spec.attachRequired: Invalid value: false: field is immutable"]),
        ],
    );
}

#[test]
fn a_node_lists_its_drivers() {
    let node = good(
        "CSINode",
        json!({"metadata": {"name": "n"}, "spec": {"drivers": [
        {"name": "a.io", "nodeID": "1", "topologyKeys": ["a.io/zone"], "allocatable": {"count": 3}}]}}),
    );
    assert_eq!(cells("CSINode", &node)[0].1, 1);
    check(
        "CSINode",
        &node,
        &[
            ("/spec/drivers/0/name", json!(""), &["spec.drivers[0].name: Required value"]),
            ("/spec/drivers/0/nodeID", json!(""), &["spec.drivers[0].nodeID: Required value"]),
            (
                "/spec/drivers/0/allocatable/count",
                json!(-1),
                &["spec.drivers[0].allocatable.count: Invalid value: -1: must be greater than or equal to 0"],
            ),
            (
                "/spec/drivers/0/topologyKeys",
                json!(["a", "a"]),
                &["spec.drivers[0].topologyKeys: Duplicate value: \"a\""],
            ),
        ],
    );
    check_updates(
        "CSINode",
        &node,
        &[
            ("/spec/drivers", json!([]), &[]),
            ("/spec/drivers/0/allocatable", json!({"count": 4}), &[]),
            (
                "/spec/drivers/0",
                json!({"name": "a.io", "nodeID": "2"}),
                &["CSINodeDriver: Invalid value: {\"name\":\"a.io\",\"nodeID\":\"2\"}: field is immutable"],
            ),
        ],
    );
}

#[test]
fn a_capacity_is_of_one_class_and_topology() {
    let capacity = good(
        "CSIStorageCapacity",
        json!({"metadata": {"name": "c", "namespace": "n"}, "storageClassName": "fast",
        "capacity": "1024Mi", "nodeTopology": {"matchLabels": {"zone": "a"}}}),
    );
    assert_eq!(capacity["capacity"], "1Gi");
    check(
        "CSIStorageCapacity",
        &capacity,
        &[("/capacity", json!("-1"), &["capacity: Invalid value: \"-1\": must be greater than or equal to 0"])],
    );
    check_updates(
        "CSIStorageCapacity",
        &capacity,
        &[
            ("/capacity", json!("2Gi"), &[]),
            ("/storageClassName", json!("slow"), &["storageClassName: Invalid value: \"slow\": field is immutable"]),
        ],
    );
}

#[test]
fn an_attachment_is_of_one_volume_to_one_node() {
    let attachment = good(
        "VolumeAttachment",
        json!({"metadata": {"name": "a"},
        "spec": {"attacher": "a.io", "nodeName": "n", "source": {"persistentVolumeName": "v"}}, "status": {"attached": true}}),
    );
    assert_eq!(attachment["status"], json!({"attached": false}));
    let shown: Vec<String> =
        cells("VolumeAttachment", &attachment).iter().map(|(name, cell)| format!("{name}={cell}")).collect();
    assert_eq!(shown, ["Attacher=\"a.io\"", "PV=\"v\"", "Node=\"n\"", "Attached=false"]);
    check(
        "VolumeAttachment",
        &attachment,
        &[
            ("/spec/attacher", json!(""), &["spec.attacher: Required value"]),
            (
                "/spec/source",
                json!({}),
                &["spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"],
            ),
            (
                "/spec/source/inlineVolumeSpec",
                json!({}),
                &["spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName"],
            ),
        ],
    );
    check_updates(
        "VolumeAttachment",
        &attachment,
        &[(
            "/spec",
            json!({"attacher": "b.io"}),
            &["spec: Invalid value: {\"attacher\":\"b.io\"}: field is immutable"],
        )],
    );
}

#[test]
fn a_class_of_attributes_has_some_and_keeps_them() {
    let class = good(
        "VolumeAttributesClass",
        json!({"metadata": {"name": "c"}, "driverName": "a.io", "parameters": {"iops": "3"}}),
    );
    check(
        "VolumeAttributesClass",
        &class,
        &[
            ("/driverName", json!(""), &["driverName: Required value"]),
            ("/parameters", json!({}), &["parameters: Required value: must contain at least one key/value pair"]),
        ],
    );
    check_updates(
        "VolumeAttributesClass",
        &class,
        &[
            ("/driverName", json!("b.io"), &["driverName: Forbidden: updates to driverName are forbidden."]),
            ("/parameters", json!({"iops": "4"}), &["parameters: Forbidden: updates to parameters are forbidden."]),
        ],
    );
}
