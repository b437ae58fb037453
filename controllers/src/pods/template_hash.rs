//! A short name for a template: the `pod-template-hash`, and what revisions are called by.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// No vowels and nothing that looks like another, as in generated names: no bad words, no misreading.
const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

/// The same for equal templates, whatever the order of their fields; another for another count of collisions.
pub fn template_hash(template: &Value, collisions: i32) -> String {
    let mut hasher = Sha256::new();
    // serde_json keeps objects sorted, so equal values have one text.
    hasher.update(template.to_string());
    if collisions > 0 {
        hasher.update(collisions.to_string());
    }
    let digest = hasher.finalize();
    let number = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]);
    let digits = number.to_string();
    digits.bytes().map(|digit| char::from(LETTERS[usize::from(digit) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_templates_have_one_hash_and_a_collision_changes_it() {
        let template: Value = serde_json::from_str(r#"{"a":1,"b":2}"#).expect("json");
        let reordered: Value = serde_json::from_str(r#"{"b":2,"a":1}"#).expect("json");
        assert_eq!(template_hash(&template, 0), template_hash(&reordered, 0));
        assert_ne!(template_hash(&template, 0), template_hash(&template, 1));
        assert_ne!(template_hash(&template, 0), template_hash(&json!({"a": 1}), 0));
    }

    #[test]
    fn hashes_are_label_values_of_at_most_ten_safe_letters() {
        for n in 0..200 {
            let hash = template_hash(&json!({"n": n}), 0);
            assert!(!hash.is_empty() && hash.len() <= 10, "{hash}");
            assert!(hash.bytes().all(|letter| LETTERS.contains(&letter)), "{hash}");
        }
    }
}
