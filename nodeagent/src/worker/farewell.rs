//! What a container said when it ended: its termination message.

use std::{
    fs,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::PathBuf,
};

use futures::StreamExt;

use super::Worker;
use crate::{
    desired::{
        ConfigError,
        roster::{self, Member},
    },
    observed::{Container, ObservedPod},
    plan::succeeded,
    runtime::{ContainerSpec, LogQuery, Mount, Runtime},
    volumes,
};

/// Longest message of one container, in bytes.
const FILE_LIMIT: u64 = 4 << 10;
/// What is taken of a log in its place.
const LOG_LINES: u64 = 80;
const LOG_LIMIT: usize = 2 << 10;

impl<R: Runtime> Worker<R> {
    /// Gives an instance the file that it may leave its message in.
    pub(super) fn mount_message_file(&self, wanted: &Member<'_>, spec: &mut ContainerSpec) -> Result<(), ConfigError> {
        let target = wanted.termination_message_path.as_deref().unwrap_or_default();
        if target.is_empty() || spec.mounts.iter().any(|mount| mount.target == target) {
            return Ok(());
        }
        let path = self.message_file(&wanted.name, spec.attempt);
        fresh(&path).map_err(|error| ConfigError(format!("cannot make {}: {error}", path.display())))?;
        spec.mounts.push(Mount::file(path, target));
        Ok(())
    }

    /// Reads the messages of those that ended since the last look.
    pub(super) async fn read_messages(&mut self, observed: &ObservedPod) {
        let Some(pod) = self.pod.clone() else { return };
        if R::SIMULATED {
            return;
        }
        self.memory.messages.retain(|id, _| observed.containers.iter().any(|container| container.id == *id));
        for container in &observed.containers {
            if container.state.exit().is_none() || self.memory.messages.contains_key(&container.id) {
                continue;
            }
            let Some(member) = roster::member(&pod, &container.name) else { continue };
            let message = self.message(&member, container).await;
            self.memory.messages.insert(container.id.clone(), message);
        }
    }

    async fn message(&self, member: &Member<'_>, container: &Container) -> String {
        let left = read(&self.message_file(&container.name, container.attempt)).unwrap_or_default();
        let failed = container.state.exit().is_some_and(|exit| !succeeded(exit));
        let falls_back = member.termination_message_policy.as_deref() == Some("FallbackToLogsOnError");
        if !(left.is_empty() && failed && falls_back) {
            return left;
        }
        let query = LogQuery { tail: Some(LOG_LINES), ..LogQuery::default() };
        let Ok(mut lines) = self.shared.runtime.logs(&container.id, &query).await else { return left };
        let mut log = Vec::new();
        while let Some(Ok(chunk)) = lines.next().await {
            log.extend_from_slice(&chunk);
        }
        String::from_utf8_lossy(&log[log.len().saturating_sub(LOG_LIMIT)..]).into_owned()
    }

    fn message_file(&self, container: &str, attempt: u32) -> PathBuf {
        let pod = volumes::pod_dir(&self.shared.state_dir, &self.identity.uid);
        pod.join("containers").join(container).join(format!("{attempt}.message"))
    }
}

/// An empty file that anybody may write.
fn fresh(path: &std::path::Path) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(path, "")?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))
}

fn read(path: &std::path::Path) -> io::Result<String> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(FILE_LIMIT).read_to_end(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_at_its_limit() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("c").join("0.message");
        fresh(&path).expect("made");
        assert_eq!(read(&path).expect("read"), "");
        fs::write(&path, "x".repeat(5000)).expect("written");
        assert_eq!(read(&path).expect("read").len(), 4096);
    }
}
