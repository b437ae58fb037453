//! What a program counts: one registry for the whole process, whoever counts and whoever shows it.

use std::sync::LazyLock;

use parking_lot::Mutex;
use prometheus_client::registry::Registry;

use crate::{Exposition, Process};

static REGISTRY: LazyLock<Mutex<Registry>> = LazyLock::new(Mutex::default);

/// The end of a text in OpenMetrics' format.
const END: &str = "# EOF\n";

/// Adds metrics to those that this process shows.
pub fn register(add: impl FnOnce(&mut Registry)) {
    add(&mut REGISTRY.lock());
}

/// What was registered, and the process itself.
pub fn families() -> String {
    let mut process = Exposition::default();
    Process::read().write(&mut process);
    format!("{}{}", encode(&REGISTRY.lock()), process.families())
}

/// The same as a whole text.
pub fn exposition() -> String {
    families() + END
}

/// The families of a registry, without an end.
pub fn encode(registry: &Registry) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = prometheus_client::encoding::text::encode(&mut text, registry);
    text.strip_suffix(END).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn what_is_registered_is_shown_beside_the_process() {
        let counter = Counter::<u64>::default();
        register(|registry| registry.register("timonier_test", "A test", counter.clone()));
        counter.inc();
        let text = exposition();
        assert!(
            text.contains("\ntimonier_test_total 1\n") && text.contains("process_resident_memory_bytes "),
            "{text}"
        );
        assert!(text.ends_with(END) && text.matches(END).count() == 1);
    }
}
