//! What readers made of something immutable, made once and shared.

use std::any::Any;
use std::sync::{Arc, OnceLock};

/// Holds one value of one type: a reader that asks for a second type makes it for itself.
#[derive(Default)]
pub(crate) struct Memo(OnceLock<Arc<dyn Any + Send + Sync>>);

impl Memo {
    /// The value: made by the first reader, shared by all later ones.
    pub(crate) fn get<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        if self.0.get().is_none() {
            let made: Arc<T> = Arc::new(make());
            let erased: Arc<dyn Any + Send + Sync> = made.clone();
            if self.0.set(erased).is_ok() {
                return made;
            }
            // Another reader was faster: take its copy, so that all share one.
            return self.remembered().unwrap_or(made);
        }
        match self.remembered() {
            Some(shared) => shared,
            None => Arc::new(make()),
        }
    }

    fn remembered<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.get()?.clone().downcast().ok()
    }
}
