//! Laws of pods as tables: what goes in, and what is filled in, refused or shown.

use super::*;

mod columns_tests;
mod validate_tests;

const POD: Pod = Pod { patience: Patience::KUBERNETES };

/// A pod with one container, and more in its spec.
fn pod(more: Value) -> Value {
    let mut o = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}});
    for (key, value) in more.as_object().into_iter().flatten() {
        o["spec"][key] = value.clone();
    }
    o
}

/// A pod whose one container has more.
fn with_container(more: Value) -> Value {
    let mut o = pod(json!({}));
    for (key, value) in more.as_object().into_iter().flatten() {
        o["spec"]["containers"][0][key] = value.clone();
    }
    o
}

fn defaulted(mut o: Value) -> Value {
    POD.default(&mut o);
    let once = o.clone();
    POD.default(&mut o);
    assert_eq!(o, once, "defaults are idempotent");
    o
}

fn created(o: Value) -> Value {
    let mut o = defaulted(o);
    POD.prepare_create(&mut o);
    o
}

#[test]
fn a_bare_pod_gets_everything_that_kubectl_shows() {
    assert_eq!(
        created(pod(json!({}))),
        json!({"metadata": {"name": "p"},
            "spec": {
                "containers": [{"name": "c", "image": "web:1", "imagePullPolicy": "IfNotPresent", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
                "dnsPolicy": "ClusterFirst", "enableServiceLinks": true,
                "restartPolicy": "Always", "schedulerName": "default-scheduler", "securityContext": {},
                "serviceAccount": "default", "serviceAccountName": "default", "terminationGracePeriodSeconds": 30,
                "tolerations": [
                    {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                    {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}]},
            "status": {"phase": "Pending", "qosClass": "BestEffort"}})
    );
}

#[test]
fn images_are_pulled_always_only_when_their_tag_may_move() {
    for (image, expected) in [
        ("web", "Always"),
        ("web:latest", "Always"),
        ("host:5000/web", "Always"),
        ("host:5000/web:1", "IfNotPresent"),
        ("web:1", "IfNotPresent"),
        ("web@sha256:00", "IfNotPresent"),
        ("web:latest@sha256:00", "Always"),
        ("", "IfNotPresent"),
    ] {
        let o = defaulted(with_container(json!({"image": image})));
        assert_eq!(o["spec"]["containers"][0]["imagePullPolicy"], expected, "{image}");
    }
}

#[test]
fn parts_of_a_container_are_filled_in() {
    let cases = [
        (json!({"ports": [{"containerPort": 80}]}), "/ports/0/protocol", json!("TCP")),
        (
            json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}),
            "/env/0/valueFrom/fieldRef/apiVersion",
            json!("v1"),
        ),
        (
            json!({"readinessProbe": {"httpGet": {"port": 80}}}),
            "/readinessProbe",
            json!({"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1,
                "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"}}),
        ),
        (
            json!({"livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 3}}),
            "/livenessProbe/periodSeconds",
            json!(3),
        ),
        (
            json!({"lifecycle": {"preStop": {"httpGet": {"port": 1}}}}),
            "/lifecycle/preStop/httpGet/scheme",
            json!("HTTP"),
        ),
        (
            json!({"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}}}),
            "/resources/requests",
            json!({"cpu": "100m", "memory": "1Gi"}),
        ),
    ];
    for (more, pointer, expected) in cases {
        let o = defaulted(with_container(more));
        assert_eq!(o["spec"]["containers"][0].pointer(pointer), Some(&expected), "{pointer}");
    }
}

#[test]
fn amounts_are_kept_in_their_canonical_form() {
    let o = defaulted(with_container(json!({"resources": {"limits":
        {"cpu": 0.5, "memory": "1024Mi", "example.com/gpu": 1, "ephemeral-storage": "odd", "x": "100u"}}})));
    assert_eq!(
        o["spec"]["containers"][0]["resources"]["requests"],
        json!({"cpu": "500m", "memory": "1Gi", "example.com/gpu": "1", "ephemeral-storage": "odd", "x": "1m"})
    );
}

#[test]
fn volumes_are_filled_in() {
    let cases = [
        (json!({"name": "v"}), json!({"name": "v", "emptyDir": {}})),
        (
            json!({"name": "v", "configMap": {"name": "c"}}),
            json!({"name": "v", "configMap": {"name": "c", "defaultMode": 420}}),
        ),
        (
            json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 256}}),
            json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 256}}),
        ),
        (
            json!({"name": "v", "hostPath": {"path": "/x"}}),
            json!({"name": "v", "hostPath": {"path": "/x", "type": ""}}),
        ),
        (
            json!({"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}),
            json!({"name": "v", "projected": {"defaultMode": 420,
                "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}]}}),
        ),
    ];
    for (volume, expected) in cases {
        let o = defaulted(pod(json!({"volumes": [volume]})));
        assert_eq!(o["spec"]["volumes"][0], expected);
    }
}

#[test]
fn on_the_hosts_network_ports_are_the_hosts() {
    let mut o = with_container(json!({"ports": [{"containerPort": 80}]}));
    o["spec"]["hostNetwork"] = true.into();
    assert_eq!(defaulted(o)["spec"]["containers"][0]["ports"][0]["hostPort"], 80);
}

#[test]
fn own_tolerations_replace_the_five_minutes() {
    let own = json!([{"operator": "Exists"}]);
    assert_eq!(created(pod(json!({"tolerations": own})))["spec"]["tolerations"], own);
    let one = json!([{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}]);
    let tolerations = created(pod(json!({"tolerations": one})));
    let keys: Vec<&Value> = tolerations["spec"]["tolerations"].as_array().unwrap().iter().map(|t| &t["key"]).collect();
    assert_eq!(keys, ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]);
}

#[test]
fn an_account_may_be_named_either_way() {
    let o = created(pod(json!({"serviceAccount": "robot"})));
    assert_eq!((&o["spec"]["serviceAccount"], &o["spec"]["serviceAccountName"]), (&json!("robot"), &json!("robot")));
}

#[test]
fn quality_of_service_follows_requests_and_limits() {
    let both = json!({"cpu": "1", "memory": "1Gi"});
    let cases = [
        (json!([{}]), "BestEffort"),
        (json!([{"resources": {"requests": {"cpu": "0"}}}]), "BestEffort"),
        (json!([{"resources": {"requests": {"cpu": "1"}}}]), "Burstable"),
        (json!([{"resources": {"limits": both}}]), "Guaranteed"),
        (json!([{"resources": {"limits": both, "requests": {"cpu": "1000m", "memory": "1024Mi"}}}]), "Guaranteed"),
        (json!([{"resources": {"limits": both, "requests": {"cpu": "500m"}}}]), "Burstable"),
        (json!([{"resources": {"limits": {"cpu": "1"}}}]), "Burstable"),
        (json!([{"resources": {"limits": both}}, {}]), "Burstable"),
        (json!([{"resources": {"limits": {"example.com/gpu": "1"}}}]), "BestEffort"),
    ];
    for (containers, expected) in cases {
        let o = created(pod(json!({"containers": containers})));
        assert_eq!(o["status"]["qosClass"], expected, "{containers}");
    }
}

#[test]
fn only_waiting_pods_are_gated() {
    let o = created(pod(json!({"schedulingGates": [{"name": "a.b/c"}]})));
    assert_eq!(o["status"]["conditions"][0]["reason"], "SchedulingGated");
}

#[test]
fn grace_is_the_pods_own_unless_asked_and_none_where_nothing_runs() {
    let running = |phase: &str| json!({"spec": {"nodeName": "n", "terminationGracePeriodSeconds": 20}, "status": {"phase": phase}});
    let cases = [
        (running("Running"), None, 20),
        (running("Running"), Some(0), 0),
        (running("Running"), Some(5), 5),
        (running("Running"), Some(-3), 1),
        (running("Succeeded"), Some(5), 0),
        (json!({"spec": {}, "status": {"phase": "Pending"}}), None, 0),
    ];
    for (o, requested, expected) in cases {
        assert_eq!(POD.grace_period(&o, requested), Some(expected), "{o} {requested:?}");
    }
}

#[test]
fn a_status_update_leaves_the_rest_and_keeps_the_quality() {
    let old = created(pod(json!({"nodeName": "n"})));
    let mut new = json!({"metadata": {"name": "p"}, "spec": {}, "status": {"phase": "Running"}});
    POD.prepare_status_update(&mut new, &old);
    assert_eq!(new["spec"], old["spec"]);
    assert_eq!(new["status"], json!({"phase": "Running", "qosClass": "BestEffort"}));
}

#[test]
fn an_update_keeps_status_and_what_admission_added() {
    let old = created(pod(json!({})));
    let mut new = defaulted(pod(json!({"serviceAccountName": "default"})));
    POD.prepare_update(&mut new, &old);
    assert_eq!(new, old);
    assert_eq!(POD.validate_update(&new, &old), vec![]);
}

#[test]
fn selectors_and_watchers_find_a_pod_by_its_node() {
    let mut o = created(pod(json!({"nodeName": "n1"})));
    o["status"]["podIPs"] = json!([{"ip": "10.0.0.1"}]);
    let fields: std::collections::BTreeMap<_, _> = POD.fields(&o).into_iter().collect();
    assert_eq!(fields["spec.nodeName"], "n1");
    assert_eq!(fields["status.phase"], "Pending");
    assert_eq!(fields["status.podIP"], "10.0.0.1");
    assert_eq!(fields["spec.hostNetwork"], "false");
    assert_eq!(fields["spec.schedulerName"], "default-scheduler");
    assert_eq!(POD.tag(&o).as_deref(), Some("n1"));
    assert_eq!(POD.tag(&pod(json!({}))), None);
}

#[test]
fn what_has_no_effect_yet_is_said_and_nothing_else() {
    assert_eq!(POD.warnings(&created(pod(json!({})))), Vec::<String>::new());
    let plain = created(json!({"spec": {
        "containers": [{"name": "c", "image": "i", "command": ["a"], "args": ["b"], "env": [{"name": "A", "value": "b"}],
            "envFrom": [{"configMapRef": {"name": "c"}}], "ports": [{"containerPort": 80, "hostPort": 80}],
            "readinessProbe": {"httpGet": {"port": 80}}, "livenessProbe": {"tcpSocket": {"port": 80}},
            "resources": {"limits": {"cpu": "1"}}, "volumeMounts": [{"name": "v", "mountPath": "/v", "readOnly": true}],
            "workingDir": "/", "tty": false}],
        "volumes": [{"name": "v"}, {"name": "w", "hostPath": {"path": "/"}}, {"name": "x", "secret": {"secretName": "s"}}],
        "hostname": "h", "hostNetwork": false, "nodeSelector": {"a": "b"}, "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1}}));
    assert_eq!(POD.warnings(&plain), Vec::<String>::new());
    // Fields of other systems, which stay what they are.
    let wide = created(json!({"spec": {
        "containers": [{"name": "c"}, {"name": "d", "securityContext": {"windowsOptions": {"hostProcess": true}}}],
        "initContainers": [{"name": "e", "securityContext": {"windowsOptions": {"hostProcess": true}}}],
        "securityContext": {"runAsUser": 1}, "hostUsers": false,
        "volumes": [{"name": "v"}, {"name": "s", "scaleIO": {"gateway": "g"}}]}}));
    let mut found = POD.warnings(&wide);
    found.sort();
    assert_eq!(
        found,
        [
            "spec.containers[1].securityContext.windowsOptions is not enforced by this version",
            "spec.hostUsers is not enforced by this version",
            "spec.initContainers[0].securityContext.windowsOptions is not enforced by this version",
            "spec.volumes[1].scaleIO is not enforced by this version",
        ]
    );
}

#[test]
fn with_the_status_comes_the_state_that_it_rests_on_and_nothing_else() {
    let mut old = created(pod(json!({})));
    old["metadata"]["annotations"] = json!({"a": "1"});
    let mut new = old.clone();
    new["metadata"]["annotations"] = json!({"a": "2", "b": "3", DECIDED_AT: "17"});
    POD.prepare_status_update(&mut new, &old);
    assert_eq!(new["metadata"]["annotations"], json!({"a": "1", DECIDED_AT: "17"}));
    let mut without = old.clone();
    POD.prepare_status_update(&mut without, &new);
    assert_eq!(without["metadata"]["annotations"], new["metadata"]["annotations"]);
}
