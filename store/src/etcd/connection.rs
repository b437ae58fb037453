//! Reaching etcd.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, KvClient, TlsOptions, WatchClient};
use tokio::sync::watch;

use crate::{OpenError, Options};

const CONNECT: Duration = Duration::from_secs(2);
/// A member that does not answer a ping of the connection is given up after twice this.
const PING: Duration = Duration::from_secs(5);

/// A client for each member of the cluster, of which one is used.
pub(super) struct Connection {
    members: Vec<Client>,
    current: AtomicUsize,
    state: watch::Sender<State>,
    timeout: Duration,
    pub(super) endpoints: String,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum State {
    /// The watch does not stand.
    Broken,
    Ready,
    Closed,
}

/// Why a request got no answer, or a bad one.
#[derive(Debug)]
pub(super) enum Failure {
    Timeout(Duration),
    Etcd(etcd_client::Error),
}

impl Failure {
    fn message(&self) -> &str {
        match self {
            Failure::Etcd(etcd_client::Error::GRpcStatus(status)) => status.message(),
            _ => "",
        }
    }

    /// The revision that was asked for is before the history.
    pub(super) fn is_compacted(&self) -> bool {
        self.message().contains("revision has been compacted")
    }

    pub(super) fn is_too_large(&self) -> bool {
        self.message().contains("request is too large") || self.message().contains("larger than max")
    }

    /// The request is more than this etcd takes at once.
    pub(super) fn is_limit(&self) -> bool {
        self.is_too_large() || self.message().contains("too many operations")
    }

    /// etcd takes no writes, and says so before it tries.
    pub(super) fn is_full(&self) -> bool {
        self.message().contains("database space exceeded")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Timeout(after) => write!(f, "no answer within {after:?}"),
            Failure::Etcd(etcd_client::Error::GRpcStatus(status)) => {
                write!(f, "{}", status.message())
            }
            Failure::Etcd(error) => error.fmt(f),
        }
    }
}

impl Connection {
    /// Prepares the clients. Nothing is sent yet.
    pub(super) async fn open(endpoints: &[String], tls: bool, options: &Options) -> Result<Connection, OpenError> {
        let mut connect = ConnectOptions::new()
            .with_connect_timeout(CONNECT)
            .with_keep_alive(PING, PING)
            .with_keep_alive_while_idle(true)
            .with_require_leader(true);
        if tls {
            connect = connect.with_tls(tls_options(options)?);
        }
        let mut members = Vec::new();
        for endpoint in endpoints {
            let client = Client::connect([endpoint], Some(connect.clone())).await;
            let client = client
                .map_err(|error| OpenError::Unreachable { endpoints: endpoint.clone(), problem: error.to_string() })?;
            members.push(client);
        }
        Ok(Connection {
            members,
            current: AtomicUsize::new(0),
            state: watch::Sender::new(State::Broken),
            timeout: options.etcd_timeout,
            endpoints: endpoints.join(","),
        })
    }

    pub(super) fn client(&self) -> Client {
        let current = self.current.load(Ordering::Relaxed);
        self.members[current % self.members.len()].clone()
    }

    pub(super) fn kv(&self) -> KvClient {
        self.client().kv_client().max_decoding_message_size(usize::MAX)
    }

    pub(super) fn watch(&self) -> WatchClient {
        self.client().watch_client().max_decoding_message_size(usize::MAX)
    }

    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    pub(super) fn try_next_member(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    /// Makes one request, in a limited time.
    pub(super) async fn call<T>(
        &self,
        request: impl Future<Output = Result<T, etcd_client::Error>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(self.timeout, request).await {
            Ok(answer) => answer.map_err(Failure::Etcd),
            Err(_) => Err(Failure::Timeout(self.timeout)),
        }
    }

    pub(super) fn set_ready(&self, ready: bool) {
        let next = if ready { State::Ready } else { State::Broken };
        self.state.send_if_modified(|state| {
            let changes = *state != State::Closed && *state != next;
            if changes {
                *state = next;
            }
            changes
        });
    }

    pub(super) fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    /// Waits a little until the watch stands. Otherwise the reason why nothing can be sent.
    pub(super) async fn ready(&self) -> Result<(), String> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| *state != State::Broken);
        match tokio::time::timeout(self.timeout, settled).await {
            Ok(Ok(state)) if *state == State::Ready => Ok(()),
            Ok(_) => Err("the store was closed".to_owned()),
            Err(_) => Err(format!("no connection to etcd at {}", self.endpoints)),
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }
}

fn tls_options(options: &Options) -> Result<TlsOptions, OpenError> {
    let read =
        |path: &std::path::Path| std::fs::read(path).map_err(|source| OpenError::Io { path: path.to_owned(), source });
    let mut tls = TlsOptions::new();
    if let Some(ca) = &options.etcd_ca {
        tls = tls.ca_certificate(Certificate::from_pem(read(ca)?));
    }
    match (&options.etcd_cert, &options.etcd_key) {
        (Some(cert), Some(key)) => Ok(tls.identity(Identity::from_pem(read(cert)?, read(key)?))),
        (None, None) => Ok(tls),
        (Some(_), None) => {
            Err(OpenError::Option { option: "etcd_key", problem: "a certificate needs its key".to_owned() })
        }
        (None, Some(_)) => {
            Err(OpenError::Option { option: "etcd_cert", problem: "a key needs its certificate".to_owned() })
        }
    }
}
