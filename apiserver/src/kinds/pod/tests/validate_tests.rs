use super::*;

fn faults(o: Value) -> Vec<String> {
    let o = defaulted(o);
    POD.validate(&o).iter().map(|e| e.to_string()).collect()
}

/// Each object has the expected fault (that begins so) and no other.
fn check(cases: Vec<(Value, &str)>) {
    for (o, expected) in cases {
        let found = faults(o.clone());
        assert!(found.len() == 1 && found[0].starts_with(expected), "{expected}\n{}\n{found:#?}", o["spec"]);
    }
}

#[test]
fn a_pod_with_everything_that_is_honoured_passes() {
    let o = json!({"metadata": {"name": "p"}, "spec": {
        "containers": [
            {"name": "a", "image": "i", "ports": [{"name": "http", "containerPort": 80, "hostPort": 80}],
                "env": [{"name": "A", "value": "b"}, {"name": "my.odd-name", "value": ""},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                    {"name": "C", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a.b/c']"}}},
                    {"name": "D", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                    {"name": "E", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}},
                    {"name": "F", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "envFrom": [{"prefix": "P_", "secretRef": {"name": "s"}}],
                "readinessProbe": {"httpGet": {"port": "http", "httpHeaders": [{"name": "X-A", "value": "b"}]}},
                "livenessProbe": {"exec": {"command": ["true"]}},
                "startupProbe": {"grpc": {"port": 9}},
                "lifecycle": {"preStop": {"sleep": {"seconds": 5}}},
                "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1", "memory": "64Mi", "example.com/gpu": 1}},
                "volumeMounts": [{"name": "v", "mountPath": "/v", "subPath": "a/b"}, {"name": "w", "mountPath": "/w"}],
                "securityContext": {"runAsUser": 0, "capabilities": {"add": ["NET_ADMIN"]}}},
            {"name": "b", "image": "i", "ports": [{"containerPort": 80}]}],
        "initContainers": [{"name": "i", "image": "i"}],
        "volumes": [{"name": "v"}, {"name": "w", "configMap": {"name": "c", "items": [{"key": "k", "path": "a/b", "mode": 256}]}},
            {"name": "x", "downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"name": "y", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}],
        "nodeSelector": {"a.b/c": "d"}, "hostname": "h",
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
            {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}, {"key": "c", "operator": "Exists"}]}]}}},
        "tolerations": [{"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoSchedule"}],
        "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "a.b/c", "whenUnsatisfiable": "DoNotSchedule"}],
        "imagePullSecrets": [{"name": "s"}], "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["a.b"]}]}});
    assert_eq!(faults(o), Vec::<String>::new());
}

#[test]
fn the_spec_itself_is_checked() {
    check(vec![
        (pod(json!({"containers": []})), "spec.containers: Required value"),
        (
            pod(json!({"restartPolicy": "Sometimes"})),
            "spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: \"Always\", \"Never\", \"OnFailure\"",
        ),
        (pod(json!({"dnsPolicy": "Mine"})), "spec.dnsPolicy: Unsupported value: \"Mine\""),
        (
            pod(json!({"dnsPolicy": "None"})),
            "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None",
        ),
        (pod(json!({"nodeSelector": {"a": "b c"}})), "spec.nodeSelector[a]: Invalid value: \"b c\""),
        (pod(json!({"serviceAccountName": "A"})), "spec.serviceAccountName: Invalid value: \"A\""),
        (pod(json!({"nodeName": "A"})), "spec.nodeName: Invalid value: \"A\""),
        (
            pod(json!({"activeDeadlineSeconds": 0})),
            "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        ),
        (pod(json!({"hostname": "a.b"})), "spec.hostname: Invalid value: \"a.b\": must not contain dots"),
        (pod(json!({"hostnameOverride": "a_b"})), "spec.hostnameOverride: Invalid value: \"a_b\""),
        (pod(json!({"hostnameOverride": "a".repeat(65)})), "spec.hostnameOverride: Too long"),
        (
            pod(
                json!({"hostNetwork": true, "securityContext": {"sysctls": [{"name": "net/ipv4/tcp_rmem", "value": "1"}]}}),
            ),
            "spec.securityContext.sysctls[0].name: Invalid value: \"net/ipv4/tcp_rmem\": may not be specified when 'hostNetwork' is true",
        ),
        (
            pod(json!({"hostIPC": true, "securityContext": {"sysctls": [{"name": "kernel.shmmax", "value": "1"}]}})),
            "spec.securityContext.sysctls[0].name: Invalid value: \"kernel.shmmax\": may not be specified when 'hostIPC' is true",
        ),
        (pod(json!({"imagePullSecrets": [{}]})), "spec.imagePullSecrets[0].name: Required value"),
        (pod(json!({"hostAliases": [{"ip": "x"}]})), "spec.hostAliases[0].ip: Invalid value: \"x\""),
        (
            pod(json!({"preemptionPolicy": "Always"})),
            "spec.preemptionPolicy: Unsupported value: \"Always\": supported values: \"Never\", \"PreemptLowerPriority\"",
        ),
        (pod(json!({"securityContext": {"runAsUser": -1}})), "spec.securityContext.runAsUser: Invalid value: -1"),
        (
            pod(json!({"nodeName": "n", "schedulingGates": [{"name": "a"}]})),
            "spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared",
        ),
    ]);
}

#[test]
fn containers_are_checked() {
    let container = with_container;
    check(vec![
        (container(json!({"name": ""})), "spec.containers[0].name: Required value"),
        (container(json!({"name": "C"})), "spec.containers[0].name: Invalid value: \"C\": a lowercase RFC 1123 label"),
        (container(json!({"image": ""})), "spec.containers[0].image: Required value"),
        (
            container(json!({"image": " web"})),
            "spec.containers[0].image: Invalid value: \" web\": must not have leading or trailing whitespace",
        ),
        (
            container(json!({"imagePullPolicy": "Now"})),
            "spec.containers[0].imagePullPolicy: Unsupported value: \"Now\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        ),
        (
            pod(json!({"containers": [{"name": "a", "image": "i"}, {"name": "a", "image": "i"}]})),
            "spec.containers[1].name: Duplicate value: \"a\"",
        ),
        (
            pod(json!({"initContainers": [{"name": "c", "image": "i"}]})),
            "spec.initContainers[0].name: Duplicate value: \"c\"",
        ),
        (
            pod(json!({"initContainers": [{"name": "i", "image": "i", "readinessProbe": {"tcpSocket": {"port": 1}}}]})),
            "spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always",
        ),
        (container(json!({"ports": [{}]})), "spec.containers[0].ports[0].containerPort: Required value"),
        (
            container(json!({"ports": [{"containerPort": 70000}]})),
            "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        ),
        (
            container(json!({"ports": [{"containerPort": 1, "protocol": "tcp"}]})),
            "spec.containers[0].ports[0].protocol: Unsupported value: \"tcp\": supported values: \"SCTP\", \"TCP\", \"UDP\"",
        ),
        (
            container(json!({"ports": [{"containerPort": 1, "name": "Up"}]})),
            "spec.containers[0].ports[0].name: Invalid value: \"Up\": must contain only alpha-numeric",
        ),
        (
            container(json!({"ports": [{"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}]})),
            "spec.containers[0].ports[1].name: Duplicate value: \"a\"",
        ),
        (
            pod(json!({"containers": [
                {"name": "a", "image": "i", "ports": [{"containerPort": 1, "hostPort": 80}]},
                {"name": "b", "image": "i", "ports": [{"containerPort": 2, "hostPort": 80}]}]})),
            "spec.containers[1].ports[0].hostPort: Duplicate value: \"TCP//80\"",
        ),
    ]);
}

#[test]
fn the_environment_is_checked() {
    let from = |source: Value| with_container(json!({"env": [{"name": "A", "valueFrom": source}]}));
    let path = "spec.containers[0].env[0]";
    let expect = |rest: &str| -> &'static str { format!("{path}{rest}").leak() };
    check(vec![
        (with_container(json!({"env": [{"value": "x"}]})), expect(".name: Required value")),
        (with_container(json!({"env": [{"name": "a=b"}]})), expect(".name: Invalid value: \"a=b\"")),
        (from(json!({})), expect(".valueFrom: Invalid value: \"\": must specify one of: `fieldRef`")),
        (
            from(json!({"fieldRef": {"fieldPath": "spec.hostname"}})),
            expect(
                ".valueFrom.fieldRef.fieldPath: Unsupported value: \"spec.hostname\": supported values: \"metadata.name\"",
            ),
        ),
        (
            from(json!({"fieldRef": {"fieldPath": "name"}})),
            expect(
                ".valueFrom.fieldRef.fieldPath: Invalid value: \"name\": error converting fieldPath: field label not supported: name",
            ),
        ),
        (
            from(json!({"resourceFieldRef": {"resource": "cpu"}})),
            expect(".valueFrom.resourceFieldRef.resource: Unsupported value: \"cpu\""),
        ),
        (from(json!({"configMapKeyRef": {"key": "k"}})), expect(".valueFrom.configMapKeyRef.name: Required value")),
        (from(json!({"secretKeyRef": {"name": "s"}})), expect(".valueFrom.secretKeyRef.key: Required value")),
        (
            from(json!({"configMapKeyRef": {"name": "c", "key": "k"}, "secretKeyRef": {"name": "s", "key": "k"}})),
            expect(".valueFrom: Invalid value: \"\": may not have more than one field specified at a time"),
        ),
        (
            with_container(
                json!({"env": [{"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}]}),
            ),
            expect(".valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"),
        ),
        (
            with_container(json!({"envFrom": [{}]})),
            "spec.containers[0].envFrom[0]: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`",
        ),
        (
            with_container(json!({"envFrom": [{"configMapRef": {}}]})),
            "spec.containers[0].envFrom[0].configMapRef.name: Required value",
        ),
    ]);
}

#[test]
fn volumes_and_mounts_are_checked() {
    let volume = |volume: Value| pod(json!({"volumes": [volume]}));
    let mount = |mounts: Value| {
        let mut o = with_container(json!({"volumeMounts": mounts}));
        o["spec"]["volumes"] = json!([{"name": "v"}]);
        o
    };
    check(vec![
        (volume(json!({})), "spec.volumes[0].name: Required value"),
        (volume(json!({"name": "V"})), "spec.volumes[0].name: Invalid value: \"V\""),
        (pod(json!({"volumes": [{"name": "v"}, {"name": "v"}]})), "spec.volumes[1].name: Duplicate value: \"v\""),
        (
            volume(json!({"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}})),
            "spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type",
        ),
        (volume(json!({"name": "v", "hostPath": {}})), "spec.volumes[0].hostPath.path: Required value"),
        (
            volume(json!({"name": "v", "hostPath": {"path": "/a/../b"}})),
            "spec.volumes[0].hostPath.path: Invalid value: \"/a/../b\": must not contain '..'",
        ),
        (
            volume(json!({"name": "v", "hostPath": {"path": "/", "type": "Dir"}})),
            "spec.volumes[0].hostPath.type: Unsupported value: \"Dir\"",
        ),
        (volume(json!({"name": "v", "secret": {}})), "spec.volumes[0].secret.secretName: Required value"),
        (volume(json!({"name": "v", "configMap": {}})), "spec.volumes[0].configMap.name: Required value"),
        (
            volume(json!({"name": "v", "secret": {"secretName": "s", "defaultMode": 512}})),
            "spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
        ),
        (
            volume(json!({"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "/abs"}]}})),
            "spec.volumes[0].configMap.items[0].path: Invalid value: \"/abs\": must be a relative path",
        ),
        (
            volume(json!({"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "a/.."}]}})),
            "spec.volumes[0].configMap.items[0].path: Invalid value: \"a/..\": must not contain '..'",
        ),
        (
            volume(json!({"name": "v", "persistentVolumeClaim": {}})),
            "spec.volumes[0].persistentVolumeClaim.claimName: Required value",
        ),
        (
            volume(
                json!({"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 1}}]}}),
            ),
            "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 1",
        ),
        (mount(json!([{"name": "w", "mountPath": "/"}])), "spec.containers[0].volumeMounts[0].name: Not found: \"w\""),
        (mount(json!([{"name": "v"}])), "spec.containers[0].volumeMounts[0].mountPath: Required value"),
        (
            mount(json!([{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/a"}])),
            "spec.containers[0].volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique",
        ),
        (
            mount(json!([{"name": "v", "mountPath": "/a", "subPath": "../b"}])),
            "spec.containers[0].volumeMounts[0].subPath: Invalid value: \"../b\": must not contain '..'",
        ),
    ]);
}

#[test]
fn probes_and_hooks_are_checked() {
    let probe = |probe: Value| with_container(json!({"livenessProbe": probe}));
    let path = "spec.containers[0].livenessProbe";
    let expect = |rest: &str| -> &'static str { format!("{path}{rest}").leak() };
    check(vec![
        (probe(json!({"periodSeconds": 1})), expect(": Required value: must specify a handler type")),
        (
            probe(json!({"tcpSocket": {"port": 1}, "grpc": {"port": 1}})),
            expect(".grpc: Forbidden: may not specify more than 1 handler type"),
        ),
        (probe(json!({"tcpSocket": {"port": 0}})), expect(".tcpSocket.port: Invalid value: 0: must be between 1")),
        (probe(json!({"httpGet": {"port": "a--b"}})), expect(".httpGet.port: Invalid value: \"a--b\"")),
        (
            probe(json!({"httpGet": {"port": 1, "scheme": "ftp"}})),
            expect(".httpGet.scheme: Unsupported value: \"ftp\""),
        ),
        (probe(json!({"exec": {}})), expect(".exec.command: Required value")),
        (
            probe(json!({"exec": {"command": ["a"]}, "initialDelaySeconds": -1})),
            expect(".initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0"),
        ),
        (
            probe(json!({"exec": {"command": ["a"]}, "successThreshold": 2})),
            expect(".successThreshold: Invalid value: 2: must be 1"),
        ),
        (
            with_container(json!({"readinessProbe": {"tcpSocket": {"port": 1}, "terminationGracePeriodSeconds": 1}})),
            "spec.containers[0].readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set",
        ),
        (
            with_container(json!({"lifecycle": {"postStart": {}}})),
            "spec.containers[0].lifecycle.postStart: Required value: must specify a handler type",
        ),
        (
            with_container(json!({"lifecycle": {"preStop": {"sleep": {"seconds": 31}}}})),
            "spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31",
        ),
    ]);
}

#[test]
fn resources_are_checked() {
    let resources = |resources: Value| with_container(json!({"resources": resources}));
    let path = "spec.containers[0].resources";
    let expect = |rest: &str| -> &'static str { format!("{path}{rest}").leak() };
    check(vec![
        (
            resources(json!({"requests": {"cpu": "200m"}, "limits": {"cpu": "100m"}})),
            expect(".requests: Invalid value: \"200m\": must be less than or equal to cpu limit of 100m"),
        ),
        (
            resources(json!({"requests": {"cpu": "-1"}})),
            expect(".requests[cpu]: Invalid value: \"-1\": must be greater than or equal to 0"),
        ),
        (
            resources(json!({"requests": {"cpu": "lots"}})),
            expect(".requests[cpu]: Invalid value: \"lots\": quantities must match"),
        ),
        (
            resources(json!({"requests": {"example.com/gpu": "1"}})),
            expect(".limits: Required value: Limit must be set for non overcommitable resources"),
        ),
    ]);
}

#[test]
fn scheduling_is_checked() {
    let toleration = |toleration: Value| pod(json!({"tolerations": [toleration]}));
    let affinity = |expression: Value| {
        pod(json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
            {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}}}}))
    };
    check(vec![
        (
            toleration(json!({"value": "a"})),
            "spec.tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is empty",
        ),
        (
            toleration(json!({"key": "a", "operator": "Exists", "value": "b"})),
            "spec.tolerations[0].operator: Invalid value: \"b\": value must be empty when `operator` is 'Exists'",
        ),
        (
            toleration(json!({"key": "a", "effect": "NoSchedule", "tolerationSeconds": 1})),
            "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when `tolerationSeconds` is set",
        ),
        (
            toleration(json!({"key": "a", "operator": "Like"})),
            "spec.tolerations[0].operator: Unsupported value: \"Like\"",
        ),
        (toleration(json!({"key": "a", "effect": "Run"})), "spec.tolerations[0].effect: Unsupported value: \"Run\""),
        (
            affinity(json!({"key": "a", "operator": "In"})),
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        ),
        (
            pod(json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {}}}})),
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: must have at least one node selector term",
        ),
        (
            pod(json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}})),
            "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty",
        ),
        (
            pod(
                json!({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "a", "whenUnsatisfiable": "ScheduleAnyway"}]}),
            ),
            "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
        ),
    ]);
}

#[test]
fn privileges_must_agree() {
    check(vec![
        (
            with_container(json!({"securityContext": {"privileged": true, "allowPrivilegeEscalation": false}})),
            "spec.containers[0].securityContext: Invalid value: {\"allowPrivilegeEscalation\":false,\"privileged\":true}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true",
        ),
        (
            with_container(json!({"securityContext": {"seccompProfile": {"type": "Localhost"}}})),
            "spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost",
        ),
        (
            pod(json!({"hostPID": true, "shareProcessNamespace": true})),
            "spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled",
        ),
    ]);
}

#[test]
fn hardly_anything_of_a_pod_may_change() {
    let old = created(with_container(json!({"env": [{"name": "A", "value": "1"}]})));
    let changed = |pointer: &str, value: Value| {
        let mut new = old.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match new.pointer_mut(parent).unwrap() {
            Value::Array(list) => list.push(value),
            parent => parent[key] = value,
        }
        let found: Vec<String> = POD.validate_update(&new, &old).iter().map(|e| e.to_string()).collect();
        found
    };
    let none = Vec::<String>::new();
    assert_eq!(changed("/spec/containers/0/image", json!("web:2")), none);
    assert_eq!(changed("/spec/activeDeadlineSeconds", json!(5)), none);
    assert_eq!(changed("/spec/tolerations/-", json!({"operator": "Exists"})), none);
    assert_eq!(changed("/metadata/labels", json!({"a": "b"})), none);
    let found = changed("/spec/containers/0/env/0", json!({"name": "B"}));
    let found_value = {
        let mut new = old.clone();
        new["spec"]["containers"][0]["env"][0]["value"] = "2".into();
        new["spec"]["hostname"] = "h".into();
        POD.validate_update(&new, &old)[0].to_string()
    };
    assert!(
        found[0]
            .starts_with("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,")
    );
    assert!(found_value.ends_with("changed: spec.containers[0].env[0].value, spec.hostname"), "{found_value}");
    assert_eq!(
        changed("/spec/containers/-", json!({"name": "d", "image": "i"})),
        ["spec.containers: Forbidden: pod updates may not add or remove containers"]
    );
    assert_eq!(
        changed("/spec/tolerations", json!([])),
        ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"]
    );
}

#[test]
fn a_deadline_only_comes_nearer() {
    let old = json!({"spec": {"activeDeadlineSeconds": 10}});
    let found = |spec: Value| -> Vec<String> {
        POD.validate_update(&json!({ "spec": spec }), &old).iter().map(|e| e.to_string()).collect()
    };
    assert_eq!(found(json!({"activeDeadlineSeconds": 9})), Vec::<String>::new());
    assert_eq!(
        found(json!({"activeDeadlineSeconds": 11})),
        ["spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to previous value"]
    );
    assert_eq!(
        found(json!({})),
        ["spec.activeDeadlineSeconds: Invalid value: null: must not update from a positive integer to nil value"]
    );
}

#[test]
fn a_container_that_ended_for_good_stays_ended() {
    let of = |policy: &str, state: Value| json!({"spec": {"restartPolicy": policy}, "status": {"containerStatuses": [{"name": "c", "state": state}]}});
    let ended = |code: i64| json!({"terminated": {"exitCode": code}});
    let count = |policy: &str, code: i64| {
        POD.validate_status_update(&of(policy, json!({"running": {}})), &of(policy, ended(code))).len()
    };
    assert_eq!(count("Never", 1), 1);
    assert_eq!(count("OnFailure", 0), 1);
    assert_eq!(count("OnFailure", 1), 0);
    assert_eq!(count("Always", 0), 0);
}
