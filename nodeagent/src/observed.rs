//! What a runtime has for one pod, as seen just now. The runtime fills these in; `plan` and `status` read them.

use std::net::IpAddr;

use jiff::Timestamp;

/// Whose containers these are. Every container carries this in its labels, so that it outlives the agent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodIdentity {
    pub uid: String,
    pub name: String,
    pub namespace: String,
}

/// One pod's containers. `sandboxes` and `containers` are ordered by attempt, the newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObservedPod {
    pub sandboxes: Vec<Sandbox>,
    pub containers: Vec<Container>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sandbox {
    pub id: String,
    pub attempt: u32,
    pub state: State,
    /// `None` before it runs, and on the host's network.
    pub ip: Option<IpAddr>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Container {
    pub id: String,
    /// The name in the pod's spec.
    pub name: String,
    /// How many instances of this container there were before: the restart count.
    pub attempt: u32,
    pub spec_hash: String,
    pub image: String,
    pub image_id: String,
    pub state: State,
    /// The sandbox that it joined.
    pub sandbox: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum State {
    Created,
    Running { started: Timestamp },
    Exited(Exit),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Exit {
    /// `None`: it could not be started at all.
    pub started: Option<Timestamp>,
    pub finished: Timestamp,
    pub code: i32,
    pub oom_killed: bool,
    /// The runtime's own words when it could not start or run it.
    pub error: String,
}

impl State {
    pub fn is_running(&self) -> bool {
        matches!(self, State::Running { .. })
    }

    pub fn exit(&self) -> Option<&Exit> {
        match self {
            State::Exited(exit) => Some(exit),
            _ => None,
        }
    }
}

impl ObservedPod {
    /// The sandbox that runs, if any: the newest.
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.iter().rev().find(|sandbox| sandbox.state.is_running())
    }

    /// The newest instance of a container.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().rev().find(|container| container.name == name)
    }

    /// All instances of a container, the newest first.
    pub fn instances<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Container> {
        self.containers.iter().rev().filter(move |container| container.name == name)
    }

    pub fn running(&self) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(|container| container.state.is_running())
    }

    pub fn is_empty(&self) -> bool {
        self.sandboxes.is_empty() && self.containers.is_empty()
    }

    pub(crate) fn sort(&mut self) {
        self.sandboxes.sort_by_key(|sandbox| sandbox.attempt);
        self.containers.sort_by_key(|container| container.attempt);
    }
}
