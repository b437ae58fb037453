//! `kubectl apply` and `kctl apply` on a server with 1,900 CustomResourceDefinitions, beside one with none. Both begin with an
//! empty cache, as on a machine that has not seen this cluster: discovery and documents are part of what is measured.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures::{TryStreamExt, stream};
use hyper::Method;
use serde_json::json;
use tokio::process::Command;

use super::report::{Report, quantile};
use super::server::{Server, binary};

const DEFINITIONS: usize = 1900;
const CONNECTIONS: usize = 8;
const ROUNDS: usize = 5;
const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// How long the last of them may take to be served.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn run(report: &mut Report) -> Result<()> {
    let server = Server::start().await?;
    let kubeconfig = server.kubeconfig("admin")?;
    report.step("apply without definitions");
    let before = applies(&kubeconfig).await?;
    report.step("1,900 definitions");
    let start = Instant::now();
    define(&server).await?;
    report.add("1,900 definitions made and served", start.elapsed().as_secs_f64(), "s", None);
    report.step("apply with 1,900 definitions");
    let after = applies(&kubeconfig).await?;
    for ((program, before), (_, after)) in before.into_iter().zip(after) {
        report.add(&format!("{program} apply"), before.as_secs_f64() * 1000.0, "ms", None);
        let times = after.as_secs_f64() / before.as_secs_f64();
        report.add(&format!("{program} apply, 1,900 definitions / none"), times, "times", None);
    }
    report.add("memory with 1,900 definitions", server.memory_mb()?, "MB", None);
    Ok(())
}

/// The median time of an apply by each program.
async fn applies(kubeconfig: &Path) -> Result<Vec<(&'static str, Duration)>> {
    let kctl = binary("kctl")?;
    let programs = [("kubectl", Path::new("kubectl")), ("kctl", &*kctl)];
    let mut medians = Vec::new();
    for (name, program) in programs {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            times.push(apply(program, kubeconfig).await.with_context(|| format!("{name} apply"))?);
        }
        medians.push((name, quantile(&mut times, 0.5).context("no round")?));
    }
    Ok(medians)
}

async fn apply(program: &Path, kubeconfig: &Path) -> Result<Duration> {
    let home = tempfile::tempdir()?;
    let file = home.path().join("web.json");
    let labels = json!({"app": "web"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"},
        "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]},
        }},
    });
    std::fs::write(&file, deployment.to_string())?;
    let start = Instant::now();
    let output = Command::new(program)
        .env("HOME", home.path())
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .args(["apply", "-f"])
        .arg(&file)
        .output()
        .await?;
    let took = start.elapsed();
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(took)
}

/// Makes them, and waits until the last one's kind is served.
async fn define(server: &Server) -> Result<()> {
    stream::iter((0..CONNECTIONS).map(Ok))
        .try_for_each_concurrent(None, |first| async move {
            let mut connection = server.target.connect().await?;
            for number in (first..DEFINITIONS).step_by(CONNECTIONS) {
                let body = definition(number).to_string().into();
                connection.call(Method::POST, PATH, "application/json", body).await?;
            }
            anyhow::Ok(())
        })
        .await?;
    let mut connection = server.target.connect().await?;
    let start = Instant::now();
    for number in 0..DEFINITIONS {
        let path = format!("/apis/bench.example.com/v1/things{number}");
        while connection.get(&path).await.is_err() {
            if start.elapsed() > PATIENCE {
                bail!("things{number} is not served {} s after it was defined", PATIENCE.as_secs());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

fn definition(number: usize) -> serde_json::Value {
    let text = json!({"type": "string", "description": "What definitions are full of: words about a field."});
    let fields: serde_json::Map<_, _> = (0..30).map(|field| (format!("field{field}"), text.clone())).collect();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things{number}.bench.example.com")},
        "spec": {
            "group": "bench.example.com", "scope": "Namespaced",
            "names": {"plural": format!("things{number}"), "singular": format!("thing{number}"),
                "kind": format!("Thing{number}"), "listKind": format!("Thing{number}List")},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                "type": "object", "properties": {"spec": {"type": "object", "properties": fields}},
            }}}],
        },
    })
}
