//! Lifecycle hooks: one task for each that is under way. Tasks only do; what an outcome means is the worker's business.

use std::{net::IpAddr, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::{Container, LifecycleHandler};
use tokio::task::JoinSet;

use crate::{
    probes::{http, port::port_of},
    runtime::Runtime,
};

/// A hook has no timeout of its own.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    PostStart,
    PreStop,
}

/// A hook is done.
#[derive(Debug)]
pub struct Outcome {
    pub container: String,
    /// The runtime's id of the instance.
    pub id: String,
    pub kind: Kind,
    /// Why it failed, if it did.
    pub trouble: Option<String>,
}

/// The hooks of one pod that are under way. They end with it.
#[derive(Default)]
pub struct Hooks {
    tasks: JoinSet<Outcome>,
}

impl Hooks {
    /// `address`: where the pod is reached; `None` if it has no address (any more).
    pub fn start<R: Runtime>(
        &mut self,
        runtime: Arc<R>,
        wanted: &Container,
        id: &str,
        kind: Kind,
        address: Option<IpAddr>,
    ) {
        let (container, id) = (wanted.name.clone(), id.to_owned());
        let task = hook(wanted, kind).map(|handler| task(handler, wanted, address));
        self.tasks.spawn(async move {
            let answer = match task {
                Some(Ok(task)) => run(&*runtime, &id, task).await,
                Some(Err(error)) => Err(error),
                None => Ok(()),
            };
            Outcome { container, id, kind, trouble: answer.err() }
        });
    }

    /// What came to its end. Safe to drop at any point; never ends while no hook is under way.
    pub async fn next(&mut self) -> Outcome {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(outcome)) => return outcome,
                Some(Err(error)) => tracing::error!(%error, "hook failed"),
                None => std::future::pending().await,
            }
        }
    }

    /// As [`Hooks::next`], without waiting.
    pub fn try_next(&mut self) -> Option<Outcome> {
        self.tasks.try_join_next()?.ok()
    }
}

pub fn hook(wanted: &Container, kind: Kind) -> Option<&LifecycleHandler> {
    let lifecycle = wanted.lifecycle.as_ref()?;
    match kind {
        Kind::PostStart => lifecycle.post_start.as_ref(),
        Kind::PreStop => lifecycle.pre_stop.as_ref(),
    }
}

enum Task {
    Exec(Vec<String>),
    Http { host: String, port: u16, path: String, https: bool, headers: Vec<(String, String)> },
    Sleep(Duration),
}

fn task(handler: &LifecycleHandler, wanted: &Container, address: Option<IpAddr>) -> Result<Task, String> {
    if let Some(exec) = &handler.exec {
        return Ok(Task::Exec(exec.command.clone().unwrap_or_default()));
    }
    if let Some(sleep) = &handler.sleep {
        return Ok(Task::Sleep(Duration::from_secs(u64::try_from(sleep.seconds).unwrap_or(0))));
    }
    let Some(get) = &handler.http_get else { return Err("invalid handler".to_owned()) };
    let host = get.host.clone().filter(|host| !host.is_empty()).or_else(|| address.map(|address| address.to_string()));
    let headers = get.http_headers.iter().flatten();
    Ok(Task::Http {
        host: host.ok_or("failed to find networking container")?,
        port: port_of(&get.port, wanted).ok_or("couldn't find port")?,
        path: get.path.clone().unwrap_or_else(|| "/".to_owned()),
        https: get.scheme.as_deref() == Some("HTTPS"),
        headers: headers.map(|header| (header.name.clone(), header.value.clone())).collect(),
    })
}

async fn run<R: Runtime>(runtime: &R, id: &str, task: Task) -> Result<(), String> {
    match task {
        Task::Sleep(time) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        // Any answer is success: a hook tells, it does not ask.
        Task::Http { host, port, path, https, headers } => {
            let question = http::Question { host: &host, port, path: &path, https, headers: &headers };
            http::status(&question, FOREVER).await.map(drop)
        }
        Task::Exec(command) => {
            let ended = runtime.exec_sync(id, &command, FOREVER).await.map_err(|error| error.to_string())?;
            match ended.code {
                Some(0) => Ok(()),
                Some(code) => {
                    Err(format!("command '{}' exited with {code}: {}", command.join(" "), said(&ended.output)))
                }
                None => Err("it was killed".to_owned()),
            }
        }
    }
}

fn said(output: &[u8]) -> String {
    String::from_utf8_lossy(output).trim().to_owned()
}
