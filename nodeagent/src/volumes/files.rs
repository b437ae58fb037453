//! What a volume holds, as data.

use std::{collections::BTreeMap, path::PathBuf};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An empty directory that lives as long as the pod.
    Scratch,
    /// The same in memory; the runtime makes it.
    Memory,
    Files(Files),
    /// A path of this machine; `kind` is `hostPath.type`.
    Host {
        path: PathBuf,
        kind: String,
    },
    /// The directory of a PersistentVolume, which outlives the pod. `provisioned`: the agent makes it.
    Local {
        path: PathBuf,
        provisioned: bool,
    },
}

/// By path inside the volume.
pub type Files = BTreeMap<String, File>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    pub bytes: Vec<u8>,
    pub mode: u32,
    /// Root, unless it is said.
    pub owner: Option<u32>,
}
