//! `kctl version` and `kctl cluster-info`

use crate::cluster::Call;
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use crate::print::{json, yaml};
use serde_json::{Value, json};

/// Show the versions of kctl and of the server.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only that of kctl; asks no server
    #[arg(long)]
    client: bool,
    /// Output format: json or yaml
    #[arg(long, short, value_name = "FORMAT", value_parser = ["json", "yaml"])]
    output: Option<String>,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let server = match args.client {
        true => Ok(None),
        false => server_version(global).await.map(Some),
    };
    let own = env!("CARGO_PKG_VERSION");
    let (major, rest) = own.split_once('.').unwrap_or((own, ""));
    let minor = rest.split('.').next().unwrap_or_default();
    let known = server.as_ref().ok().and_then(Option::as_ref);
    let mut versions = json!({"clientVersion": {
        "major": major,
        "minor": minor,
        "gitVersion": format!("v{own}"),
        "platform": format!("{}/{}", std::env::consts::OS, architecture()),
    }});
    if let Some(server) = known {
        versions["serverVersion"] = server.clone();
    }
    output::write(match args.output.as_deref() {
        Some("json") => json::render(&versions),
        Some(_) => yaml::render(&versions),
        None => {
            let server = known.and_then(|server| server["gitVersion"].as_str());
            let server = server.map(|version| format!("Server Version: {version}\n")).unwrap_or_default();
            format!("Client Version: v{own}\n{server}")
        }
    })?;
    server.map(|_| ())
}

async fn server_version(global: &Global) -> Result<Value, Error> {
    connect(global).await?.json(Call::get("/version")).await
}

/// The machine, as Kubernetes names it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Show where the cluster is.
#[derive(clap::Args, Debug)]
pub struct ClusterInfoArgs {}

pub async fn run_cluster_info(_: ClusterInfoArgs, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    session.json(Call::get("/version")).await?;
    output::line(format!("Kubernetes control plane is running at {}", session.server()))
}
