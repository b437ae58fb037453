//! StatefulSets and DaemonSets on real Docker: names, order and data that last, a pod on every node.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Pod;
use serde_json::json;
use timonier_tests::cluster::{Cluster, Store, Wish};
use timonier_tests::scenario::on;
use timonier_tests::wait::eventually;

const TWO: Wish = Wish { store: Store::Embedded, nodes: 2, hollow: false };

#[tokio::test(flavor = "multi_thread")]
async fn sets_keep_names_data_and_nodes() {
    on(TWO, async |cluster| {
        ordinals_keep_their_data(cluster).await?;
        daemons_are_everywhere(cluster).await
    })
    .await;
}

/// Its pods write down under which name they started, and by which template.
fn database(image: &str) -> String {
    let script = json!("echo $(hostname) $VERSION >> /data/log; exec sleep 3600");
    format!(
        "apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  replicas: 2
  serviceName: db
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - {{name: main, image: {image}, imagePullPolicy: Never, command: [sh, -c, {script}],
           env: [{{name: VERSION, value: one}}], volumeMounts: [{{name: data, mountPath: /data}}]}}
  volumeClaimTemplates:
    - metadata: {{name: data}}
      spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 8Mi}}}}}}
"
    )
}

async fn kubectl(cluster: &Cluster, args: &[&str]) -> Result<String> {
    cluster.client_program(Path::new("kubectl"))?.args(args).run().await?.ok()
}

/// What the pod of each ordinal has written into its volume.
async fn wrote(cluster: &Cluster, versions: &[&str]) -> Result<()> {
    for name in ["db-0", "db-1"] {
        let expected: String = versions.iter().map(|version| format!("{name} {version}\n")).collect();
        eventually(&format!("{name} wrote {expected:?}"), || async {
            let log = cluster.kctl(["exec", name, "--", "cat", "/data/log"]).await?.ok()?;
            ensure!(log == expected, "{log:?}");
            Ok(())
        })
        .await?;
    }
    Ok(())
}

async fn ordinals_keep_their_data(cluster: &Cluster) -> Result<()> {
    cluster.apply(&database(cluster.image())).await?;
    let said = cluster.kctl(["rollout", "status", "sts/db", "--timeout=120s"]).await?.ok()?;
    ensure!(said.ends_with("partitioned roll out complete: 2 new pods have been updated...\n"), "{said}");
    wrote(cluster, &["one"]).await?;

    cluster.kctl(["patch", "sts", "db", "--type=json", "-p", &version("two")]).await?.ok()?;
    let said = kubectl(cluster, &["rollout", "status", "sts/db", "--timeout=120s"]).await?;
    ensure!(said.ends_with("partitioned roll out complete: 2 new pods have been updated...\n"), "{said}");
    wrote(cluster, &["one", "two"]).await?;
    let pods = cluster.api::<Pod>();
    let made =
        async |name: &str| -> Result<_> { Ok(pods.get(name).await?.metadata.creation_timestamp.context("a time")?.0) };
    ensure!(made("db-1").await? <= made("db-0").await?, "the highest ordinal is the first to be new");

    let history = kubectl(cluster, &["rollout", "history", "sts/db"]).await?;
    let own = cluster.kctl(["rollout", "history", "sts/db"]).await?.ok()?;
    ensure!(history == own && history.contains("\n1         <none>\n2         <none>\n"), "{history}\n{own}");
    let said = kubectl(cluster, &["rollout", "undo", "sts/db"]).await?;
    ensure!(said == "statefulset.apps/db rolled back\n", "{said}");
    cluster.kctl(["rollout", "status", "sts/db", "--timeout=120s"]).await?.ok()?;
    wrote(cluster, &["one", "two", "one"]).await?;
    let said = cluster.kctl(["rollout", "undo", "sts/db", "--to-revision=2"]).await?.ok()?;
    ensure!(said == "statefulset.apps/db rolled back\n", "{said}");
    cluster.kctl(["rollout", "status", "sts/db", "--timeout=120s"]).await?.ok()?;
    wrote(cluster, &["one", "two", "one", "two"]).await?;

    let described = cluster.kctl(["describe", "sts", "db"]).await?.ok()?;
    for part in ["2 desired | 2 total", "create Claim data-db-0 Pod db-0 in StatefulSet db success", "Volume Claims:"] {
        ensure!(described.contains(part), "no {part:?} in\n{described}");
    }
    cluster.kctl(["delete", "sts", "db"]).await?.ok()?;
    cluster.kctl(["delete", "pvc", "data-db-0", "data-db-1"]).await?.ok().map(drop)
}

fn version(version: &str) -> String {
    json!([{"op": "replace", "path": "/spec/template/spec/containers/0/env/0/value", "value": version}]).to_string()
}

async fn daemons_are_everywhere(cluster: &Cluster) -> Result<()> {
    cluster.apply(&daemon(cluster.image())).await?;
    let rolled_out = async || cluster.kctl(["rollout", "status", "ds/agent", "--timeout=120s"]).await?.ok();
    let said = rolled_out().await?;
    ensure!(said.ends_with("daemon set \"agent\" successfully rolled out\n"), "{said}");
    let nodes = async || -> Result<BTreeSet<String>> {
        let pods = cluster.pods("app=agent").await?;
        Ok(pods.into_iter().filter_map(|pod| pod.spec?.node_name).collect())
    };
    let everywhere: BTreeSet<String> = ["node-1", "node-2"].map(String::from).into();
    ensure!(nodes().await? == everywhere, "{:?}", nodes().await?);
    cluster.kctl(["rollout", "restart", "ds/agent"]).await?.ok()?;
    kubectl(cluster, &["rollout", "status", "ds/agent", "--timeout=120s"]).await?;
    let row = kubectl(cluster, &["get", "ds", "agent", "--no-headers"]).await?;
    let counts: Vec<&str> = row.split_whitespace().skip(1).take(5).collect();
    ensure!(counts == ["2"; 5], "{row}");
    ensure!(nodes().await? == everywhere, "{:?}", nodes().await?);
    let said = cluster.kctl(["rollout", "undo", "ds/agent"]).await?.ok()?;
    ensure!(said == "daemonset.apps/agent rolled back\n", "{said}");
    rolled_out().await.map(drop)
}

/// A pod that does nothing, on every node.
pub fn daemon(image: &str) -> String {
    format!(
        "apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: agent}}
spec:
  selector: {{matchLabels: {{app: agent}}}}
  template:
    metadata: {{labels: {{app: agent}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: main, image: {image}, imagePullPolicy: Never, command: [sleep, '3600']}}]
"
    )
}
