//! `kctl port-forward`: local ports that lead to a pod's.

use crate::cluster::objects::Item;
use crate::cluster::{Call, Session};
use crate::connect::connect;
use crate::error::Error;
use crate::flags::Global;
use crate::output;
use crate::remote::{connection, target};
use bytes::BytesMut;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use timonier_streaming::spdy::connection::Opener;
use timonier_streaming::spdy::{Connection, Options, Role};
use timonier_streaming::websocket::{self, TUNNELLED_PORT_FORWARD};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Forward local ports to a pod.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  kctl port-forward web-1 8080:80
  kctl port-forward service/web 8080:http
  kctl port-forward --address 0.0.0.0 deployment/web :80")]
pub struct Args {
    /// A pod, or TYPE/NAME of something that has pods
    #[arg(value_name = "POD | TYPE/NAME")]
    target: String,
    /// The local port and the pod's; without the first a free one is taken
    #[arg(value_name = "[LOCAL:]REMOTE", required = true)]
    ports: Vec<String>,
    /// Local addresses to listen at
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',', default_value = "localhost")]
    address: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Forward {
    local: u16,
    remote: u16,
}

pub async fn run(args: Args, global: &Global) -> Result<(), Error> {
    let session = connect(global).await?;
    let owner = target::object(&session, &args.target).await?;
    let service = (owner.resource.kind == "Service").then(|| owner.object.clone());
    let pod = target::pod_of(&session, owner).await?;
    let forwards: Result<Vec<_>, _> =
        args.ports.iter().map(|text| parse(text, service.as_ref(), &pod.object)).collect();
    let forwards = forwards?;
    let phase = pod.object["status"]["phase"].as_str().unwrap_or_default();
    if phase != "Running" {
        return Err(Error::usage(format!("unable to forward port because pod is not running. Current status={phase}")));
    }
    let tunnel = tunnel(&session, &pod).await?;
    let mut listening = tokio::task::JoinSet::new();
    for forward in forwards {
        for address in &args.address {
            listen(&mut listening, &tunnel.opener(), address, forward).await?;
        }
    }
    tokio::select! {
        () = tunnel.closed().cancelled_owned() => Err(Error::usage("lost connection to pod")),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn tunnel(session: &Session, pod: &Item) -> Result<Connection, Error> {
    let call = Call::get(pod.path() + "/portforward");
    let (socket, _) = connection::websocket(session, call, TUNNELLED_PORT_FORWARD).await?;
    let (reader, writer) = websocket::bytes(socket);
    Ok(Connection::start(reader, writer, Role::Client, Options::default()))
}

/// Listens at an address; `localhost` is both of its addresses, of which one is enough.
async fn listen(
    tasks: &mut tokio::task::JoinSet<()>,
    opener: &Opener,
    address: &str,
    forward: Forward,
) -> Result<(), Error> {
    let local = |ip| SocketAddr::new(ip, forward.local);
    let addresses: Vec<SocketAddr> = match address {
        "localhost" => vec![local(IpAddr::V4(Ipv4Addr::LOCALHOST)), local(IpAddr::V6(Ipv6Addr::LOCALHOST))],
        other => {
            let parsed = other.parse().map_err(|_| Error::usage(format!("{other} is not a valid IP")))?;
            vec![local(parsed)]
        }
    };
    let mut port = forward.local;
    let mut failed = Vec::new();
    let mut bound = 0;
    for mut at in addresses {
        // Both of localhost's get the port that the first one was given.
        at.set_port(port);
        match TcpListener::bind(at).await.and_then(|listener| Ok((listener.local_addr()?, listener))) {
            Ok((at, listener)) => {
                port = at.port();
                bound += 1;
                output::line(format!("Forwarding from {at} -> {}", forward.remote))?;
                tasks.spawn(accept(listener, opener.clone(), forward.remote));
            }
            Err(error) => failed.push(format!("unable to create listener: Error listen tcp {at}: {error}")),
        }
    }
    match bound {
        0 => Err(Error::usage(format!("unable to listen on any of the requested ports: {}", failed.join("; ")))),
        _ => Ok(()),
    }
}

async fn accept(listener: TcpListener, opener: Opener, remote: u16) {
    let port = listener.local_addr().map(|address| address.port()).unwrap_or_default();
    while let Ok((stream, _)) = listener.accept().await {
        let _closed = output::line(format!("Handling connection for {port}"));
        tokio::spawn(handle(stream, opener.clone(), port, remote));
    }
}

/// One connection: a stream for its errors and one for its bytes.
async fn handle(tcp: TcpStream, opener: Opener, local: u16, remote: u16) {
    static REQUEST: AtomicU64 = AtomicU64::new(0);
    let request = REQUEST.fetch_add(1, Ordering::Relaxed).to_string();
    let port = remote.to_string();
    let headers = |kind: &str| [("streamtype", kind), ("port", &port), ("requestid", &request)].into_iter().collect();
    let Ok(mut errors) = opener.open(headers("error")).await else { return };
    let _gone = errors.writer.finish().await;
    let Ok(data) = opener.open(headers("data")).await else { return };
    let (mut reader, mut writer) = tcp.into_split();
    let (mut from, mut to) = (data.reader, data.writer);
    let complaint = async {
        let mut said = Vec::new();
        while let Some(Ok(bytes)) = errors.reader.next().await {
            said.extend_from_slice(&bytes);
        }
        if !said.is_empty() {
            let said = String::from_utf8_lossy(&said);
            output::note(format!("an error occurred forwarding {local} -> {remote}: {said}"));
        }
    };
    let up = async {
        let mut buffer = BytesMut::new();
        loop {
            buffer.reserve(32 << 10);
            match reader.read_buf(&mut buffer).await {
                Ok(0) => {
                    let _gone = to.finish().await;
                    return;
                }
                Ok(_) if to.send(buffer.split().freeze()).await.is_ok() => {}
                // Dropped unfinished: the pod sees a reset, as it would without us.
                _ => return drop(to),
            }
        }
    };
    let down = async {
        while let Some(Ok(bytes)) = from.next().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _gone = writer.shutdown().await;
    };
    tokio::join!(complaint, async {
        tokio::pin!(up, down);
        // What the pod still has to say after our half has ended is waited for; after its own end nothing is.
        tokio::select! {
            () = &mut down => {}
            () = &mut up => down.await,
        }
    });
}

/// `8080:80`, `:80`, `80` or with a port's name; a service's port leads to its target.
fn parse(text: &str, service: Option<&Value>, pod: &Value) -> Result<Forward, Error> {
    let invalid = || Error::usage(format!("invalid port format '{text}'"));
    let (local, remote) = match text.split_once(':') {
        Some((local, remote)) => (Some(local), remote),
        None => (None, text),
    };
    let asked = match service {
        Some(service) => target_port(service, remote)?,
        None => remote.to_owned(),
    };
    let remote = match asked.parse::<u16>() {
        Ok(0) => return Err(Error::usage("remote port must be > 0")),
        Ok(port) => port,
        Err(_) => named(pod, &asked)?,
    };
    let local = match local {
        Some("") => 0,
        Some(local) => local.parse().map_err(|_| invalid())?,
        // What was asked for, if that was a number.
        None => text.parse().unwrap_or(remote),
    };
    Ok(Forward { local, remote })
}

fn target_port(service: &Value, asked: &str) -> Result<String, Error> {
    let name = service["metadata"]["name"].as_str().unwrap_or_default();
    let mut ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let number = asked.parse::<u64>().ok();
    let port = ports.find(|port| port["name"] == asked || number.is_some_and(|number| port["port"] == number));
    let port = port.ok_or_else(|| Error::usage(format!("Service {name} does not have a service port {asked}")))?;
    Ok(match &port["targetPort"] {
        Value::String(named) => named.clone(),
        Value::Number(number) if number.as_u64() != Some(0) => number.to_string(),
        _ => port["port"].to_string(),
    })
}

fn named(pod: &Value, asked: &str) -> Result<u16, Error> {
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    let mut ports = containers.flat_map(|container| container["ports"].as_array().into_iter().flatten());
    let port = ports.find(|port| port["name"] == asked).and_then(|port| port["containerPort"].as_u64());
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    port.and_then(|port| port.try_into().ok())
        .ok_or_else(|| Error::usage(format!("Pod '{name}' does not have a named port '{asked}'")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ports_are_read_as_kubectl_reads_them() {
        let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [
            {"ports": [{"name": "http", "containerPort": 8000}]}]}});
        let service = json!({"metadata": {"name": "s"}, "spec": {"ports": [
            {"name": "web", "port": 80, "targetPort": "http"}, {"port": 81, "targetPort": 9000}, {"port": 82}]}});
        let read =
            |text, service| parse(text, service, &pod).map(|f| (f.local, f.remote)).map_err(|error| error.to_string());
        assert_eq!(read("8080:80", None), Ok((8080, 80)));
        assert_eq!(read(":80", None), Ok((0, 80)));
        assert_eq!(read("80", None), Ok((80, 80)));
        assert_eq!(read("9:http", None), Ok((9, 8000)));
        assert_eq!(read("http", None), Ok((8000, 8000)));
        assert_eq!(read("80", Some(&service)), Ok((80, 8000)));
        assert_eq!(read("5:81", Some(&service)), Ok((5, 9000)));
        assert_eq!(read("web", Some(&service)), Ok((8000, 8000)));
        assert_eq!(read("82", Some(&service)), Ok((82, 82)));
        assert_eq!(read("x:80", None), Err("invalid port format 'x:80'".into()));
        assert_eq!(read("smtp", None), Err("Pod 'p' does not have a named port 'smtp'".into()));
        assert_eq!(read("99", Some(&service)), Err("Service s does not have a service port 99".into()));
    }
}
