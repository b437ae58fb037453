//! Differences between two texts, as `diff -u` writes them.

use similar::TextDiff;

/// What stands at the head of a difference: a name and, behind a tab, a moment.
pub struct Side<'a> {
    pub name: &'a str,
    pub moment: &'a str,
    /// Empty where there was nothing.
    pub text: &'a str,
}

/// The unified difference; empty if there is none.
pub fn unified(old: &Side, new: &Side) -> String {
    if old.text == new.text {
        return String::new();
    }
    let head = |side: &Side| format!("{}\t{}", side.name, side.moment);
    let diff = TextDiff::from_lines(old.text, new.text);
    diff.unified_diff().context_radius(3).header(&head(old), &head(new)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_shown_with_three_lines_around_it() {
        let old = "a\nb\nc\nd\ne\nf\ng\n";
        let new = old.replace('e', "E");
        let side = |text| Side { name: "x", moment: "now", text };
        assert_eq!(
            unified(&side(old), &side(&new)),
            "--- x\tnow\n+++ x\tnow\n@@ -2,6 +2,6 @@\n b\n c\n d\n-e\n+E\n f\n g\n"
        );
        assert_eq!(unified(&side(old), &side(old)), "");
        assert_eq!(unified(&side(""), &side("a\n")), "--- x\tnow\n+++ x\tnow\n@@ -0,0 +1 @@\n+a\n");
    }
}
