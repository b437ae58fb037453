//! The record of what was pulled, in a file that outlives the agent.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::PathBuf,
};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::runtime::Image;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The names that it was pulled by.
    pub names: Vec<String>,
    pub pulled: Timestamp,
    /// When a container was last seen that is made from it.
    pub used: Timestamp,
    pub size_bytes: u64,
}

/// By the runtime's id.
pub struct Records {
    path: PathBuf,
    images: Mutex<BTreeMap<String, Record>>,
}

impl Records {
    /// What an earlier agent pulled. A file that can't be read is as good as none: its images then stay.
    pub fn load(path: PathBuf) -> Records {
        let read = fs::read(&path).ok().and_then(|bytes| match serde_json::from_slice(&bytes) {
            Ok(images) => Some(images),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "the record of pulled images can't be read");
                None
            }
        });
        Records { path, images: Mutex::new(read.unwrap_or_default()) }
    }

    /// Notes an image that was not there before it was pulled.
    pub fn pulled(&self, image: &Image, name: &str, now: Timestamp) {
        let mut images = self.images.lock();
        let size_bytes = u64::try_from(image.size_bytes).unwrap_or(0);
        let new = || Record { names: Vec::new(), pulled: now, used: now, size_bytes };
        let record = images.entry(image.id.clone()).or_insert_with(new);
        if !record.names.iter().any(|known| known == name) {
            record.names.push(name.to_owned());
        }
        self.save(&images);
    }

    /// Whether this agent brought the image.
    pub fn knows(&self, id: &str) -> bool {
        self.images.lock().contains_key(id)
    }

    pub fn used(&self, ids: &HashSet<String>, now: Timestamp) {
        let mut images = self.images.lock();
        let mut changed = false;
        for (_, record) in images.iter_mut().filter(|(id, _)| ids.contains(*id)) {
            record.used = now;
            changed = true;
        }
        if changed {
            self.save(&images);
        }
    }

    pub fn forget(&self, id: &str) {
        let mut images = self.images.lock();
        images.remove(id);
        self.save(&images);
    }

    pub fn all(&self) -> Vec<(String, Record)> {
        self.images.lock().iter().map(|(id, record)| (id.clone(), record.clone())).collect()
    }

    fn save(&self, images: &BTreeMap<String, Record>) {
        let write = || -> io::Result<()> {
            if let Some(dir) = self.path.parent() {
                fs::create_dir_all(dir)?;
            }
            // Whole or not at all.
            let fresh = self.path.with_extension("new");
            fs::write(&fresh, serde_json::to_vec_pretty(images)?)?;
            fs::rename(fresh, &self.path)
        };
        if let Err(error) = write() {
            tracing::warn!(path = %self.path.display(), %error, "the record of pulled images is not kept");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_pulled_is_known_to_the_next_agent() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("state/images.json");
        let image = Image { id: "sha256:1".into(), size_bytes: 7, user: String::new() };
        let now = Timestamp::from_second(100).expect("a time");
        let records = Records::load(path.clone());
        records.pulled(&image, "r/app:1", now);
        records.pulled(&image, "r/app:2", now);
        let next = Records::load(path.clone());
        let later = Timestamp::from_second(200).expect("a time");
        next.used(&["sha256:1".to_owned()].into(), later);
        let expected =
            Record { names: vec!["r/app:1".into(), "r/app:2".into()], pulled: now, used: later, size_bytes: 7 };
        assert_eq!(Records::load(path.clone()).all(), [("sha256:1".to_owned(), expected)]);
        next.forget("sha256:1");
        assert!(!Records::load(path.clone()).knows("sha256:1"));
        fs::write(&path, "no JSON").expect("written");
        assert!(Records::load(path).all().is_empty());
    }
}
