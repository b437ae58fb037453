//! Takes repetition out of events, as client-go's correlator does: an equal event raises a count, many similar
//! ones become one, and an object about which too much is said falls silent for a while.

use std::{collections::HashMap, hash::Hash};

use jiff::Timestamp;
use tokio::time::{Duration, Instant};

use super::{EventType, Regarding, Saying};
use crate::object::ObjectKey;

/// Similar events (all but the message equal) beyond this many within [`SIMILAR_WINDOW`] are combined.
const SIMILAR: usize = 10;
const SIMILAR_WINDOW: Duration = Duration::from_secs(600);
/// An object may be spoken of so often at once, and then once in [`SPEECH_REFILL`].
const SPEECH_BURST: f64 = 25.0;
const SPEECH_REFILL: Duration = Duration::from_secs(300);
/// Memories beyond this many are thrown away, oldest first.
const MEMORY: usize = 4096;

/// What is to be stored.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Said {
    pub saying: Saying,
    pub first: Timestamp,
    pub count: u32,
}

#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    New,
    /// This stored event happened again.
    Repeat {
        key: ObjectKey,
        count: u32,
    },
    /// Too much is being said.
    Drop,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Similar {
    regarding: Regarding,
    event_type: EventType,
    reason: String,
}

struct Group {
    messages: Vec<String>,
    last: Instant,
}

struct Stored {
    key: Option<ObjectKey>,
    first: Timestamp,
    count: u32,
    last: Instant,
}

struct Speech {
    left: f64,
    at: Instant,
}

#[derive(Default)]
pub(super) struct Correlator {
    groups: HashMap<Similar, Group>,
    stored: HashMap<Saying, Stored>,
    speech: HashMap<Regarding, Speech>,
}

impl Correlator {
    pub fn hear(&mut self, saying: Saying, at: Timestamp, now: Instant) -> (Said, Verdict) {
        let whom = Regarding { field_path: None, ..saying.regarding.clone() };
        let identity = self.combine(&saying, now);
        let combined = identity.message != saying.message;
        let stored =
            self.stored.entry(identity.clone()).or_insert(Stored { key: None, first: at, count: 0, last: now });
        stored.count += 1;
        stored.last = now;
        let (first, count, key) = (stored.first, stored.count, stored.key.clone());
        let message = if combined {
            format!("(combined from similar events): {}", saying.message)
        } else {
            saying.message.clone()
        };
        let said = Said { saying: Saying { message, ..identity }, first, count };
        let verdict = match key {
            _ if !self.may_speak(whom, now) => Verdict::Drop,
            Some(key) => Verdict::Repeat { key, count },
            None => Verdict::New,
        };
        self.forget_old();
        (said, verdict)
    }

    /// Remembers under which name it was stored.
    pub fn created(&mut self, said: &Said, key: ObjectKey) {
        let mut identity = said.saying.clone();
        if identity.message.starts_with("(combined from similar events)") {
            identity.message = String::new();
        }
        if let Some(stored) = self.stored.get_mut(&identity) {
            stored.key = Some(key);
        }
    }

    /// The saying itself, or the one without a message that stands for all similar ones.
    fn combine(&mut self, saying: &Saying, now: Instant) -> Saying {
        let similar = Similar {
            regarding: saying.regarding.clone(),
            event_type: saying.event_type,
            reason: saying.reason.clone(),
        };
        let group = self.groups.entry(similar).or_insert(Group { messages: Vec::new(), last: now });
        if now.saturating_duration_since(group.last) > SIMILAR_WINDOW {
            group.messages.clear();
        }
        group.last = now;
        if !group.messages.contains(&saying.message) {
            if group.messages.len() + 1 >= SIMILAR {
                return Saying { message: String::new(), ..saying.clone() };
            }
            group.messages.push(saying.message.clone());
        }
        saying.clone()
    }

    fn may_speak(&mut self, whom: Regarding, now: Instant) -> bool {
        let speech = self.speech.entry(whom).or_insert(Speech { left: SPEECH_BURST, at: now });
        let refilled = now.saturating_duration_since(speech.at).as_secs_f64() / SPEECH_REFILL.as_secs_f64();
        speech.left = (speech.left + refilled).min(SPEECH_BURST);
        speech.at = now;
        if speech.left < 1.0 {
            return false;
        }
        speech.left -= 1.0;
        true
    }

    fn forget_old(&mut self) {
        forget(&mut self.groups, |group| group.last);
        forget(&mut self.stored, |stored| stored.last);
        forget(&mut self.speech, |speech| speech.at);
    }
}

/// Drops the older half of a map that grew beyond [`MEMORY`], so that the cost is spread.
fn forget<K: Hash + Eq, V>(map: &mut HashMap<K, V>, last: impl Fn(&V) -> Instant) {
    if map.len() <= MEMORY {
        return;
    }
    let mut times: Vec<Instant> = map.values().map(&last).collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    map.retain(|_, value| last(value) > median);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(name: &str, message: &str) -> Saying {
        Saying {
            regarding: Regarding { name: name.into(), ..Default::default() },
            event_type: EventType::Normal,
            reason: "Created".into(),
            message: message.into(),
        }
    }

    fn hear(correlator: &mut Correlator, name: &str, message: &str) -> (Said, Verdict) {
        hear_at(correlator, name, message, *START)
    }

    /// One moment for all that is said without a time.
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

    fn hear_at(correlator: &mut Correlator, name: &str, message: &str, now: Instant) -> (Said, Verdict) {
        let (said, verdict) = correlator.hear(saying(name, message), Timestamp::UNIX_EPOCH, now);
        if verdict == Verdict::New {
            let key = ObjectKey::namespaced("ns", format!("{name}.{}", said.saying.message));
            correlator.created(&said, key);
        }
        (said, verdict)
    }

    #[test]
    fn an_equal_event_raises_the_count_of_the_first() {
        let mut correlator = Correlator::default();
        assert_eq!(hear(&mut correlator, "a", "x").1, Verdict::New);
        let key = ObjectKey::namespaced("ns", "a.x");
        assert_eq!(hear(&mut correlator, "a", "x").1, Verdict::Repeat { key: key.clone(), count: 2 });
        assert_eq!(hear(&mut correlator, "a", "x").1, Verdict::Repeat { key, count: 3 });
        assert_eq!(hear(&mut correlator, "b", "x").1, Verdict::New);
    }

    #[test]
    fn many_similar_events_become_one() {
        let mut correlator = Correlator::default();
        for n in 1..10 {
            assert_eq!(hear(&mut correlator, "a", &n.to_string()).1, Verdict::New);
        }
        let (said, verdict) = hear(&mut correlator, "a", "10");
        assert_eq!(said.saying.message, "(combined from similar events): 10");
        assert_eq!(verdict, Verdict::New);
        let (said, verdict) = hear(&mut correlator, "a", "11");
        assert_eq!(said.saying.message, "(combined from similar events): 11");
        assert!(matches!(verdict, Verdict::Repeat { count: 2, .. }), "{verdict:?}");
    }

    #[test]
    fn an_object_spoken_of_too_much_falls_silent_and_is_heard_again_later() {
        let mut correlator = Correlator::default();
        let spoken = (0..100).filter(|_| hear(&mut correlator, "a", "x").1 != Verdict::Drop).count();
        assert_eq!(spoken, 25);
        let later = *START + SPEECH_REFILL;
        assert_ne!(hear_at(&mut correlator, "a", "x", later).1, Verdict::Drop);
        assert_eq!(hear_at(&mut correlator, "a", "x", later).1, Verdict::Drop);
    }

    #[test]
    fn memory_is_bounded() {
        let mut correlator = Correlator::default();
        for n in 0..3 * MEMORY {
            hear_at(&mut correlator, &n.to_string(), "x", *START + Duration::from_millis(n as u64));
        }
        assert!(correlator.stored.len() <= MEMORY && correlator.speech.len() <= MEMORY);
    }
}
