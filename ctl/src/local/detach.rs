//! `kctl up --detach`: the same command in a process of its own, in the background, until it is ready.

use super::ClusterError;
use super::settings::Settings;
use super::state_dir::StateDir;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A cluster in the background that was just started.
pub struct Detached {
    child: Child,
    log_from: u64,
}

impl Detached {
    /// Starts this program again with `arguments`; what it prints goes to the state folder's log.
    pub fn spawn(dir: &StateDir, arguments: &[String]) -> Result<Detached, ClusterError> {
        drop(dir.lock()?);
        let path = dir.log();
        let failed = |source| ClusterError::File { path: path.clone(), source };
        let log = File::options().create(true).append(true).open(&path).map_err(failed)?;
        let log_from = log.metadata().map_err(failed)?.len();
        let program = std::env::current_exe().map_err(failed)?;
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            // A group of its own: Ctrl-C in the terminal is not meant for it.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        Ok(Detached { child, log_from })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has written a kubeconfig for a server that answers, or has ended.
    pub async fn kubeconfig_ready(&mut self, dir: &StateDir, within: Duration) -> Result<Settings, ClusterError> {
        let start = Instant::now();
        loop {
            self.still_alive(dir)?;
            if let Some(settings) = Settings::load(dir)?.filter(|s| s.cluster_id.is_some() && s.addresses.is_some())
                && dir.running()? == Some(self.child.id())
                && std::net::TcpStream::connect((settings.connect_address(), settings.port)).is_ok()
            {
                return Ok(settings);
            }
            if start.elapsed() > within {
                return Err(ClusterError::NotReady {
                    seconds: within.as_secs(),
                    what: "the API server does not answer".into(),
                    log: dir.log(),
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// An error with the process's own last words, once it has ended.
    pub fn still_alive(&mut self, dir: &StateDir) -> Result<(), ClusterError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let detail = last_error(&dir.log(), self.log_from).unwrap_or_else(|| format!("it ended: {status}"));
                Err(ClusterError::Died { detail, log: dir.log() })
            }
            Err(source) => Err(ClusterError::File { path: dir.log(), source }),
        }
    }
}

/// The last line of the log since `from` that says what went wrong.
fn last_error(log: &Path, from: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    file.seek(SeekFrom::Start(from)).ok()?;
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    let line = text.lines().rev().find(|line| line.starts_with("error: "))?;
    Some(line.trim_start_matches("error: ").to_string())
}
