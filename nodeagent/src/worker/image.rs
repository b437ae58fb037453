//! Having a container's image, as its pull policy says.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Container;

use super::Worker;
use crate::{
    desired::image_name,
    memory::{ImageState, Retry, signed},
    runtime::Runtime,
};

/// An image that nobody pulls may be put there by hand any time.
const LOCAL_RETRY: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(2), SignedDuration::from_secs(10));

pub(super) enum Missing {
    /// Nobody answered.
    Unavailable(String),
    /// A waiting reason, its message, and how to wait.
    Because { reason: &'static str, message: String, pulled: bool },
}

impl<R: Runtime> Worker<R> {
    pub(super) async fn ensure_image(&mut self, wanted: &Container, attempt: u32) {
        let found = self.have(wanted).await;
        let now = Timestamp::now();
        let timings = &self.shared.timings;
        let pull_retry = (signed(timings.backoff_base), signed(timings.backoff_max));
        let memory = self.memory.container(&wanted.name);
        memory.image = match found {
            Ok(()) => ImageState::Present { attempt },
            Err(missing) => {
                let previous = match &memory.image {
                    ImageState::Failed(previous) => Some(previous),
                    _ => None,
                };
                let retry = match missing {
                    Missing::Unavailable(message) => {
                        Retry::after(previous, now, LOCAL_RETRY, "ImageInspectError", message)
                    }
                    Missing::Because { reason, message, pulled } => {
                        let pace = if pulled { pull_retry } else { LOCAL_RETRY };
                        Retry::after(previous, now, pace, reason, message)
                    }
                };
                ImageState::Failed(retry)
            }
        };
    }

    async fn have(&self, wanted: &Container) -> Result<(), Missing> {
        let (runtime, notices) = (&self.shared.runtime, &self.notices);
        let image = wanted.image.as_deref().unwrap_or_default();
        let name = wanted.name.as_str();
        if let Some(message) = image_name::problem(image) {
            notices.container_warning(name, "InspectFailed", message.clone());
            notices.container_warning(name, "Failed", "Error: InvalidImageName");
            return Err(Missing::Because { reason: "InvalidImageName", message, pulled: false });
        }
        let present = runtime.image(image).await.map_err(|error| {
            let message = format!("Failed to inspect image {image:?}: {error}");
            notices.container_warning(name, "InspectFailed", message.clone());
            Missing::Unavailable(message)
        })?;
        match (wanted.image_pull_policy.as_deref(), present) {
            (Some("Always"), present) | (Some("IfNotPresent") | None, present @ None) => {
                self.pull(name, image, present.map(|present| present.id)).await
            }
            (_, Some(_)) => {
                let message =
                    format!("Container image {image:?} already present on machine and can be accessed by the pod");
                notices.container_normal(name, "Pulled", message);
                Ok(())
            }
            (_, None) => {
                let message = format!("Container image {image:?} is not present with pull policy of Never");
                notices.container_warning(name, "ErrImageNeverPull", message.clone());
                notices.container_warning(name, "Failed", "Error: ErrImageNeverPull");
                Err(Missing::Because { reason: "ErrImageNeverPull", message, pulled: false })
            }
        }
    }
}

/// A failed pull waits for the next.
pub fn becomes_back_off(retry: &mut Retry, image: &str) {
    retry.message = format!("Back-off pulling image {image:?}: ErrImagePull: {}", retry.message);
    retry.reason = "ImagePullBackOff".to_owned();
}
