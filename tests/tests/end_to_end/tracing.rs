//! What all programs tell of themselves: traces at one collector, and metrics.

use anyhow::{Context, Result, ensure};
use http_body_util::BodyExt;
use hyper_util::client::legacy::connect::HttpConnector;
use timonier_tests::binaries::binary;
use timonier_tests::cluster::Store;
use timonier_tests::collector::{Collector, Span};
use timonier_tests::command::Program;
use timonier_tests::etcd::free_port;
use timonier_tests::processes::Ground;
use timonier_tests::wait::eventually;

const WEB: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web}]}
";

/// A span of this service and name below the other, whatever lies between.
fn below<'a>(spans: &'a [Span], above: &Span, service: &str, name: &str) -> Result<&'a Span> {
    let is_below = |span: &&Span| {
        let mut parent = span.parent.as_str();
        while parent != above.id {
            match spans.iter().find(|span| span.id == parent) {
                Some(next) => parent = &next.parent,
                None => return false,
            }
        }
        true
    };
    let named = spans.iter().filter(|span| span.trace == above.trace && span.service == service && span.name == name);
    let mut found = named.filter(is_below);
    found.next().with_context(|| format!("no {name:?} of {service} below {above:?}"))
}

fn first<'a>(spans: &'a [Span], service: &str, name: &str) -> Result<&'a Span> {
    let found = spans.iter().find(|span| span.service == service && span.name == name && span.parent.is_empty());
    found.with_context(|| format!("no {name:?} of {service} begins a trace"))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_leads_from_each_program_through_the_api_server_to_the_store() -> Result<()> {
    const SERVER: &str = "timonier-apiserver";
    let collector = Collector::start().await?;
    let mut ground = Ground::new(Store::Embedded).await?;
    ground.trace_to(collector.endpoint());
    let server = ground.api_server("server").await?;
    let metrics = format!("127.0.0.1:{}", free_port()?);
    let _controllers = ground.controllers_with("controllers", &server, &["--metrics-bind", &metrics])?;
    let _agent = ground.agent_with("worker-1", "127.0.0.1", &server, &["--runtime", "hollow", "--port", "0"]).await?;
    let kubeconfig = server.kubeconfig("admin")?;
    let kctl = Program::new(binary("kctl")?).env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint());
    kctl.args(["--kubeconfig", &kubeconfig, "apply", "-f", "-"]).input(WEB).run().await?.ok()?;

    // kctl has sent its spans before it ended; the others send theirs a little later.
    let spans = collector.spans();
    first(&spans, "kctl", "kctl apply")?;
    eventually("all spans have come", || async {
        let spans = collector.spans();
        let apply = first(&spans, "kctl", "kctl apply")?;
        ensure!(apply.kind == 3);
        let request = below(&spans, apply, SERVER, "PATCH deployments")?;
        ensure!(request.kind == 2 && request.attributes.to_string().contains("\"201\""), "{request:?}");
        let registry = below(&spans, request, SERVER, "registry")?;
        let commit = below(&spans, registry, SERVER, "store commit")?;
        for step in ["store queue", "store sync", "store publish"] {
            let step = below(&spans, commit, SERVER, step)?;
            ensure!(step.parent == commit.id, "{step:?}");
        }

        // What comes of it later is a trace of its own for each step: objects carry none.
        let steps = [
            ("timonier-controllers", "reconcile deployment", "CREATE replicasets"),
            ("timonier-controllers", "reconcile replicaset", "CREATE pods"),
            ("timonier-controllers", "schedule", "CREATE pods"),
            ("timonier-nodeagent", "report status", "PATCH pods"),
        ];
        for (service, step, request) in steps {
            let begun = spans.iter().filter(|span| span.service == service && span.name == step);
            let whole = begun.map(|begun| {
                let request = below(&spans, begun, SERVER, request)?;
                below(&spans, request, SERVER, "store commit")
            });
            whole.reduce(|one, other| one.or(other)).with_context(|| format!("no {step:?} of {service}"))??;
        }
        let step = |span: &Span| span.service == "timonier-nodeagent" && span.name.starts_with("step ");
        ensure!(spans.iter().any(step), "no step of the agent");
        Ok(())
    })
    .await?;

    let client = server.client().await?;
    let raw = |path: &str| {
        let (client, request) = (client.clone(), http::Request::get(path).body(Vec::new()));
        async move { Ok::<_, anyhow::Error>(client.request_text(request?).await?) }
    };
    eventually("all metrics are there", || async {
        let agent = raw("/api/v1/nodes/worker-1/proxy/metrics").await?;
        shows(&agent, "kubelet_pod_worker_duration_seconds_count{operation_type=\"create_container\"} ", 1.0)?;
        shows(&agent, "kubelet_running_pods ", 1.0)?;
        shows(&agent, "rest_client_requests_total{method=\"PATCH\",code=\"200\"} ", 1.0)?;
        let controllers = text(&format!("http://{metrics}/metrics")).await?;
        for (sample, least) in [
            ("leader_election_master_status{name=\"timonier-controllers\"} ", 1.0),
            ("workqueue_adds_total{name=\"deployment\"} ", 1.0),
            ("workqueue_work_duration_seconds_count{name=\"replicaset\"} ", 1.0),
            ("workqueue_depth{name=\"deployment\"} ", 0.0),
            ("scheduler_schedule_attempts_total{result=\"scheduled\",profile=\"default-scheduler\"} ", 1.0),
            ("scheduler_pending_pods{queue=\"active\"} ", 0.0),
            ("rest_client_requests_total{method=\"POST\",code=\"201\"} ", 1.0),
            ("process_resident_memory_bytes ", 1.0),
        ] {
            shows(&controllers, sample, least)?;
        }
        let own = raw("/metrics").await?;
        shows(&own, "apiserver_storage_objects{resource=\"deployments.apps\"} ", 1.0)?;
        shows(&own, "process_open_fds ", 3.0)
    })
    .await
}

/// A sample of this name and labels, of at least this.
fn shows(text: &str, sample: &str, least: f64) -> Result<()> {
    let value = text.lines().find_map(|line| line.strip_prefix(sample));
    let value: f64 = value.with_context(|| format!("no {sample:?} in\n{text}"))?.parse()?;
    ensure!(value >= least, "{sample}{value}");
    Ok(())
}

/// What is served there.
async fn text(url: &str) -> Result<String> {
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
    let client = client.build::<_, http_body_util::Empty<bytes::Bytes>>(HttpConnector::new());
    let body = client.get(url.parse()?).await?.into_body().collect().await?;
    Ok(String::from_utf8(body.to_bytes().to_vec())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_endpoint_is_refused_and_one_that_is_away_is_in_nobodys_way() -> Result<()> {
    let kctl =
        |endpoint: &str| Ok::<_, anyhow::Error>(Program::new(binary("kctl")?).args(["--tracing-endpoint", endpoint]));
    let refused = kctl("localhost:4317")?.args(["version", "--client"]).run().await?.refused()?;
    ensure!(refused.contains("--tracing-endpoint") && refused.contains("localhost:4317"), "{refused}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    kctl(&format!("http://{nobody}"))?.args(["version", "--client"]).run().await?.ok()?;
    Ok(())
}
