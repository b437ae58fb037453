//! The JavaScript client: what people do with it stands in `informer.mjs`.

use anyhow::{Context, Result, ensure};
use timonier_tests::clients::node_modules;
use timonier_tests::cluster::Cluster;
use timonier_tests::command::Program;

const CASES: [&str; 4] = ["typed", "patches", "watching", "informer"];

pub async fn all(cluster: &Cluster, namespace: &str) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/informer.mjs");
    let (modules, kubeconfig) = (node_modules()?, cluster.kubeconfig());
    let modules = modules.to_str().context("a path of text")?;
    let kubeconfig = kubeconfig.to_str().context("a path of text")?;
    let said = Program::new("node").args([script, modules, kubeconfig, namespace]).run().await?.ok()?;
    ensure!(said.lines().eq(CASES), "{said}");
    Ok(())
}
