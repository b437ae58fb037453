//! A pod's volumes: written before its containers start, and kept current while they run.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use super::{Worker, sources, tokens::Tokens};
use crate::{
    desired::{
        Surroundings,
        sources::{References, Sources},
    },
    followed::{Followed, Kind, Name},
    memory::{Failure, Retry, later},
    node::in_time,
    observed::ObservedPod,
    plan::Wish,
    runtime::Runtime,
    volumes::{self, Content, Limit, Place, VolumeError},
};

/// First and longest time between two tries to mount.
const MOUNTS: (SignedDuration, SignedDuration) = (SignedDuration::from_millis(500), SignedDuration::from_secs(10));
/// After an update that failed.
const UPDATE_RETRY: SignedDuration = SignedDuration::from_secs(10);
/// How often volumes with a limit are measured.
const MEASURE: SignedDuration = SignedDuration::from_secs(5);
/// Seconds that the containers of an evicted pod get to end.
const EVICTED_GRACE: i64 = 1;

type Texts = Option<BTreeMap<String, String>>;

#[derive(Default)]
pub(super) struct Upkeep {
    /// What the volumes show, each with the revision that was written (`None`: there was none).
    followed: HashMap<Name, (Arc<Followed>, Option<u64>)>,
    /// Labels and annotations as they were written.
    shown: Option<(Texts, Texts)>,
    tokens: Tokens,
    retry: Option<Timestamp>,
    measure: Option<Timestamp>,
}

impl Upkeep {
    fn is_due(&self, pod: &Pod, now: Timestamp) -> bool {
        if let Some(retry) = self.retry {
            return retry <= now;
        }
        self.shown.as_ref() != Some(&shown(pod))
            || self.tokens.renewal().is_some_and(|at| at <= now)
            || self.followed.values().any(|(followed, used)| followed.is_newer(*used))
    }

    /// When to look again although nothing happens.
    pub fn appointments(&self) -> impl Iterator<Item = Timestamp> {
        self.retry.or(self.tokens.renewal()).into_iter().chain(self.measure)
    }
}

fn shown(pod: &Pod) -> (Texts, Texts) {
    (pod.metadata.labels.clone(), pod.metadata.annotations.clone())
}

impl<R: Runtime> Worker<R> {
    pub(super) async fn prepare_volumes(&mut self) {
        let Some(pod) = self.pod.clone() else { return };
        if R::SIMULATED {
            self.memory.volumes_ready = true;
            return;
        }
        match self.write_volumes(&pod, true).await {
            Ok(()) => {
                self.memory.volumes_ready = true;
                self.memory.volumes = None;
            }
            Err(message) => {
                self.notices.warning("FailedMount", message.clone());
                let retry = Retry::after(self.memory.volumes.as_ref(), Timestamp::now(), MOUNTS, "", message);
                self.memory.volumes = Some(retry);
            }
        }
    }

    /// Brings what running containers see up to date, when it is due. True: something was done, so look again.
    pub(super) async fn keep_volumes(&mut self, observed: &ObservedPod, wish: Wish) -> bool {
        let Some(pod) = self.pod.clone() else { return false };
        let runs = self.memory.volumes_ready || observed.running().next().is_some();
        if R::SIMULATED || wish != Wish::Run || !runs {
            return false;
        }
        let now = Timestamp::now();
        if self.measure_volumes(&pod, now).await {
            return true;
        }
        if !volumes::has_files(&pod) || !self.upkeep.is_due(&pod, now) {
            return false;
        }
        self.upkeep.retry = None;
        if let Err(message) = self.write_volumes(&pod, false).await {
            self.notices.warning("FailedMount", message);
            self.upkeep.retry = Some(later(now, UPDATE_RETRY));
        }
        true
    }

    /// Writes all volumes, or only those files that may change under a running container.
    async fn write_volumes(&mut self, pod: &Pod, all: bool) -> Result<(), String> {
        let mut names = References::of_volumes(pod);
        if !all {
            names.claims.clear();
        }
        // Before the first read: what changes after it is then heard of.
        self.follow(&names);
        let client = self.shared.client.clone();
        let tokens = self.upkeep.tokens.current(&client, pod, names.tokens.clone()).await;
        let read = in_time(sources::fetch(&client, &self.identity.namespace, names)).await;
        let mut sources = read.map_err(|error| format!("Unable to attach or mount volumes: {error}"))?;
        sources.tokens = tokens?;
        let said = |error: VolumeError| error.to_string();
        let contents = volumes::contents(pod, &sources, self.surroundings(None), all).map_err(said)?;
        let roots = contents.iter().filter_map(|(name, content)| match content {
            Content::Local { path, .. } | Content::Host { path, .. } => Some((name.clone(), path.clone())),
            _ => None,
        });
        self.memory.volume_roots.extend(roots);
        let place = Place {
            state_dir: self.shared.state_dir.clone(),
            pod_uid: self.identity.uid.clone(),
            group: volumes::fs_group(pod),
        };
        let write = if all { volumes::prepare } else { volumes::update };
        let written = tokio::task::spawn_blocking(move || write(&place, &contents)).await;
        written.map_err(|error| error.to_string())?.map_err(said)?;
        self.wrote(pod, &sources);
        Ok(())
    }

    fn follow(&mut self, names: &References) {
        let name = |kind, name: &String| Name { kind, namespace: self.identity.namespace.clone(), name: name.clone() };
        let maps = names.config_maps.iter().map(|one| name(Kind::ConfigMap, one));
        let secrets = names.secrets.iter().map(|one| name(Kind::Secret, one));
        for name in maps.chain(secrets) {
            let (watches, wake) = (&self.shared.watches, &self.wake);
            self.upkeep.followed.entry(name).or_insert_with_key(|name| (watches.follow(name, wake), None));
        }
    }

    /// Remembers what the files show by now.
    fn wrote(&mut self, pod: &Pod, sources: &Sources) {
        let revision = |version: Option<&String>| version.and_then(|version| version.parse().ok());
        for (name, (_, used)) in &mut self.upkeep.followed {
            let version = match name.kind {
                Kind::ConfigMap => {
                    let found = sources.config_maps.get(&name.name).and_then(Option::as_ref);
                    found.and_then(|found| found.metadata.resource_version.as_ref())
                }
                Kind::Secret => {
                    let found = sources.secrets.get(&name.name).and_then(Option::as_ref);
                    found.and_then(|found| found.metadata.resource_version.as_ref())
                }
            };
            *used = revision(version);
        }
        self.upkeep.shown = Some(shown(pod));
    }

    /// Evicts a pod whose volume outgrew its limit.
    async fn measure_volumes(&mut self, pod: &Pod, now: Timestamp) -> bool {
        let limits: Vec<Limit> = volumes::limits(pod);
        if limits.is_empty() || self.upkeep.measure.is_some_and(|at| at > now) {
            return false;
        }
        self.upkeep.measure = Some(later(now, MEASURE));
        let dir = volumes::volumes_dir(&self.shared.state_dir, &self.identity.uid);
        let measured = tokio::task::spawn_blocking(move || volumes::exceeded(&dir, &limits)).await;
        let Ok(Some(message)) = measured else { return false };
        self.notices.warning("Evicted", message.clone());
        self.memory.failed = Some(Failure { reason: "Evicted".to_owned(), message });
        self.memory.failed_grace = Some(EVICTED_GRACE);
        true
    }

    pub(super) fn surroundings(&self, pod_ip: Option<std::net::IpAddr>) -> Surroundings<'_> {
        Surroundings {
            node_name: &self.shared.node_name,
            host_ip: self.shared.runtime.host_address(),
            pod_ip,
            node: &self.shared.facts,
        }
    }
}
