//! What containers find in their volumes.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use timonier_tests::wait::eventually;

use crate::case::{Case, Until, case};
use crate::seen::Seen;

const SETTINGS: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {color: blue, size: big}}
---
{apiVersion: v1, kind: Secret, metadata: {name: hidden}, stringData: {key: opensesame}}";

pub fn cases() -> Vec<Case> {
    let mut all = files();
    all.extend(updates());
    all.extend(directories());
    all
}

fn files() -> Vec<Case> {
    vec![
        case("volumes configMap with items, modes and defaultMode")
            .objects(SETTINGS)
            .spec(
                "volumes: [{name: v, configMap: {name: settings, defaultMode: 0440, items: [
                    {key: color, path: deep/color}, {key: size, path: size, mode: 0400}]}}]",
            )
            .container("volumeMounts: [{name: v, mountPath: /v}]")
            .prints("cat /v/deep/color; ls /v; stat -Lc %a /v/deep/color /v/size", "bluedeep\nsize\n440\n400")
            .prints("echo x > /v/size 2>/dev/null || echo read-only", "read-only"),
        case("volumes secret that is optional and missing").spec("volumes: [{name: v, secret: {secretName: absent, optional: true}}]")
            .container("volumeMounts: [{name: v, mountPath: /v}]")
            .prints("ls /v | wc -l", "0"),
        case("volumes configMap that is missing")
            .spec("volumes: [{name: v, configMap: {name: nowhere}}]")
            .container("volumeMounts: [{name: v, mountPath: /v}]")
            .until(Until::Event("FailedMount"))
            .check(async |seen| {
                let said = seen.events("FailedMount").await?;
                let words = "MountVolume.SetUp failed for volume \"v\" : configmap \"nowhere\" not found";
                ensure!(said == [words], "{said:?}");
                Ok(())
            }),
        case("volumes projected from a ConfigMap, a Secret and the pod itself")
            .objects(SETTINGS)
            .metadata("labels: {app: web, tier: front}")
            .spec(
                "volumes: [{name: v, projected: {defaultMode: 0444, sources: [
                    {configMap: {name: settings, items: [{key: color, path: color}]}},
                    {secret: {name: hidden, items: [{key: key, path: secret/key, mode: 0400}]}},
                    {secret: {name: absent, optional: true}},
                    {downwardAPI: {items: [
                        {path: labels, fieldRef: {fieldPath: metadata.labels}},
                        {path: name, fieldRef: {fieldPath: metadata.name}},
                        {path: cpu, resourceFieldRef: {containerName: main, resource: limits.cpu, divisor: 1m}}]}}]}}]",
            )
            .container("{volumeMounts: [{name: v, mountPath: /v}], resources: {limits: {cpu: 250m}}}")
            .prints(
                "cd /v; cat color secret/key labels name cpu; stat -Lc %a color secret/key",
                "blueopensesameapp=\"web\"\ntier=\"front\"pod250444\n400",
            ),
        case("volumes downwardAPI with resources and modes")
            .spec(
                "volumes: [{name: v, downwardAPI: {items: [
                    {path: memory, mode: 0400, resourceFieldRef: {containerName: main, resource: requests.memory}},
                    {path: uid, fieldRef: {fieldPath: metadata.uid}}]}}]",
            )
            .container("{volumeMounts: [{name: v, mountPath: /v}], resources: {requests: {memory: 8Mi}}}")
            .prints("cat /v/memory; stat -Lc ' %a' /v/memory", "8388608 400")
            .check(async |seen| {
                let uid = seen.exec("main", "cat /v/uid").await?;
                ensure!(uid == seen.uid, "{uid}");
                Ok(())
            }),
        case("volumes fsGroup owns what it may read and write")
            .objects(SETTINGS)
            .spec(
                "{securityContext: {fsGroup: 2345, supplementalGroups: [3456], runAsUser: 1001}, volumes: [{name: e, emptyDir: {}},
                    {name: m, emptyDir: {medium: Memory}}, {name: s, secret: {secretName: hidden, defaultMode: 0400}}]}",
            )
            .container("volumeMounts: [{name: e, mountPath: /e}, {name: m, mountPath: /m}, {name: s, mountPath: /s}]")
            .prints("stat -Lc '%a %g' /e /m /s/key", "2777 2345\n2777 2345\n440 2345")
            .prints("cat /s/key; touch /e/new /m/new; stat -c ' %u %g' /e/new /m/new", "opensesame 1001 2345\n 1001 2345"),
    ]
}

const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

fn updates() -> Vec<Case> {
    vec![
        case("serviceAccountToken is mounted by itself, and says who the pod is")
            .check(async |seen| {
                let said = seen.exec("main", &format!("cd {ACCOUNT}; cat namespace; head -1 ca.crt; cut -d. -f2 token")).await?;
                let start = format!("{}-----BEGIN CERTIFICATE-----\n", seen.namespace);
                let claims = said.strip_prefix(&start).with_context(|| said.clone())?.trim();
                let claims = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, claims)?;
                let claims: Value = serde_json::from_slice(&claims)?;
                ensure!(claims["sub"] == format!("system:serviceaccount:{}:default", seen.namespace), "{claims}");
                ensure!(claims["kubernetes.io"]["pod"]["uid"] == seen.uid, "{claims}");
                Ok(())
            }),
        case("serviceAccountToken that is not wanted")
            .spec("automountServiceAccountToken: false")
            .prints("ls /var/run/secrets 2>/dev/null | wc -l", "0"),
        case("serviceAccountToken for an audience, for the only user")
            .spec(
                "{securityContext: {runAsUser: 1001}, volumes: [{name: v, projected: {sources: [
                    {serviceAccountToken: {path: vault, audience: vault, expirationSeconds: 600}}]}}]}",
            )
            .container("volumeMounts: [{name: v, mountPath: /v}]")
            .prints("stat -Lc '%a %u' /v/vault; cut -d. -f2 /v/vault | grep -c .", "600 1001\n1"),
        case("volumes follow their ConfigMap at once, but for parts and what is immutable")
            .objects(SETTINGS)
            .objects("{apiVersion: v1, kind: ConfigMap, metadata: {name: fixed}, data: {a: b}, immutable: true}")
            .spec("volumes: [{name: v, configMap: {name: settings}}, {name: f, configMap: {name: fixed}}]")
            .container(
                "volumeMounts: [{name: v, mountPath: /v}, {name: v, mountPath: /part, subPath: color}, {name: f, mountPath: /f}]",
            )
            .prints("cat /v/color /part /f/a", "blueblueb")
            .check(async |seen| {
                patch::<ConfigMap>(seen, "settings", json!({"data": {"color": "red", "size": null, "new": "1"}})).await?;
                prints(seen, "cat /v/color; ls /v; cat /part", "redcolor\nnew\nblue").await
            }),
        case("volumes follow their Secret and the pod's own labels")
            .objects(SETTINGS)
            .metadata("labels: {app: web}")
            .spec(
                "volumes: [{name: v, projected: {sources: [{secret: {name: hidden}},
                    {downwardAPI: {items: [{path: app, fieldRef: {fieldPath: \"metadata.labels['app']\"}}]}}]}}]",
            )
            .container("volumeMounts: [{name: v, mountPath: /v}]")
            .prints("cat /v/key /v/app", "opensesameweb")
            .check(async |seen| {
                patch::<Secret>(seen, "hidden", json!({"stringData": {"key": "changed"}})).await?;
                prints(seen, "cat /v/key", "changed").await?;
                patch::<Pod>(seen, "pod", json!({"metadata": {"labels": {"app": "api"}}})).await?;
                prints(seen, "cat /v/app", "api").await
            }),
    ]
}

fn directories() -> Vec<Case> {
    vec![
        case("subPath makes what is missing, subPathExpr sees the environment")
            .spec("volumes: [{name: v, emptyDir: {}}, {name: m, emptyDir: {medium: Memory}}]")
            .container(
                "{env: [{name: WHO, valueFrom: {fieldRef: {fieldPath: metadata.name}}}], volumeMounts: [
                    {name: v, mountPath: /whole}, {name: v, mountPath: /one, subPath: a/b},
                    {name: v, mountPath: /two, subPathExpr: logs/$(WHO)}, {name: m, mountPath: /fast, subPath: part},
                    {name: m, mountPath: /memory}]}",
            )
            .prints(
                "echo 1 > /one/x; echo 2 > /two/y; echo 3 > /fast/z; cat /whole/a/b/x /whole/logs/pod/y /memory/part/z",
                "1\n2\n3",
            )
            .prints("stat -c %a /one /whole/a", "777\n777"),
        case("subPath that leads out through a link is refused")
            .spec(&format!("volumes: [{{name: v, hostPath: {{path: {}}}}}]", with_a_way_out()))
            .container("volumeMounts: [{name: v, mountPath: /v, subPath: out/more}]")
            .until(Until::Waiting("CreateContainerConfigError"))
            .check(async |seen| {
                std::fs::remove_dir_all(with_a_way_out())?;
                let status = seen.pod().await?.status.unwrap_or_default();
                let states = status.container_statuses.into_iter().flatten().filter_map(|one| one.state?.waiting?.message);
                let said: Vec<_> = states.collect();
                let words = "failed to prepare subPath for volumeMount \"v\" of container \"main\": ";
                ensure!(said.len() == 1 && said[0].starts_with(words), "{said:?}");
                ensure!(!std::path::Path::new("/etc/more").exists(), "something was made outside");
                Ok(())
            }),
        case("emptyDir beyond its sizeLimit ends the pod")
            .spec("volumes: [{name: v, emptyDir: {sizeLimit: 1Mi}}]")
            .container(
                "{command: [sh, -c, 'dd if=/dev/zero of=/v/big bs=1M count=3; exec sleep 3600'], volumeMounts: [{name: v, mountPath: /v}]}",
            )
            .until(Until::Phase("Failed"))
            .check(async |seen| {
                let status = seen.pod().await?.status.unwrap_or_default();
                let words = "Usage of EmptyDir volume \"v\" exceeds the limit \"1Mi\". ";
                ensure!(status.reason.as_deref() == Some("Evicted"), "{status:?}");
                ensure!(status.message.as_deref() == Some(words), "{status:?}");
                ensure!(seen.events("Evicted").await? == [words], "no event");
                Ok(())
            }),
        case("emptyDir in memory is as large as it may be")
            .spec("volumes: [{name: v, emptyDir: {medium: Memory, sizeLimit: 2Mi}}]")
            .container("volumeMounts: [{name: v, mountPath: /v}]")
            .prints("stat -fc %T /v; df -k /v | tail -1 | awk '{print $2}'", "tmpfs\n2048"),
        case("hostPath types are made or looked for")
            .spec("volumes: [{name: d, hostPath: {path: /tmp/timonier-test-host-path/dir, type: DirectoryOrCreate}}]")
            .container("volumeMounts: [{name: d, mountPath: /d, readOnly: true}]")
            .prints("touch /d/x 2>/dev/null || echo read-only", "read-only")
            .check(async |_| Ok(std::fs::remove_dir_all("/tmp/timonier-test-host-path")?)),
        case("hostPath that is of another type")
            .spec("volumes: [{name: d, hostPath: {path: /etc, type: File}}]")
            .container("volumeMounts: [{name: d, mountPath: /d}]")
            .until(Until::Event("FailedMount"))
            .check(async |seen| {
                let said = seen.events("FailedMount").await?;
                let words = "MountVolume.SetUp failed for volume \"d\" : hostPath type check failed: /etc is not a file";
                ensure!(said == [words], "{said:?}");
                Ok(())
            }),
    ]
}

/// A directory on the host with a link out of it.
fn with_a_way_out() -> String {
    let dir = std::env::temp_dir().join(format!("timonier-test-way-out-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    // There already: this is asked for more than once.
    let _linked = std::os::unix::fs::symlink("/etc", dir.join("out"));
    dir.display().to_string()
}

async fn patch<K>(seen: &Seen, name: &str, patch: Value) -> Result<()>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + serde::de::DeserializeOwned
        + std::fmt::Debug,
{
    seen.api::<K>().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
    Ok(())
}

async fn prints(seen: &Seen, script: &str, said: &str) -> Result<()> {
    eventually(script, || async {
        let printed = seen.exec("main", script).await?;
        ensure!(printed.trim() == said.trim(), "it prints {printed:?}");
        Ok(())
    })
    .await
}
