//! Docker's event stream as wake-up calls.

use std::{collections::HashMap, time::Duration};

use bollard::{Docker, models::EventMessage, query_parameters::EventsOptionsBuilder};
use futures::{Stream, StreamExt, stream};

use crate::{labels, runtime::Change};

/// What changes a container's state. Exec, attach and the like do not.
const ACTIONS: [&str; 4] = ["start", "die", "oom", "destroy"];
const RETRY: Duration = Duration::from_millis(500);

/// Reconnects for ever; each new connection begins with [`Change::Everything`], since events may have been missed.
pub fn stream(docker: Docker, own_labels: Vec<String>) -> impl Stream<Item = Change> + Send + 'static {
    let connections = stream::unfold((docker, own_labels, true), |(docker, own, first)| async move {
        if !first {
            tokio::time::sleep(RETRY).await;
        }
        let events = connection(docker.clone(), own.clone());
        Some((events, (docker, own, false)))
    });
    connections.flatten()
}

fn connection(docker: Docker, own_labels: Vec<String>) -> impl Stream<Item = Change> + Send + 'static {
    let filters = HashMap::from([
        ("type".to_owned(), vec!["container".to_owned()]),
        ("event".to_owned(), ACTIONS.map(str::to_owned).to_vec()),
        ("label".to_owned(), own_labels),
    ]);
    // The request goes out when the stream is first read: from now on counts, not from then.
    let since = (jiff::Timestamp::now().as_second() - 1).to_string();
    let options = EventsOptionsBuilder::new().filters(&filters).since(&since).build();
    let events = docker.events(Some(options));
    let changes = events
        .take_while(|event| futures::future::ready(event.is_ok()))
        .filter_map(|event| futures::future::ready(event.ok().and_then(change)));
    stream::once(futures::future::ready(Change::Everything)).chain(changes)
}

fn change(event: EventMessage) -> Option<Change> {
    event.actor?.attributes?.remove(labels::POD_UID).map(Change::Pod)
}
