//! Stopping a cluster, and removing it.

use super::ClusterError;
use super::settings::{RuntimeKind, Settings};
use super::signal;
use super::state_dir::StateDir;
use crate::join::files::{Files, Node};
use std::time::{Duration, Instant};
use timonier_nodeagent::PurgeReport;
use timonier_store::Store;

/// How long a process may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends the process that runs the cluster, if one does; containers keep running. Says whether there was one.
pub async fn stop(dir: &StateDir) -> Result<bool, ClusterError> {
    if !dir.path().join("run").exists() {
        return Err(ClusterError::Absent(dir.path().to_path_buf()));
    }
    let Some(pid) = dir.running()? else { return Ok(false) };
    signal_sent(pid, signal::terminate(pid))?;
    if !ended(dir, PATIENCE).await? {
        signal_sent(pid, signal::kill(pid))?;
        if !ended(dir, Duration::from_secs(5)).await? {
            return Err(ClusterError::Stuck(pid));
        }
    }
    Ok(true)
}

/// A process that is gone already is as good as one that listened.
fn signal_sent(pid: u32, outcome: std::io::Result<()>) -> Result<(), ClusterError> {
    match outcome {
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(()),
        Err(e) => Err(ClusterError::Part { part: format!("process {pid}"), detail: e.to_string() }),
        Ok(()) => Ok(()),
    }
}

async fn ended(dir: &StateDir, within: Duration) -> Result<bool, ClusterError> {
    let start = Instant::now();
    while dir.running()?.is_some() {
        if start.elapsed() > within {
            return Ok(false);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(true)
}

/// Removes containers, networks and files of a stopped cluster.
pub async fn purge(dir: &StateDir) -> Result<PurgeReport, ClusterError> {
    let lock = dir.lock()?;
    let settings = Settings::load(dir)?;
    let joined = Files::new(dir.path())
        .load()
        .map_err(|error| ClusterError::Part { part: "node".into(), detail: error.to_string() })?;
    let mut report = PurgeReport::default();
    if let Some(Settings { runtime: RuntimeKind::Docker, cluster_id: Some(id), docker_host, .. }) = &settings {
        report = timonier_nodeagent::purge(docker_host.as_deref(), id)
            .await
            .map_err(|e| ClusterError::Docker(e.to_string()))?;
    }
    if let Some(Node { runtime: RuntimeKind::Docker, cluster_id: Some(id), docker_host, .. }) = &joined {
        report = timonier_nodeagent::purge(docker_host.as_deref(), id)
            .await
            .map_err(|e| ClusterError::Docker(e.to_string()))?;
    }
    if let Some(url) = settings.and_then(|s| s.store) {
        // It outlives the folder.
        Store::destroy(&url.parse()?).await?;
    }
    drop(lock);
    dir.remove()?;
    Ok(report)
}
