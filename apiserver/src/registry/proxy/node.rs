//! What a node serves: its agent, and whatever else listens at its address.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use http::{Request, Response, Uri};
use hyper::body::Incoming;
use timonier_api::status::Status;
use tokio::net::TcpStream;

use super::super::call::Call;
use super::super::log;
use super::target::Target;
use super::{over, unreachable, unverified};

const CONNECT: Duration = Duration::from_secs(10);

pub async fn send(call: &Call, target: &Target<'_>, mut request: Request<Body>) -> Result<Response<Incoming>, Status> {
    let authority = log::agent(call, target.name).await?;
    let (host, agents_port) = authority.rsplit_once(':').unwrap_or((&authority, ""));
    if target.port.is_empty() || target.port == agents_port {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_string();
        let uri = Uri::builder().scheme("https").authority(&*authority).path_and_query(path).build();
        *request.uri_mut() = uri.map_err(|error| Status::bad_request(format!("the path to proxy to: {error}")))?;
        return call.app.agents.try_send(request).await.map_err(unreachable);
    }
    let invalid = || Status::bad_request(format!("invalid node request: port {:?} is no port number", target.port));
    let port: u16 = target.port.parse().map_err(|_| invalid())?;
    let host = host.trim_matches(['[', ']']);
    let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await.map_err(unreachable)?.collect();
    if addresses.is_empty() || addresses.iter().any(|address| !is_proxyable(address.ip())) {
        return Err(Status::bad_request("address not allowed"));
    }
    let connecting = tokio::time::timeout(CONNECT, TcpStream::connect(addresses.as_slice())).await;
    let stream = connecting.map_err(unreachable)?.map_err(unreachable)?;
    if target.https {
        over(unverified::wrap(stream, host).await.map_err(unreachable)?, request).await
    } else {
        over(stream, request).await
    }
}

/// Nobody reaches through the API server what only its own machine should.
fn is_proxyable(ip: IpAddr) -> bool {
    let link_local = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.octets()[..3] == [224, 0, 0],
        IpAddr::V6(ip) => ip.is_unicast_link_local() || (ip.is_multicast() && matches!(ip.octets()[1] & 0xf, 1 | 2)),
    };
    !(ip.is_unspecified() || ip.is_loopback() || link_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_servers_machine_should_reach_is_not_proxied_to() {
        let allowed = ["10.0.0.1", "192.168.1.1", "8.8.8.8", "2001:db8::1", "fd00::1"];
        let refused =
            ["127.0.0.1", "127.7.7.1", "0.0.0.0", "169.254.169.254", "224.0.0.1", "::1", "::", "fe80::1", "ff02::1"];
        for (addresses, expected) in [(&allowed[..], true), (&refused[..], false)] {
            for address in addresses {
                assert_eq!(is_proxyable(address.parse().expect("an address")), expected, "{address}");
            }
        }
    }
}
