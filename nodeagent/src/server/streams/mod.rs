//! `/exec`, `/attach` and `/portForward`: connections that are taken over, over WebSocket or SPDY/3.1, or as they are.

mod client;
mod options;
mod outcome;
mod plain;
mod port_forward;
mod session;
mod sink;
mod spdy;
mod target;
#[cfg(test)]
mod tests;
mod upgrade;
mod websocket;

use axum::{
    extract::{Path, RawQuery, Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};

use self::{options::Options, target::Target, upgrade::Upgrade};
use super::{Server, logs::Refusal};
use crate::runtime::{Runtime, Session};

type Container = Path<(String, String, String)>;

pub async fn exec<R: Runtime>(
    State(server): State<Server<R>>,
    Path((namespace, pod, container)): Container,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let opened = async {
        let options = read(query)?;
        if options.command.is_empty() {
            return Err((
                StatusCode::BAD_REQUEST,
                "you must specify at least one command for the container".to_owned(),
            ));
        }
        let upgrade = Upgrade::remote_command(&headers)?;
        let id = Target::find(&server, &namespace, &pod).await?.container(&container)?;
        let session = server.runtime.exec(&id, &options.exec()).await.map_err(target::refusal)?;
        Ok((upgrade, session, options))
    };
    let opened = opened.await;
    answer(opened, request)
}

pub async fn attach<R: Runtime>(
    State(server): State<Server<R>>,
    Path((namespace, pod, container)): Container,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    let opened = async {
        let options = read(query)?;
        let upgrade = Upgrade::remote_command(&headers)?;
        let id = Target::find(&server, &namespace, &pod).await?.container(&container)?;
        let session = server.runtime.attach(&id, &options.attach()).await.map_err(target::refusal)?;
        Ok((upgrade, session, options))
    };
    let opened = opened.await;
    answer(opened, request)
}

pub async fn port_forward<R: Runtime>(
    State(server): State<Server<R>>,
    Path((namespace, pod)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let headers = request.headers().clone();
    if plain::is_requested(&headers) {
        let opened = plain::open(&server, &namespace, &pod, query.as_deref().unwrap_or_default()).await;
        return opened.map_or_else(Refusal::into_response, |stream| plain::answer(request, stream));
    }
    let opened = async {
        let upgrade = Upgrade::port_forward(&headers, query.as_deref().unwrap_or_default())?;
        let target = Target::find(&server, &namespace, &pod).await?;
        let sandbox = target.sandbox()?;
        Ok(port_forward::Forward::new(server.runtime.clone(), sandbox, target.pod_name(), upgrade))
    };
    let opened = opened.await;
    match opened {
        Ok(forward) => forward.answer(request),
        Err(refusal) => Refusal::into_response(refusal),
    }
}

fn read(query: Option<String>) -> Result<Options, Refusal> {
    Options::parse(query.as_deref().unwrap_or_default()).map_err(|message| (StatusCode::BAD_REQUEST, message))
}

/// The process runs already; a client that never comes back after the answer is one that is gone.
fn answer(opened: Result<(Upgrade, Session, Options), Refusal>, request: Request) -> Response {
    let (upgrade, session, options) = match opened {
        Ok(opened) => opened,
        Err(refusal) => return refusal.into_response(),
    };
    upgrade.answer(request, move |upgraded, upgrade| async move {
        match upgrade.client(upgraded, &options).await {
            Some(client) => session::run(session, client, options.command).await,
            None => drop(session.control.hang_up().await),
        }
    })
}
