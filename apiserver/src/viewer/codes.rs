//! One-time codes and the tokens that they stand for: known to the server that gave them out, and to no other.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use rand::Rng;

/// How long a code is good.
pub const LIFE: Duration = Duration::from_secs(60);
/// Codes that nobody has used yet; beyond that the oldest go.
const KEPT: usize = 256;

/// Codes and the tokens that they stand for.
#[derive(Default)]
pub struct Codes(Mutex<HashMap<String, Pending>>);

struct Pending {
    token: String,
    made: Instant,
}

impl Codes {
    pub fn make(&self, token: String, now: Instant) -> String {
        let random: [u8; 32] = rand::rng().random();
        let code = URL_SAFE_NO_PAD.encode(random);
        let mut codes = self.0.lock();
        codes.retain(|_, pending| now.duration_since(pending.made) < LIFE);
        if codes.len() >= KEPT {
            let oldest = codes.iter().min_by_key(|(_, pending)| pending.made).map(|(code, _)| code.clone());
            oldest.map(|code| codes.remove(&code));
        }
        codes.insert(code.clone(), Pending { token, made: now });
        code
    }

    /// The code is gone with this, whether or not it was still good.
    pub fn take(&self, code: &str, now: Instant) -> Option<String> {
        let pending = self.0.lock().remove(code)?;
        (now.duration_since(pending.made) < LIFE).then_some(pending.token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_for_a_minute() {
        let codes = Codes::default();
        let start = Instant::now();
        let code = codes.make("t".into(), start);
        assert_eq!(codes.take("other", start), None);
        assert_eq!(codes.take(&code, start).as_deref(), Some("t"));
        assert_eq!(codes.take(&code, start), None, "used");
        let late = codes.make("t".into(), start);
        assert_eq!(codes.take(&late, start + LIFE), None, "too old");
    }

    #[test]
    fn codes_that_nobody_uses_do_not_pile_up() {
        let codes = Codes::default();
        let start = Instant::now();
        let first = codes.make("t".into(), start);
        for n in 0..KEPT {
            codes.make("t".into(), start + Duration::from_millis(n as u64 + 1));
        }
        assert_eq!(codes.0.lock().len(), KEPT);
        assert_eq!(codes.take(&first, start), None);
    }
}
