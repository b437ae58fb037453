//! What a container's image is called so that any registry finds the same one again: `imageID` in its status.

use std::collections::HashMap;

use bollard::Docker;
use parking_lot::Mutex;

use crate::observed::ObservedPod;

/// By the Engine's id. An image's digest does not change; what goes is asked for no more.
#[derive(Default)]
pub struct Digests {
    known: Mutex<HashMap<String, String>>,
}

impl Digests {
    /// Puts `docker-pullable://REPOSITORY@DIGEST` in the place of ids, for images that came from a registry.
    pub async fn complete(&self, docker: &Docker, pod: &mut ObservedPod) {
        for container in &mut pod.containers {
            let Some(id) = container.image_id.strip_prefix("docker://").map(str::to_owned) else { continue };
            let known = self.known.lock().get(&id).cloned();
            let name = match known {
                Some(name) => name,
                None => {
                    // One that is gone keeps its id.
                    let Ok(image) = docker.inspect_image(&id).await else { continue };
                    let digest = image.repo_digests.into_iter().flatten().next();
                    let name =
                        digest.map_or_else(|| container.image_id.clone(), |it| format!("docker-pullable://{it}"));
                    self.known.lock().insert(id, name.clone());
                    name
                }
            };
            container.image_id = name;
        }
    }
}
