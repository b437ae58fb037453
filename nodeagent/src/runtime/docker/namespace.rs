//! Connections made from inside a pod's network namespace, where its processes' localhost is, and where its address is
//! reached whatever the machine routes.

use std::{
    fs::File,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream as StdTcpStream},
    os::fd::AsFd,
    time::Duration,
};

use bollard::{Docker, query_parameters::InspectContainerOptions};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::{net::TcpStream, sync::oneshot};

use super::{convert, process};
use crate::{observed::ObservedPod, runtime::RuntimeError};

const TIMEOUT: Duration = Duration::from_secs(10);
const LOCALHOST: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// `address`: localhost, if none is given.
pub async fn connect(
    docker: &Docker,
    sandbox: &str,
    address: Option<IpAddr>,
    port: u16,
) -> Result<TcpStream, RuntimeError> {
    let named = address.map_or_else(|| format!("localhost:{port}"), |ip| SocketAddr::new(ip, port).to_string());
    let addresses: Vec<IpAddr> = address.map_or_else(|| LOCALHOST.to_vec(), |ip| vec![ip]);
    let addresses: Vec<SocketAddr> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
    let inspected = docker.inspect_container(sandbox, None::<InspectContainerOptions>).await.map_err(convert::error)?;
    let pid = inspected.state.as_ref().and_then(|state| state.pid).unwrap_or(0);
    let host = inspected.host_config.as_ref().and_then(|config| config.network_mode.as_deref()) == Some("host");
    let failed = |error: io::Error| RuntimeError::Failed(format!("failed to connect to {named}: {error}"));
    if host {
        let connecting = tokio::time::timeout(TIMEOUT, TcpStream::connect(addresses.as_slice()));
        return connecting.await.unwrap_or_else(|late| Err(late.into())).map_err(failed);
    }
    let container = inspected.id.clone().unwrap_or_default();
    if let Some(namespace) = namespace(pid, &container) {
        match inside(namespace, addresses).await {
            Ok(stream) => return Ok(stream),
            Err(Refused::Connection(error)) => return Err(failed(error)),
            Err(Refused::Namespace(error)) => tracing::debug!(%error, sandbox, "network namespace not entered"),
        }
    }
    // Without the right to enter, or the daemon's machine is another: the pod's address is what is left.
    let mut pod = ObservedPod::default();
    convert::add(&mut pod, inspected);
    let address = pod.sandbox().and_then(|sandbox| sandbox.ip);
    let address = address.ok_or_else(|| RuntimeError::Unavailable("the pod has no address".to_owned()))?;
    let connecting = tokio::time::timeout(TIMEOUT, TcpStream::connect(SocketAddr::new(address, port)));
    connecting.await.unwrap_or_else(|late| Err(late.into())).map_err(failed)
}

fn namespace(pid: i64, container: &str) -> Option<File> {
    let (pid, _held) = process::of_container(pid, container)?;
    File::open(format!("/proc/{}/ns/net", pid.as_raw_nonzero())).ok()
}

enum Refused {
    Namespace(io::Error),
    Connection(io::Error),
}

/// On a thread of its own, which ends with it: a thread that has moved cannot serve anybody else.
async fn inside(namespace: File, addresses: Vec<SocketAddr>) -> Result<TcpStream, Refused> {
    let (sender, receiver) = oneshot::channel();
    let thread = std::thread::Builder::new().name("port-forward".to_owned());
    let connect = move || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(|error| Refused::Namespace(error.into()))?;
        let mut outcome = Err(Refused::Connection(io::ErrorKind::AddrNotAvailable.into()));
        for address in addresses {
            outcome = StdTcpStream::connect_timeout(&address, TIMEOUT).map_err(Refused::Connection);
            if outcome.is_ok() {
                break;
            }
        }
        let stream = outcome?;
        stream.set_nonblocking(true).map_err(Refused::Connection)?;
        Ok(stream)
    };
    thread.spawn(move || sender.send(connect())).map_err(Refused::Namespace)?;
    let ended = |_| Refused::Namespace(io::ErrorKind::BrokenPipe.into());
    TcpStream::from_std(receiver.await.map_err(ended)??).map_err(Refused::Connection)
}
