//! Where a store is, and its limits.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use crate::FindParts;

/// Where a store is kept.
///
/// - `file:///var/lib/timonier/store` or a bare path: the embedded engine in that directory
/// - `etcd://10.0.0.1:2379,10.0.0.2:2379/prod`: an etcd cluster, keys below `/timonier/prod/`
///   (`etcds://…` for TLS; without a name the cluster is `default`)
/// - `memory:`: lost when the last handle is dropped; for tests
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    File(PathBuf),
    Etcd { endpoints: Vec<String>, cluster: String, tls: bool },
    Memory,
}

/// What was given as a store's address is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("store address {url:?}: {problem}")]
pub struct UrlError {
    url: String,
    problem: &'static str,
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<StoreUrl, UrlError> {
        let error = |problem| UrlError { url: url.to_owned(), problem };
        let (scheme, rest) = match url.split_once("://") {
            Some(parts) => parts,
            None if url == "memory:" => return Ok(StoreUrl::Memory),
            None if url.is_empty() => return Err(error("empty")),
            None => return Ok(StoreUrl::File(PathBuf::from(url))),
        };
        match scheme {
            "memory" => Ok(StoreUrl::Memory),
            "file" if rest.starts_with('/') => Ok(StoreUrl::File(PathBuf::from(rest))),
            "file" => Err(error("a file address has three slashes: file:///directory")),
            "etcd" | "etcds" => {
                let (hosts, cluster) = rest.split_once('/').unwrap_or((rest, ""));
                let endpoints: Vec<String> = hosts.split(',').map(str::to_owned).collect();
                if endpoints.iter().any(|host| !host.contains(':')) {
                    return Err(error("each etcd endpoint is host:port, joined by commas"));
                }
                if cluster.contains('/') {
                    return Err(error("the cluster's name may not contain a slash"));
                }
                Ok(StoreUrl::Etcd {
                    endpoints,
                    cluster: if cluster.is_empty() { "default" } else { cluster }.to_owned(),
                    tls: scheme == "etcds",
                })
            }
            _ => {
                Err(error("unknown scheme: use a directory, file:///directory, etcd://host:port,…/cluster or memory:"))
            }
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::File(path) => write!(f, "file://{}", path.display()),
            StoreUrl::Etcd { endpoints, cluster, tls } => {
                let scheme = if *tls { "etcds" } else { "etcd" };
                write!(f, "{scheme}://{}/{cluster}", endpoints.join(","))
            }
            StoreUrl::Memory => f.write_str("memory:"),
        }
    }
}

/// Limits and timings. The defaults suit a cluster on one machine and one of a hundred.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long history is kept, for `at` and for watches that resume.
    pub window: Duration,
    /// Keys with these prefixes for which the embedded engine keeps less: what is written again and again, and asked for
    /// by nobody later, leaves the disk to the rest. (etcd drops history for all keys at once, and so knows only `window`.)
    pub shorter: Vec<(Arc<str>, Duration)>,
    /// The most bytes of history that the embedded engine keeps on disk, whatever `window` says.
    pub history_bytes: u64,
    /// Events kept in memory, where watchers find them without touching the engine.
    pub tail_events: usize,
    /// Bytes of values that those events may keep in memory.
    pub tail_bytes: usize,
    /// Finds parts of values that many have: these are kept once in memory.
    pub parts: FindParts,
    /// The most bytes of keys and values in one transaction.
    pub txn_bytes: usize,
    /// How long `wait_for` and `fresh` wait before they answer that the revision is not there.
    pub wait: Duration,
    /// Embedded: a log file is closed and a new one begun at this size (bytes).
    pub segment_bytes: u64,
    /// Embedded: a checkpoint is written when the log since the last one has grown by this many
    /// bytes and by as much as that checkpoint's own size.
    pub checkpoint_bytes: u64,
    /// etcd over TLS (`etcds://`): PEM files of the CA, and of this client's certificate and key.
    pub etcd_ca: Option<PathBuf>,
    pub etcd_cert: Option<PathBuf>,
    pub etcd_key: Option<PathBuf>,
    /// etcd: how long one request may take.
    pub etcd_timeout: Duration,
    /// etcd: how closely it is known when revisions came. While there are new ones, it costs one small write so often.
    pub etcd_clock: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            window: Duration::from_secs(3600),
            shorter: Vec::new(),
            history_bytes: 8 << 30,
            tail_events: 10_000,
            tail_bytes: 16 << 20,
            parts: |_| Vec::new(),
            txn_bytes: 8 << 20,
            wait: Duration::from_secs(3),
            segment_bytes: 64 << 20,
            checkpoint_bytes: 64 << 20,
            etcd_ca: None,
            etcd_cert: None,
            etcd_key: None,
            etcd_timeout: Duration::from_secs(5),
            etcd_clock: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_printed() {
        for url in [
            "file:///var/lib/timonier",
            "etcd://10.0.0.1:2379,10.0.0.2:2379/prod",
            "etcds://etcd:2379/default",
            "memory:",
        ] {
            assert_eq!(url.parse::<StoreUrl>().unwrap().to_string(), url);
        }
        assert_eq!("some/dir".parse::<StoreUrl>().unwrap(), StoreUrl::File(PathBuf::from("some/dir")));
    }

    #[test]
    fn a_bad_address_is_refused_with_the_reason() {
        for url in ["", "etcd://host/x", "etcd://h:1/a/b", "file://dir", "http://h:1"] {
            assert!(url.parse::<StoreUrl>().is_err(), "{url}");
        }
    }
}
