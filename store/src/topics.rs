//! Who is woken by an event: an index of filters, so that a commit costs what it concerns and
//! not what exists.

use std::collections::HashMap;
use std::sync::Arc;

use crate::topic::Topic;
use crate::waiters::Seat;
use crate::{Event, Filter, Revision};

/// All topics, indexed by the most selective part of their filters.
#[derive(Default)]
pub(crate) struct Topics {
    all: HashMap<Filter, Arc<Topic>>,
    exact: HashMap<Arc<str>, Vec<Arc<Topic>>>,
    tagged: HashMap<Arc<str>, Vec<Arc<Topic>>>,
    /// Prefixes that are empty or end in `/`: found by cutting a key at its slashes.
    folders: HashMap<Arc<str>, Vec<Arc<Topic>>>,
    /// Prefixes that end elsewhere: each event is compared with each of them.
    others: Vec<Arc<Topic>>,
}

impl Topics {
    /// Joins the topic of `filter`, which knows the events after `now` if it is new.
    pub(crate) fn join(&mut self, filter: Filter, now: Revision) -> Arc<Topic> {
        if let Some(topic) = self.all.get(&filter) {
            topic.join();
            return topic.clone();
        }
        let topic = Arc::new(Topic::new(filter.clone(), now));
        topic.join();
        self.shelf(&filter).push(topic.clone());
        self.all.insert(filter, topic.clone());
        topic
    }

    pub(crate) fn leave(&mut self, topic: &Arc<Topic>, seat: &Seat) {
        let filter = &topic.filter;
        if topic.leave(seat) > 0 {
            return;
        }
        self.all.remove(filter);
        let shelf = self.shelf(filter);
        shelf.retain(|other| !Arc::ptr_eq(other, topic));
        if shelf.is_empty() {
            self.clear_shelf(filter);
        }
    }

    /// Queues the event for everybody whom it concerns; new ones are added to `touched`.
    pub(crate) fn push(&self, event: &Arc<Event>, touched: &mut Vec<Arc<Topic>>) {
        let mut offer = |shelf: &[Arc<Topic>]| {
            for topic in shelf {
                if topic.filter.matches(event) && topic.push(event) {
                    touched.push(topic.clone());
                }
            }
        };
        let key = event.key.as_str();
        if let Some(shelf) = self.exact.get(key) {
            offer(shelf);
        }
        if !self.tagged.is_empty() {
            let tag = |entry: &Option<Arc<crate::Entry>>| entry.as_ref()?.tag.clone();
            let (old, new) = (tag(&event.previous), tag(&event.current));
            if let Some(shelf) = old.as_ref().and_then(|tag| self.tagged.get(tag)) {
                offer(shelf);
            }
            if new != old
                && let Some(shelf) = new.as_ref().and_then(|tag| self.tagged.get(tag))
            {
                offer(shelf);
            }
        }
        let cuts = key.match_indices('/').map(|(at, _)| at + 1);
        for cut in std::iter::once(0).chain(cuts) {
            if let Some(shelf) = self.folders.get(&key[..cut]) {
                offer(shelf);
            }
        }
        offer(&self.others);
    }

    pub(crate) fn drop_through(&self, floor: Revision) {
        for topic in self.all.values() {
            topic.drop_through(floor);
        }
    }

    pub(crate) fn reset(&self, floor: Revision) {
        for topic in self.all.values() {
            topic.reset(floor);
        }
    }

    pub(crate) fn wake_all(&self) {
        for topic in self.all.values() {
            topic.wake_all();
        }
    }

    fn shelf(&mut self, filter: &Filter) -> &mut Vec<Arc<Topic>> {
        if filter.exact {
            self.exact.entry(filter.prefix.clone()).or_default()
        } else if let Some(tag) = &filter.tag {
            self.tagged.entry(tag.clone()).or_default()
        } else if filter.prefix.is_empty() || filter.prefix.ends_with('/') {
            self.folders.entry(filter.prefix.clone()).or_default()
        } else {
            &mut self.others
        }
    }

    fn clear_shelf(&mut self, filter: &Filter) {
        if filter.exact {
            self.exact.remove(&filter.prefix);
        } else if let Some(tag) = &filter.tag {
            self.tagged.remove(tag);
        } else {
            self.folders.remove(&filter.prefix);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Key};

    fn event(key: &str, old: Option<&str>, new: Option<&str>) -> Arc<Event> {
        let entry = |tag: &str| {
            let (key, revision) = (Key::new(key), Revision(2));
            let tag = Some(tag.into());
            Arc::new(Entry::new(key, revision, revision, bytes::Bytes::from("x"), tag))
        };
        Arc::new(Event { revision: Revision(3), key: Key::new(key), previous: old.map(entry), current: new.map(entry) })
    }

    fn touched(topics: &Topics, event: &Arc<Event>) -> Vec<Filter> {
        let mut touched = Vec::new();
        topics.push(event, &mut touched);
        touched.iter().for_each(|topic| topic.wake_all());
        touched.iter().map(|topic| topic.filter.clone()).collect()
    }

    #[test]
    fn of_thousands_of_filters_only_those_that_match_are_touched() {
        let mut topics = Topics::default();
        let agent = |i: usize| Filter::prefix("pods/").tagged(format!("node-{i}"));
        for i in 0..5000 {
            topics.join(agent(i), Revision(1));
            topics.join(Filter::exact(format!("nodes/node-{i}")), Revision(1));
            topics.join(Filter::prefix(format!("pods/ns-{i}/")), Revision(1));
        }
        let all = Filter::prefix("pods/");
        topics.join(all.clone(), Revision(1));

        let update = event("pods/other/web", Some("node-7"), Some("node-7"));
        assert_eq!(touched(&topics, &update), [agent(7), all.clone()]);
        let moved = event("pods/ns-3/web", Some("node-7"), Some("node-8"));
        let expected = [agent(7), agent(8), all, Filter::prefix("pods/ns-3/")];
        assert_eq!(touched(&topics, &moved), expected);
        let node = event("nodes/node-4", None, None);
        assert_eq!(touched(&topics, &node), [Filter::exact("nodes/node-4")]);
    }

    #[test]
    fn a_topic_lives_as_long_as_its_watchers() {
        let mut topics = Topics::default();
        for filter in [
            Filter::prefix("pods/"),
            Filter::prefix("po"),
            Filter::exact("pods/a"),
            Filter::prefix("pods/").tagged("n"),
        ] {
            let first = topics.join(filter.clone(), Revision(1));
            let second = topics.join(filter, Revision(2));
            assert!(Arc::ptr_eq(&first, &second));
            topics.leave(&first, &Seat::default());
            assert_eq!(touched(&topics, &event("pods/a", None, Some("n"))).len(), 1);
            topics.leave(&second, &Seat::default());
            assert_eq!(touched(&topics, &event("pods/a", None, Some("n"))).len(), 0);
        }
    }
}
