//! Finding the right cluster at an address: its CA is read without trust, and trusted when its key is the pinned one.

use super::cluster_info::{self, ClusterInfo};
use super::{JoinError, pin};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use jiff::Timestamp;
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;

/// A server that does not answer by then is as good as none.
const PATIENCE: Duration = Duration::from_secs(20);
/// Clocks that differ by more than this break certificates and leases.
const SKEW_SECONDS: i64 = 300;

const HINT: &str = "Is the API server running there, and is its port open? A cluster that `kctl up` started listens on \
                    127.0.0.1 unless it was given --bind-address.";

/// An API server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub url: String,
    host: String,
    port: u16,
}

impl Endpoint {
    /// `https://host:port`, `host:port` or `host`; without a port it is 6443.
    pub fn parse(text: &str) -> Result<Endpoint, JoinError> {
        let wrong = || JoinError::Endpoint(text.to_string());
        let rest = match text.split_once("://") {
            Some(("https", rest)) => rest,
            Some(_) => return Err(wrong()),
            None => text,
        };
        let uri: http::Uri = format!("https://{}", rest.trim_end_matches('/')).parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?.to_string();
        if !matches!(uri.path(), "" | "/") {
            return Err(wrong());
        }
        let port = uri.port_u16().unwrap_or(6443);
        Ok(Endpoint { url: format!("https://{host}:{port}"), host, port })
    }

    fn unreachable(&self, detail: impl ToString) -> JoinError {
        JoinError::Unreachable { server: self.url.clone(), detail: detail.to_string(), hint: HINT }
    }

    /// The address of this machine from which the server is reached.
    pub async fn own_address(&self) -> Result<IpAddr, JoinError> {
        let target = (self.host.trim_matches(['[', ']']), self.port);
        let connecting = tokio::time::timeout(PATIENCE, tokio::net::TcpStream::connect(target)).await;
        let stream = connecting.map_err(|_| self.unreachable("no answer"))?.map_err(|e| self.unreachable(e))?;
        Ok(stream.local_addr().map_err(|e| self.unreachable(e))?.ip())
    }
}

/// Whom a client trusts, and who it is.
pub enum Trust<'a> {
    /// Nothing secret may be sent.
    Anyone,
    Ca(&'a str),
}

/// A client for one server; `auth` says who asks.
pub fn client(endpoint: &Endpoint, trust: Trust<'_>, auth: AuthInfo) -> Result<Client, JoinError> {
    timonier_client::connect::install_crypto();
    let url = endpoint.url.parse().map_err(|_| JoinError::Endpoint(endpoint.url.clone()))?;
    let mut config = Config::new(url);
    match trust {
        Trust::Anyone => config.accept_invalid_certs = true,
        Trust::Ca(pem) => {
            let (_, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes())
                .map_err(|error| JoinError::Refused(format!("its CA cannot be read: {error}")))?;
            config.root_cert = Some(vec![block.contents]);
        }
    }
    config.auth_info = auth;
    config.connect_timeout = Some(PATIENCE);
    config.default_retry = false;
    Client::try_from(config).map_err(|error| endpoint.unreachable(error))
}

/// A client out of a kubeconfig that was written here.
pub async fn from_kubeconfig(path: &std::path::Path) -> Result<Client, JoinError> {
    timonier_client::connect::install_crypto();
    let broken = |detail: String| JoinError::Usage(format!("{}: {detail}", path.display()));
    let kubeconfig = Kubeconfig::read_from(path).map_err(|error| broken(error.to_string()))?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.map_err(|error| broken(error.to_string()))?).map_err(|error| broken(error.to_string()))
}

/// Reads the cluster's CA and checks it against the pins.
pub async fn discover(endpoint: &Endpoint, pins: &[String]) -> Result<ClusterInfo, JoinError> {
    let client = client(endpoint, Trust::Anyone, AuthInfo::default())?;
    let (code, headers, body) = get(&client, endpoint, cluster_info::PATH).await?;
    check_clock(&headers, Timestamp::now())?;
    match code {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
            return Err(JoinError::NoClusterInfo { server: endpoint.url.clone() });
        }
        other => return Err(JoinError::Refused(format!("{other}: {}", body["message"].as_str().unwrap_or_default()))),
    }
    let info = ClusterInfo::of(&body).map_err(JoinError::Refused)?;
    let found = pin::of_pem(&info.ca_pem).map_err(JoinError::Refused)?;
    if !pins.contains(&found) {
        return Err(JoinError::WrongCluster { server: endpoint.url.clone(), found });
    }
    Ok(info)
}

async fn get(client: &Client, endpoint: &Endpoint, path: &str) -> Result<(StatusCode, HeaderMap, Value), JoinError> {
    let request = Request::get(path).body(Body::empty()).map_err(|error| endpoint.unreachable(error))?;
    let answer = async {
        let response = client.send(request).await.map_err(|error| endpoint.unreachable(innermost(&error)))?;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| endpoint.unreachable(innermost(&error)))?.to_bytes();
        Ok((head.status, head.headers, serde_json::from_slice(&body).unwrap_or_default()))
    };
    tokio::time::timeout(PATIENCE, answer).await.map_err(|_| endpoint.unreachable("no answer"))?
}

/// The cause at the bottom, which says the most.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Refuses when this machine's clock and the server's (its `Date` header) are far apart.
fn check_clock(headers: &HeaderMap, now: Timestamp) -> Result<(), JoinError> {
    let date = headers.get(header::DATE).and_then(|date| date.to_str().ok());
    let Some(theirs) = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok()) else { return Ok(()) };
    let ahead = now.as_second() - theirs.timestamp().as_second();
    if ahead.abs() <= SKEW_SECONDS {
        return Ok(());
    }
    let by = timonier_api::duration::human(ahead.abs());
    let direction = if ahead > 0 { "ahead of" } else { "behind" };
    Err(JoinError::Clock(format!("{by} {direction} the server's")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_or_a_host_with_a_port_or_without() {
        let url = |text: &str| Endpoint::parse(text).map(|endpoint| endpoint.url).ok();
        assert_eq!(url("https://10.0.0.5:7443/").as_deref(), Some("https://10.0.0.5:7443"));
        assert_eq!(url("10.0.0.5").as_deref(), Some("https://10.0.0.5:6443"));
        assert_eq!(url("[fd00::1]:7443").as_deref(), Some("https://[fd00::1]:7443"));
        for wrong in ["", "http://10.0.0.5", "https://", "https://10.0.0.5/path", "a b"] {
            assert_eq!(url(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn clocks_may_differ_a_little_but_not_much() {
        let mut headers = HeaderMap::new();
        headers.insert(header::DATE, "Thu, 01 Jan 2026 12:00:00 GMT".parse().unwrap());
        let at = |text: &str| check_clock(&headers, text.parse().unwrap()).map_err(|error| error.to_string());
        assert_eq!(at("2026-01-01T12:04:00Z"), Ok(()));
        assert!(at("2026-01-01T13:00:00Z").unwrap_err().contains("60m ahead of the server's"));
        assert!(at("2026-01-01T11:00:00Z").unwrap_err().contains("behind"));
        assert!(check_clock(&HeaderMap::new(), Timestamp::UNIX_EPOCH).is_ok());
    }
}
