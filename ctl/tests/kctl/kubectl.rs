//! kubectl's commands that go through typed clients: their bodies are protobuf, and nothing else.

use crate::fixture::Cluster;

#[tokio::test]
async fn kubectl_s_imperative_commands_work() {
    let cluster = Cluster::start().await;
    for (line, expected) in [
        ("create namespace n", "namespace/n created"),
        ("create deployment web -n n --image=nginx --replicas=2 --port=80", "deployment.apps/web created"),
        (
            "get deployment web -n n -o jsonpath={.spec.replicas},{.spec.template.spec.containers[0].ports[0].containerPort}",
            "2,80",
        ),
        ("scale deployment web -n n --replicas=0", "deployment.apps/web scaled"),
        ("get deployment web -n n -o jsonpath={.spec.replicas}", "0"),
        ("create configmap c --from-literal=a=b", "configmap/c created"),
        ("get configmap c -o jsonpath={.data.a}", "b"),
        ("create secret generic s --from-literal=p=word", "secret/s created"),
        ("get secret s -o jsonpath={.data.p}", "d29yZA=="),
        ("create service clusterip web --tcp=80:8080", "service/web created"),
        ("get service web -o jsonpath={.spec.ports[0].targetPort}", "8080"),
        ("create serviceaccount robot", "serviceaccount/robot created"),
        ("run p --image=busybox --restart=Never --env=A=B", "pod/p created"),
        ("auth can-i delete nodes", "yes"),
    ] {
        let said = cluster.kubectl(line).await.ok();
        assert_eq!(said.trim(), expected, "kubectl {line}");
    }
    let token = cluster.kubectl("create token robot --duration=20m").await.ok();
    assert_eq!(token.trim().split('.').count(), 3, "{token}");
    let list = cluster.kubectl("auth can-i --list").await.ok();
    assert!(list.contains("*.*"), "{list}");
    let who = cluster.kubectl("auth whoami").await.ok();
    assert!(who.contains("system:masters"), "{who}");
    let again = cluster.kubectl("create namespace n").await.fails();
    assert!(again.contains("namespaces \"n\" already exists"), "{again}");
    let invalid = cluster.kubectl("create configmap C").await.fails();
    assert!(invalid.contains("metadata.name: Invalid value: \"C\""), "{invalid}");
}
