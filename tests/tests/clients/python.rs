//! The Python client: what people do with it stands in `suite.py`.

use anyhow::{Context, Result, ensure};
use timonier_tests::clients::python;
use timonier_tests::cluster::Cluster;
use timonier_tests::command::Program;

const CASES: [&str; 9] =
    ["typed", "deployments", "watching", "logs", "dynamic", "applying", "tokens", "executing", "forwarding"];

pub async fn all(cluster: &Cluster, namespace: &str) -> Result<()> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/suite.py");
    let kubeconfig = cluster.kubeconfig();
    let kubeconfig = kubeconfig.to_str().context("a path of text")?;
    let program = Program::new(python()?).args([script, kubeconfig, namespace, cluster.image()]).args(CASES);
    let said = program.run().await?.ok()?;
    ensure!(said.lines().eq(CASES), "{said}");
    Ok(())
}
