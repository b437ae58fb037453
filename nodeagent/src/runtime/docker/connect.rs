//! Reaching a daemon of any age. Engine 20.10 refuses every path of a version that it does not know, the version
//! enquiry included, so the unversioned `/version` is read by hand first and the client then speaks the lower of both.

use std::{path::PathBuf, sync::Arc};

use bollard::{API_DEFAULT_VERSION, BollardRequest, ClientVersion, Docker};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::net::{TcpStream, UnixStream};

use crate::error::Error;

/// Seconds until a daemon that does not answer counts as unreachable.
const TIMEOUT_SECONDS: u64 = 120;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    Unix(PathBuf),
    /// `host:port`
    Tcp(String),
}

impl Host {
    /// Understands `DOCKER_HOST`'s forms; `None` asks the environment, then the default socket.
    pub fn parse(host: Option<&str>) -> Result<Host, Error> {
        let from_environment = std::env::var("DOCKER_HOST").ok().filter(|value| !value.is_empty());
        match host.or(from_environment.as_deref()) {
            None => Ok(Host::Unix("/var/run/docker.sock".into())),
            Some(text) => match text.split_once("://") {
                Some(("unix", path)) => Ok(Host::Unix(path.into())),
                Some(("tcp" | "http", address)) => Ok(Host::Tcp(address.trim_end_matches('/').to_owned())),
                None if text.starts_with('/') => Ok(Host::Unix(text.into())),
                _ => Err(Error::Config(format!("docker host {text:?}: use unix:///path or tcp://host:port"))),
            },
        }
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Host::Unix(path) => write!(f, "unix://{}", path.display()),
            Host::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

/// A client that speaks a version which the daemon understands.
pub async fn connect(host: &Host) -> Result<Docker, Error> {
    let named = |message: String| Error::Docker { host: host.to_string(), message };
    let theirs = api_version(host).await.map_err(&named)?;
    let version = lower(theirs, (API_DEFAULT_VERSION.major_version, API_DEFAULT_VERSION.minor_version));
    let version = ClientVersion { major_version: version.0, minor_version: version.1 };
    match host {
        Host::Unix(path) => Docker::connect_with_unix(&path.to_string_lossy(), TIMEOUT_SECONDS, &version),
        Host::Tcp(address) => {
            let client = Arc::new(Client::builder(TokioExecutor::new()).build(HttpConnector::new()));
            let transport = move |request: BollardRequest| {
                let client = client.clone();
                Box::pin(async move { client.request(request).await.map_err(bollard::errors::Error::from) })
            };
            Docker::connect_with_custom_transport(
                transport,
                Some(format!("http://{address}")),
                TIMEOUT_SECONDS,
                &version,
            )
        }
    }
    .map_err(|error| named(error.to_string()))
}

fn lower(a: (usize, usize), b: (usize, usize)) -> (usize, usize) {
    a.min(b)
}

async fn api_version(host: &Host) -> Result<(usize, usize), String> {
    let body = match host {
        Host::Unix(path) => {
            let stream = UnixStream::connect(path).await.map_err(|error| format!("cannot connect: {error}"))?;
            get_version(TokioIo::new(stream)).await?
        }
        Host::Tcp(address) => {
            let stream = TcpStream::connect(address).await.map_err(|error| format!("cannot connect: {error}"))?;
            get_version(TokioIo::new(stream)).await?
        }
    };
    let answer: serde_json::Value =
        serde_json::from_slice(&body).map_err(|error| format!("GET /version did not answer JSON: {error}"))?;
    answer["ApiVersion"]
        .as_str()
        .and_then(parse_version)
        .ok_or_else(|| "GET /version names no ApiVersion: is this a Docker Engine?".to_owned())
}

async fn get_version<S>(stream: S) -> Result<bytes::Bytes, String>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(stream).await.map_err(|error| error.to_string())?;
    let connection = tokio::spawn(connection);
    let request = http::Request::get("/version")
        .header("host", "docker")
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let body = answer.into_body().collect().await.map_err(|error| error.to_string())?.to_bytes();
    connection.abort();
    Ok(body)
}

fn parse_version(text: &str) -> Option<(usize, usize)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_version_is_spoken() {
        assert_eq!(lower(parse_version("1.41").expect("a version"), (1, 53)), (1, 41));
        assert_eq!(lower((1, 60), (1, 53)), (1, 53));
        assert_eq!(parse_version("one"), None);
    }

    #[test]
    fn docker_hosts_forms_are_understood() {
        assert_eq!(Host::parse(Some("unix:///run/x.sock")).ok(), Some(Host::Unix("/run/x.sock".into())));
        assert_eq!(Host::parse(Some("tcp://10.0.0.1:2375")).ok(), Some(Host::Tcp("10.0.0.1:2375".into())));
        assert!(Host::parse(Some("ssh://me@there")).is_err());
    }
}
