//! Claims: a directory on the node of their first pod, which outlives pods and goes with the claim.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use timonier_tests::both_stores;
use timonier_tests::cluster::Cluster;
use timonier_tests::wait::eventually;

both_stores!(claims_keep_their_data, nodes = 3, hollow = false, all_ways);

async fn all_ways(cluster: &Cluster) -> Result<()> {
    let classes = cluster.kctl(["get", "sc"]).await?.ok()?;
    let row = "local-path (default)   timonier.io/local-path   Delete          WaitForFirstConsumer   false";
    ensure!(classes.contains(row), "{classes}");
    data_survives(cluster).await?;
    what_waits_says_why(cluster).await?;
    by_hand(cluster).await?;
    ephemeral(cluster).await?;
    immediate(cluster).await
}

fn claim(name: &str, more: &str) -> String {
    format!(
        "apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: {name}}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 8Mi}}}}{more}}}
---
"
    )
}

fn pod(cluster: &Cluster, name: &str, volume: &str, script: &str) -> String {
    let (image, script) = (cluster.image(), json!(script));
    format!(
        "apiVersion: v1
kind: Pod
metadata: {{name: {name}}}
spec:
  terminationGracePeriodSeconds: 0
  containers:
    - {{name: main, image: {image}, imagePullPolicy: Never, command: [sh, -c, {script}],
       volumeMounts: [{{name: data, mountPath: /data}}]}}
  volumes: [{{name: data, {volume}}}]
"
    )
}

async fn said(cluster: &Cluster, pod: &str, expected: &str) -> Result<()> {
    eventually(&format!("{pod} says {expected:?}"), || async {
        let log = cluster.kctl(["logs", pod]).await?.ok()?;
        ensure!(log == expected, "{log:?}");
        Ok(())
    })
    .await
}

async fn bound(cluster: &Cluster, claim: &str) -> Result<PersistentVolume> {
    eventually(&format!("{claim} is bound"), || async {
        let found = cluster.api::<PersistentVolumeClaim>().get(claim).await?;
        let phase = found.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
        ensure!(phase == "Bound", "it is {phase}");
        let name = found.spec.and_then(|spec| spec.volume_name).context("no volume")?;
        let volume = Api::<PersistentVolume>::all(cluster.client()).get(&name).await?;
        let phase = volume.status.as_ref().and_then(|status| status.phase.clone()).unwrap_or_default();
        ensure!(phase == "Bound", "its volume is {phase}");
        Ok(volume)
    })
    .await
}

async fn gone<K>(api: Api<K>, name: &str) -> Result<()>
where
    K: Clone + serde::de::DeserializeOwned + std::fmt::Debug,
{
    eventually(&format!("{name} is gone"), || async {
        ensure!(api.get_opt(name).await?.is_none(), "it is there");
        Ok(())
    })
    .await
}

fn directory(volume: &PersistentVolume) -> Result<std::path::PathBuf> {
    let local = volume.spec.as_ref().and_then(|spec| spec.local.as_ref());
    Ok(local.context("it is no directory")?.path.clone().into())
}

async fn node(cluster: &Cluster, pod: &str) -> Result<String> {
    let pod = cluster.api::<Pod>().get(pod).await?;
    pod.spec.and_then(|spec| spec.node_name).context("it has no node")
}

/// What a pod wrote another reads, on the same node; the directory goes with the claim, and not before.
async fn data_survives(cluster: &Cluster) -> Result<()> {
    let named = "persistentVolumeClaim: {claimName: notes}";
    cluster.apply(&claim("notes", "")).await?;
    cluster.apply(&pod(cluster, "writer", named, "echo kept > /data/note; echo done; exec sleep 3600")).await?;
    said(cluster, "writer", "done\n").await?;
    let volume = bound(cluster, "notes").await?;
    let dir = directory(&volume)?;
    ensure!(std::fs::read_to_string(dir.join("note"))? == "kept\n", "it is not in {}", dir.display());
    let home = node(cluster, "writer").await?;
    let shown = cluster.kctl(["get", "pvc", "notes"]).await?.ok()?;
    ensure!(shown.contains("Bound") && shown.contains("8Mi") && shown.contains("RWO"), "{shown}");

    // While a pod has it, a claim stays, and says that it will go.
    let claims = cluster.api::<PersistentVolumeClaim>();
    claims.delete("notes", &DeleteParams::default()).await?;
    let shown = cluster.kctl(["get", "pvc", "notes"]).await?.ok()?;
    ensure!(shown.contains("Terminating"), "{shown}");
    ensure!(dir.join("note").exists(), "the data is gone");
    cluster.kctl(["delete", "pod", "writer"]).await?.ok()?;
    gone(claims.clone(), "notes").await?;
    let name = volume.metadata.name.clone().context("no name")?;
    gone(Api::<PersistentVolume>::all(cluster.client()), &name).await?;
    ensure!(!dir.exists(), "{} is still there", dir.display());

    // The next claim is kept by its pods' comings and goings.
    cluster.apply(&claim("notes", "")).await?;
    cluster.apply(&pod(cluster, "writer", named, "echo again > /data/note; echo done; exec sleep 3600")).await?;
    said(cluster, "writer", "done\n").await?;
    let home_now = node(cluster, "writer").await?;
    cluster.kctl(["delete", "pod", "writer"]).await?.ok()?;
    for reader in ["first", "second"] {
        cluster.apply(&pod(cluster, reader, named, "cat /data/note; exec sleep 3600")).await?;
        said(cluster, reader, "again\n").await?;
        ensure!(node(cluster, reader).await? == home_now, "{reader} is elsewhere (the first claim was on {home})");
    }
    // Nothing makes it larger.
    let patch = json!({"spec": {"resources": {"requests": {"storage": "16Mi"}}}});
    let refused = claims.patch("notes", &PatchParams::default(), &Patch::Merge(patch)).await;
    let refused = refused.err().context("it grew")?.to_string();
    ensure!(refused.contains("only dynamically provisioned pvc can be resized"), "{refused}");

    // Whoever keeps volumes keeps the data.
    let volume = bound(cluster, "notes").await?;
    let (name, dir) = (volume.metadata.name.clone().context("no name")?, directory(&volume)?);
    let volumes = Api::<PersistentVolume>::all(cluster.client());
    let keep = json!({"spec": {"persistentVolumeReclaimPolicy": "Retain"}});
    volumes.patch(&name, &PatchParams::default(), &Patch::Merge(keep)).await?;
    cluster.kctl(["delete", "pod", "first", "second"]).await?.ok()?;
    claims.delete("notes", &DeleteParams::default()).await?;
    eventually("the volume is released", || async {
        let phase = volumes.get(&name).await?.status.and_then(|status| status.phase).unwrap_or_default();
        ensure!(phase == "Released", "it is {phase}");
        Ok(())
    })
    .await?;
    volumes.delete(&name, &DeleteParams::default()).await?;
    gone(volumes, &name).await?;
    ensure!(std::fs::read_to_string(dir.join("note"))? == "again\n", "the data is gone");
    Ok(())
}

async fn pending(cluster: &Cluster, pod: &str, words: &str) -> Result<()> {
    eventually(&format!("{pod} says why it waits"), || async {
        let status = cluster.api::<Pod>().get(pod).await?.status.unwrap_or_default();
        let conditions = status.conditions.iter().flatten();
        let said: Vec<_> = conditions.filter_map(|condition| condition.message.as_deref()).collect();
        ensure!(said.iter().any(|said| said.starts_with(words)), "{said:?}");
        Ok(())
    })
    .await
}

async fn what_waits_says_why(cluster: &Cluster) -> Result<()> {
    let on = |claim: &str| format!("persistentVolumeClaim: {{claimName: {claim}}}");
    cluster.apply(&pod(cluster, "early", &on("late"), "echo here; exec sleep 3600")).await?;
    pending(cluster, "early", "0/3 nodes are available: persistentvolumeclaim \"late\" not found.").await?;
    cluster.apply(&claim("never", ", storageClassName: ''")).await?;
    cluster.apply(&pod(cluster, "stuck", &on("never"), "exec sleep 3600")).await?;
    let words = "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    pending(cluster, "stuck", words).await?;
    // It goes on when its claim comes.
    cluster.apply(&claim("late", "")).await?;
    said(cluster, "early", "here\n").await?;
    cluster.kctl(["delete", "pod", "early", "stuck"]).await?.ok()?;
    cluster.kctl(["delete", "pvc", "late", "never"]).await?.ok()?;
    Ok(())
}

/// Volumes that a person made: of the class, on the node, large enough; one that is kept for a claim by name.
async fn by_hand(cluster: &Cluster) -> Result<()> {
    let dir = tempfile::tempdir()?;
    std::fs::write(dir.path().join("note"), "by hand\n")?;
    cluster
        .apply(&format!(
            "apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {{name: by-hand}}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: PersistentVolume
metadata: {{name: disk}}
spec:
  capacity: {{storage: 16Mi}}
  accessModes: [ReadWriteOnce]
  storageClassName: by-hand
  local: {{path: {}}}
  nodeAffinity: {{required: {{nodeSelectorTerms: [{{matchExpressions: [
    {{key: kubernetes.io/hostname, operator: In, values: [node-2]}}]}}]}}}}
---
{}",
            dir.path().display(),
            claim("disk", ", storageClassName: by-hand")
        ))
        .await?;
    let named = "persistentVolumeClaim: {claimName: disk, readOnly: true}";
    let script = "cat /data/note; touch /data/x 2>/dev/null || echo read-only; exec sleep 3600";
    cluster.apply(&pod(cluster, "diskette", named, script)).await?;
    said(cluster, "diskette", "by hand\nread-only\n").await?;
    ensure!(node(cluster, "diskette").await? == "node-2", "it is elsewhere");
    let shown = cluster.kctl(["get", "pv", "disk"]).await?.ok()?;
    ensure!(shown.contains("default/disk") && shown.contains("Retain") && shown.contains("Bound"), "{shown}");
    let described = cluster.kctl(["describe", "pod", "diskette"]).await?.ok()?;
    ensure!(described.contains("ClaimName:  disk") && described.contains("ReadOnly:   true"), "{described}");

    let elsewhere = pod(cluster, "elsewhere", named, script)
        .replace("spec:\n", "spec:\n  nodeSelector: {kubernetes.io/hostname: node-1}\n");
    cluster.apply(&elsewhere).await?;
    let words = "0/3 nodes are available: 1 node(s) didn't match PersistentVolume's node affinity, 2 node(s) didn't match Pod's node affinity/selector.";
    pending(cluster, "elsewhere", words).await?;
    cluster.kctl(["delete", "pod", "diskette", "elsewhere"]).await?.ok()?;
    cluster.kctl(["delete", "pvc", "disk"]).await?.ok()?;
    cluster.kctl(["delete", "pv", "disk"]).await?.ok()?;
    ensure!(dir.path().join("note").exists(), "what a person made is not ours to remove");
    Ok(())
}

/// A claim of one pod's own goes with it.
async fn ephemeral(cluster: &Cluster) -> Result<()> {
    let template = "ephemeral: {volumeClaimTemplate: {metadata: {labels: {of: scratch}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}}";
    cluster.apply(&pod(cluster, "scratch", template, "echo x > /data/x && echo wrote; exec sleep 3600")).await?;
    said(cluster, "scratch", "wrote\n").await?;
    let volume = bound(cluster, "scratch-data").await?;
    let dir = directory(&volume)?;
    ensure!(dir.join("x").exists(), "{}", dir.display());
    cluster.kctl(["delete", "pod", "scratch"]).await?.ok()?;
    gone(cluster.api::<PersistentVolumeClaim>(), "scratch-data").await?;
    gone(Api::<PersistentVolume>::all(cluster.client()), &volume.metadata.name.context("no name")?).await?;
    ensure!(!dir.exists(), "{} is still there", dir.display());
    Ok(())
}

/// A class that does not wait has its volumes at once, and pods go where they are. fsGroup owns them.
async fn immediate(cluster: &Cluster) -> Result<()> {
    let class = "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: at-once}\nprovisioner: timonier.io/local-path\n---\n";
    cluster.apply(&format!("{class}{}", claim("soon", ", storageClassName: at-once"))).await?;
    bound(cluster, "soon").await?;
    let named = "persistentVolumeClaim: {claimName: soon}";
    let user = "spec:\n  securityContext: {runAsUser: 1001, fsGroup: 2345}\n";
    let manifest = pod(cluster, "user", named, "touch /data/x && stat -c '%u %g' /data/x; exec sleep 3600");
    cluster.apply(&manifest.replace("spec:\n", user)).await?;
    said(cluster, "user", "1001 2345\n").await?;
    cluster.kctl(["delete", "pod", "user"]).await?.ok()?;
    cluster.kctl(["delete", "pvc", "soon"]).await?.ok()?;
    Ok(())
}
