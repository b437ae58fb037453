//! Which protocol a connection is taken over with, and the answer that says so.

use std::future::Future;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use timonier_streaming::{
    channels::{self, PORT_FORWARD, Protocol, REMOTE_COMMAND},
    spdy::{Connection, Options as Times, Role},
    websocket,
};

use super::{client::Client, options, options::Options, sink::Sink, spdy, websocket as sockets};
use crate::server::logs::Refusal;

const PROTOCOL_VERSION: &str = "x-stream-protocol-version";
const PORT_FORWARD_SPDY: &str = "portforward.k8s.io";

#[derive(Clone, Debug)]
pub enum Upgrade {
    Channels(Protocol),
    /// The ports that the request names, in order.
    PortChannels(Protocol, Vec<u16>),
    /// SPDY in binary messages.
    Tunnel,
    /// The version, and whether the client named it.
    Spdy(&'static str, bool),
}

impl Upgrade {
    pub fn remote_command(headers: &HeaderMap) -> Result<Upgrade, Refusal> {
        if websocket::is_requested(headers) {
            let offered = websocket::offered(headers);
            let chosen = channels::negotiate(&offered, &REMOTE_COMMAND);
            return chosen.map(|protocol| Upgrade::Channels(*protocol)).ok_or_else(|| unknown(&offered));
        }
        spdy_version(headers, &spdy::PROTOCOLS)
    }

    pub fn port_forward(headers: &HeaderMap, query: &str) -> Result<Upgrade, Refusal> {
        if !websocket::is_requested(headers) {
            return spdy_version(headers, &[PORT_FORWARD_SPDY]);
        }
        let offered = websocket::offered(headers);
        if offered.iter().any(|name| name == websocket::TUNNELLED_PORT_FORWARD) {
            return Ok(Upgrade::Tunnel);
        }
        let chosen = channels::negotiate(&offered, &PORT_FORWARD).ok_or_else(|| unknown(&offered))?;
        let ports = options::ports(query).map_err(|message| (StatusCode::BAD_REQUEST, message))?;
        Ok(Upgrade::PortChannels(*chosen, ports))
    }

    fn head(&self, request: &HeaderMap) -> Option<HeaderMap> {
        match self {
            Upgrade::Channels(protocol) | Upgrade::PortChannels(protocol, _) => {
                websocket::accept(request, protocol.name())
            }
            Upgrade::Tunnel => websocket::accept(request, websocket::TUNNELLED_PORT_FORWARD),
            Upgrade::Spdy(version, named) => {
                let mut headers = HeaderMap::new();
                headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
                headers.insert(header::UPGRADE, HeaderValue::from_static("SPDY/3.1"));
                if *named {
                    headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(version));
                }
                Some(headers)
            }
        }
    }

    /// Answers 101; `then` has the connection afterwards.
    pub fn answer<F, T>(self, mut request: Request, then: F) -> Response
    where
        F: FnOnce(Upgraded, Upgrade) -> T + Send + 'static,
        T: Future<Output = ()> + Send,
    {
        let Some(headers) = self.head(request.headers()) else {
            let mut response = Response::new(Body::from("Bad Request: not a WebSocket handshake of version 13"));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            return response;
        };
        let upgrading = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            match upgrading.await {
                Ok(upgraded) => then(upgraded, self).await,
                Err(error) => tracing::debug!(%error, "connection not taken over"),
            }
        });
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = headers;
        response
    }

    /// The client of exec or attach.
    pub async fn client(&self, upgraded: Upgraded, options: &Options) -> Option<Client<Sink>> {
        match self {
            Upgrade::Channels(protocol) => {
                Some(sockets::client(upgraded, *protocol, options).await.with(Sink::WebSocket))
            }
            Upgrade::Spdy(version, _) => {
                Some(spdy::client(spdy_over(upgraded), version, options).await?.with(Sink::Spdy))
            }
            Upgrade::Tunnel | Upgrade::PortChannels(..) => None,
        }
    }
}

pub fn spdy_over(upgraded: Upgraded) -> Connection {
    let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
    Connection::start(reader, writer, Role::Server, Times::default())
}

fn spdy_version(headers: &HeaderMap, ours: &[&'static str]) -> Result<Upgrade, Refusal> {
    let upgrades = websocket::has_token(headers, header::CONNECTION, "upgrade")
        && websocket::has_token(headers, header::UPGRADE, "SPDY/3.1");
    if !upgrades {
        return Err((StatusCode::BAD_REQUEST, "Upgrade request required".to_owned()));
    }
    let offered = websocket::list(headers, header::HeaderName::from_static(PROTOCOL_VERSION));
    if offered.is_empty() {
        return ours.last().map(|oldest| Upgrade::Spdy(oldest, false)).ok_or_else(|| unknown(&offered));
    }
    let chosen = offered.iter().find_map(|name| ours.iter().find(|own| *own == name));
    chosen.map(|version| Upgrade::Spdy(version, true)).ok_or_else(|| {
        let message = format!("unable to negotiate protocol: client supports {offered:?}, server supports {ours:?}");
        (StatusCode::FORBIDDEN, format!("unable to upgrade: {message}"))
    })
}

fn unknown(offered: &[String]) -> Refusal {
    (StatusCode::FORBIDDEN, format!("unable to negotiate protocol: client supports {offered:?}"))
}
