//! A real etcd, for one test.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use timonier_store::{Options, StoreUrl};

use super::place::Place;

/// Our revisions in one of etcd's.
pub const STRIDE: u64 = 128;

pub struct Etcd {
    process: Option<Child>,
    client: u16,
    peer: u16,
    dir: tempfile::TempDir,
    extra: Vec<String>,
    name: String,
    /// Of several: `name=peer address` of all.
    members: Option<String>,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().unwrap().port()
}

impl Etcd {
    pub fn start() -> Etcd {
        Etcd::start_with(&[])
    }

    fn new(name: &str, extra: &[&str]) -> Etcd {
        Etcd {
            process: None,
            client: free_port(),
            peer: free_port(),
            dir: tempfile::tempdir().expect("a temporary directory"),
            extra: extra.iter().map(|flag| flag.to_string()).collect(),
            name: name.to_owned(),
            members: None,
        }
    }

    /// Three members of one cluster.
    pub fn start_three() -> Vec<Etcd> {
        let patient = ["--heartbeat-interval", "100", "--election-timeout", "1000"];
        let mut etcds: Vec<Etcd> = ["a", "b", "c"].iter().map(|name| Etcd::new(name, &patient)).collect();
        let member = |etcd: &Etcd| format!("{}=http://127.0.0.1:{}", etcd.name, etcd.peer);
        let members: Vec<String> = etcds.iter().map(member).collect();
        for etcd in &mut etcds {
            etcd.members = Some(members.join(","));
            etcd.resume();
        }
        etcds
    }

    pub fn start_with(extra: &[&str]) -> Etcd {
        let mut etcd =
            Etcd::new("one", &[&["--heartbeat-interval", "10", "--election-timeout", "100"], extra].concat());
        while !etcd.comes_up() {
            // Another process took a port between our choice and etcd's start.
            etcd.kill();
            (etcd.client, etcd.peer) = (free_port(), free_port());
        }
        etcd
    }

    /// Starts it and waits until it listens; `false` when it ended instead.
    fn comes_up(&mut self) -> bool {
        self.resume();
        while TcpStream::connect(self.endpoint()).is_err() {
            let process = self.process.as_mut().expect("just started");
            if process.try_wait().expect("its state").is_some() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Starts it, again, on its data.
    pub fn resume(&mut self) {
        let client = format!("http://127.0.0.1:{}", self.client);
        let peer = format!("http://127.0.0.1:{}", self.peer);
        let members = self.members.clone().unwrap_or_else(|| format!("{}={peer}", self.name));
        // setpriv: it must not survive this process, also when that is killed.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "etcd", "--name", &self.name, "--data-dir"])
            .arg(self.dir.path())
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &members])
            .args(["--logger", "zap", "--log-level", "error"])
            .args(&self.extra)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("etcd (Debian package etcd-server) and setpriv are installed");
        self.process = Some(child);
    }

    pub fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    pub fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.client)
    }

    pub async fn client(&self) -> etcd_client::Client {
        let client = etcd_client::Client::connect([self.endpoint()], None).await;
        client.expect("a client of etcd")
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Place for Etcd {
    /// The clock stands still, so that revisions can be counted.
    fn options(&self) -> Options {
        let wait = Duration::from_secs(2);
        Options { wait, etcd_clock: Duration::from_secs(100_000), ..Options::default() }
    }

    fn url(&self) -> StoreUrl {
        StoreUrl::Etcd { endpoints: vec![self.endpoint()], cluster: "test".to_owned(), tls: false }
    }

    fn stride(&self) -> u64 {
        STRIDE
    }
}
