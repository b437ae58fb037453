//! Asking web servers for pages, once or under load.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::TryStreamExt;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const LONGEST: Duration = Duration::from_secs(20);

/// `GET /` on a connection of its own.
pub async fn page(address: &str) -> Result<String> {
    let fetch = async {
        let stream = TcpStream::connect(address).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = http::Request::get("/").header("host", address).body(Empty::<bytes::Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        drop(sender);
        connection.abort();
        ensure!(status.is_success(), "{status}");
        Ok(String::from_utf8_lossy(&body).into_owned())
    };
    tokio::time::timeout(LONGEST, fetch).await.context("no answer")?.with_context(|| format!("http://{address}/"))
}

/// Whether a pod takes requests: ready, and not on its way out.
pub fn takes_requests(pod: &Pod) -> bool {
    let conditions = pod.status.iter().flat_map(|status| status.conditions.iter().flatten());
    let ready = conditions.filter(|c| c.type_ == "Ready").any(|c| c.status == "True");
    ready && pod.metadata.deletion_timestamp.is_none()
}

pub fn pod_ip(pod: &Pod) -> Result<String> {
    let ip = pod.status.as_ref().and_then(|status| status.pod_ip.clone());
    ip.filter(|ip| !ip.is_empty()).with_context(|| format!("pod {} has no address", pod.name_any()))
}

/// Requests without pause to whatever pods take them, as a client behind a service sees it.
pub struct Load {
    requests: Vec<JoinHandle<Tally>>,
    followers: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

/// What came of the requests.
#[derive(Debug, Default)]
pub struct Tally {
    pub answered: usize,
    pub failed: Vec<String>,
}

impl Load {
    /// Starts once a pod of these labels takes requests.
    pub async fn start(pods: Api<Pod>, labels: &str, port: u16, workers: usize) -> Result<Load> {
        let (targets, mut known) = watch::channel(Arc::new(Vec::new()));
        let follower = tokio::spawn(follow(pods, labels.to_string(), port, targets));
        tokio::time::timeout(crate::wait::PATIENCE, known.wait_for(|targets| !targets.is_empty()))
            .await
            .context("no pod takes requests")??;
        let (stop, stopped) = watch::channel(false);
        let requests = (0..workers).map(|worker| tokio::spawn(ask(worker, known.clone(), stopped.clone()))).collect();
        Ok(Load { requests, followers: vec![follower], stop })
    }

    pub async fn finish(mut self) -> Result<Tally> {
        self.stop.send_replace(true);
        let mut all = Tally::default();
        for request in self.requests.drain(..) {
            let tally = request.await?;
            all.answered += tally.answered;
            all.failed.extend(tally.failed);
        }
        Ok(all)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.requests.iter().for_each(JoinHandle::abort);
        self.followers.iter().for_each(JoinHandle::abort);
    }
}

async fn ask(worker: usize, targets: watch::Receiver<Arc<Vec<String>>>, stopped: watch::Receiver<bool>) -> Tally {
    let mut tally = Tally::default();
    let mut turn = worker;
    while !*stopped.borrow() {
        let targets = targets.borrow().clone();
        turn += 1;
        match targets.get(turn % targets.len().max(1)) {
            None => tally.failed.push("no pod takes requests".into()),
            Some(target) => match page(target).await {
                Ok(_) => tally.answered += 1,
                Err(error) => tally.failed.push(format!("{error:#}")),
            },
        }
        // Leaves the machine, which also runs the cluster, some air.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tally
}

async fn follow(pods: Api<Pod>, labels: String, port: u16, targets: watch::Sender<Arc<Vec<String>>>) {
    let mut known: HashMap<String, Pod> = HashMap::new();
    let config = watcher::Config::default().labels(&labels);
    let mut events = std::pin::pin!(watcher(pods, config));
    loop {
        match events.try_next().await {
            Ok(Some(watcher::Event::Apply(pod) | watcher::Event::InitApply(pod))) => {
                known.insert(pod.name_any(), pod);
            }
            Ok(Some(watcher::Event::Delete(pod))) => drop(known.remove(&pod.name_any())),
            Ok(Some(watcher::Event::Init | watcher::Event::InitDone)) => {}
            Ok(None) => return,
            // The watcher tries again by itself.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
        let taking = known.values().filter(|pod| takes_requests(pod));
        let taking = taking.filter_map(|pod| pod_ip(pod).ok()).map(|ip| format!("{ip}:{port}")).collect();
        targets.send_replace(Arc::new(taking));
    }
}
