//! An API server of each test's own, and `kctl` as a user runs it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use timonier_apiserver::{Config, Identity, PkiPaths, Server};
use timonier_store::{Options, Store, StoreUrl};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio_util::sync::CancellationToken;

/// Nothing here waits longer than this.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Cluster {
    server: Server,
    dir: TempDir,
}

/// What a command left behind.
#[derive(Debug)]
pub struct Outcome {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Outcome {
    /// The standard output of a command that must succeed.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "exit code\nstdout: {}\nstderr: {}", self.out, self.err);
        self.out
    }

    /// The standard error of a command that must fail with exit code 1.
    #[track_caller]
    pub fn fails(self) -> String {
        assert_eq!(self.code, 1, "exit code\nstdout: {}\nstderr: {}", self.out, self.err);
        self.err
    }
}

impl Cluster {
    pub async fn start() -> Cluster {
        let dir = tempfile::tempdir().expect("a folder");
        let pki = dir.path().join("pki");
        let made = Command::new(env!("CARGO_BIN_EXE_kctl")).args(["pki", "init"]).arg(&pki).output().await;
        let made = made.expect("kctl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let store = Store::open(&StoreUrl::Memory, Options::default()).await.expect("the store opens");
        let config = Config {
            bind: SocketAddr::from(([127, 0, 0, 1], 0)),
            pki: PkiPaths::in_dir(&pki),
            store,
            advertise: None,
            patience: Default::default(),
            limits: Default::default(),
        };
        let server = Server::start(config).await.expect("the server starts");
        // Both kctl and kubectl read where the server is from the file.
        let path = pki.join("admin.kubeconfig");
        let text = std::fs::read_to_string(&path).expect("a kubeconfig");
        let text = text.replace("https://127.0.0.1:6443", &format!("https://{}", server.address()));
        std::fs::write(&path, text).expect("a kubeconfig");
        Cluster { server, dir }
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.dir.path().join("pki/admin.kubeconfig")
    }

    /// Writes a file beside the cluster and gives its path.
    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    }

    fn command(&self, program: &str, line: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(words(line))
            .env("KUBECONFIG", self.kubeconfig())
            .env("HOME", self.dir.path())
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs `kctl` to its end.
    pub async fn kctl(&self, line: &str) -> Outcome {
        self.run(env!("CARGO_BIN_EXE_kctl"), line, "").await
    }

    /// Runs `kctl` with this standard input.
    pub async fn kctl_with(&self, line: &str, input: &str) -> Outcome {
        self.run(env!("CARGO_BIN_EXE_kctl"), line, input).await
    }

    pub async fn kubectl(&self, line: &str) -> Outcome {
        self.run("kubectl", line, "").await
    }

    async fn run(&self, program: &str, line: &str, input: &str) -> Outcome {
        let run = async {
            let mut child = self.command(program, line).spawn().unwrap_or_else(|error| panic!("{program}: {error}"));
            let mut stdin = child.stdin.take().expect("standard input");
            // A command that does not read its input may be gone already.
            let _ = stdin.write_all(input.as_bytes()).await;
            drop(stdin);
            child.wait_with_output().await.expect("an outcome")
        };
        let output = tokio::time::timeout(PATIENCE, run).await;
        let output = output.unwrap_or_else(|_| panic!("`{program} {line}` did not end"));
        Outcome {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Starts `kctl` and leaves it running.
    pub fn start_kctl(&self, line: &str) -> Running {
        let mut child = self.command(env!("CARGO_BIN_EXE_kctl"), line).spawn().expect("kctl runs");
        let lines = BufReader::new(child.stdout.take().expect("standard output")).lines();
        Running { child, lines }
    }

    pub async fn apply(&self, yaml: &str) {
        self.kctl_with("apply -f -", yaml).await.ok();
    }

    /// The server without a socket, as somebody.
    pub fn local(&self, who: Identity) -> kube::Client {
        timonier_client::local(self.server.local(who))
    }

    /// The named controllers, until the token is cancelled.
    pub fn controllers(&self, only: &[&str]) -> CancellationToken {
        self.controllers_with(only, Default::default())
    }

    pub fn controllers_with(&self, only: &[&str], profiles: timonier_controllers::Profiles) -> CancellationToken {
        let shutdown = CancellationToken::new();
        let config = timonier_controllers::Config {
            controllers: self.local(Identity::controller_manager()),
            scheduler: self.local(Identity::scheduler()),
            only: Some(only.iter().map(ToString::to_string).collect()),
            leader_election: None,
            cluster_cidr: "10.244.0.0/16".into(),
            nodes: Default::default(),
            profiles,
            trust: Default::default(),
        };
        tokio::spawn(timonier_controllers::run(config, shutdown.clone()));
        shutdown
    }

    pub async fn stop(self) {
        self.server.shutdown().await;
    }
}

/// Words of a command line; single quotes keep spaces together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (i, part) in line.split('\'').enumerate() {
        match i % 2 {
            0 => words.extend(part.split_whitespace().map(str::to_string)),
            _ => words.push(part.to_string()),
        }
    }
    words
}

/// A `kctl` that goes on until it is told to stop.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// The next line of its standard output that contains the text.
    pub async fn line_with(&mut self, text: &str) -> String {
        let find = async {
            while let Some(line) = self.lines.next_line().await.expect("readable output") {
                if line.contains(text) {
                    return line;
                }
            }
            panic!("the output ended without {text:?}");
        };
        tokio::time::timeout(PATIENCE, find).await.unwrap_or_else(|_| panic!("no line with {text:?}"))
    }

    /// Ctrl-C; the exit code.
    pub async fn interrupt(mut self) -> i32 {
        let id = self.child.id().expect("a running process").to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status().await.expect("kill runs");
        assert!(sent.success());
        self.end().await
    }

    /// Waits for its end; the exit code.
    pub async fn end(&mut self) -> i32 {
        let end = tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("an end");
        end.expect("an exit status").code().unwrap_or(-1)
    }
}
