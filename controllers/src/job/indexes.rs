//! Sets of completion indexes, as a job's status writes them: `1,3-5,7`.

use std::fmt;

/// Ascending intervals with gaps between them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Indexes(Vec<(u32, u32)>);

impl Indexes {
    /// Reads what is below `completions`. What is no interval is passed over: a status that somebody damaged must
    /// not stop the job.
    pub fn parse(text: &str, completions: u32) -> Indexes {
        let interval = |text: &str| -> Option<(u32, u32)> {
            let (first, last) = text.split_once('-').unwrap_or((text, text));
            let (first, last) = (first.parse().ok()?, last.parse::<u32>().ok()?);
            (first <= last && first < completions).then(|| (first, last.min(completions - 1)))
        };
        Indexes::joined(text.split(',').filter_map(interval).collect())
    }

    fn joined(mut intervals: Vec<(u32, u32)>) -> Indexes {
        intervals.sort_unstable();
        let mut joined: Vec<(u32, u32)> = Vec::with_capacity(intervals.len());
        for (first, last) in intervals {
            match joined.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => joined.push((first, last)),
            }
        }
        Indexes(joined)
    }

    #[must_use]
    pub fn with(&self, more: impl IntoIterator<Item = u32>) -> Indexes {
        let more = more.into_iter().map(|index| (index, index));
        Indexes::joined(self.0.iter().copied().chain(more).collect())
    }

    #[must_use]
    pub fn union(&self, other: &Indexes) -> Indexes {
        Indexes::joined(self.0.iter().chain(&other.0).copied().collect())
    }

    pub fn contains(&self, index: u32) -> bool {
        let at = self.0.partition_point(|(_, last)| *last < index);
        self.0.get(at).is_some_and(|(first, _)| *first <= index)
    }

    pub fn total(&self) -> usize {
        self.0.iter().map(|(first, last)| (last - first) as usize + 1).sum()
    }

    /// How many are in both.
    pub fn common(&self, other: &Indexes) -> usize {
        let overlap = |a: &(u32, u32), b: &(u32, u32)| (a.1.min(b.1) + 1).saturating_sub(a.0.max(b.0)) as usize;
        let (mut i, mut j, mut common) = (0, 0, 0);
        while let (Some(a), Some(b)) = (self.0.get(i), other.0.get(j)) {
            common += overlap(a, b);
            if a.1 < b.1 { i += 1 } else { j += 1 }
        }
        common
    }

    /// Those below `completions` that are not here, in order.
    pub fn missing(&self, completions: u32) -> impl Iterator<Item = u32> {
        let ends = self.0.iter().copied().chain([(completions, completions)]);
        let starts = [0].into_iter().chain(self.0.iter().map(|(_, last)| last.saturating_add(1)));
        starts.zip(ends).flat_map(move |(start, (end, _))| start..end.min(completions))
    }
}

/// Two neighbours are written apart, three as a range.
impl fmt::Display for Indexes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (first, last)) in self.0.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            match last - first {
                0 => write!(f, "{comma}{first}")?,
                1 => write!(f, "{comma}{first},{last}")?,
                _ => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_joined_and_written() {
        for (text, completions, expect, total) in [
            ("", 5, "", 0),
            ("0", 5, "0", 1),
            ("1,2", 5, "1,2", 2),
            ("1-2,3", 5, "1-3", 3),
            ("0,2-9", 5, "0,2-4", 4),
            ("7,9", 5, "", 0),
            ("x,3-1,2-y,4", 5, "4", 1),
        ] {
            let read = Indexes::parse(text, completions);
            assert_eq!((read.to_string().as_str(), read.total()), (expect, total), "{text}");
        }
        let some = Indexes::parse("1,3-5", 10);
        assert_eq!(some.with([2, 8, 8]).to_string(), "1-5,8");
        assert_eq!(some.union(&Indexes::parse("0-1,9", 10)).to_string(), "0,1,3-5,9");
        let all: Vec<bool> = (0..7).map(|index| some.contains(index)).collect();
        assert_eq!(all, [false, true, false, true, true, true, false]);
        assert_eq!(some.missing(8).collect::<Vec<_>>(), [0, 2, 6, 7]);
        assert_eq!(some.missing(4).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(Indexes::default().missing(2).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(some.common(&Indexes::parse("0-3,5-9", 10)), 3);
        assert_eq!(some.common(&Indexes::default()), 0);
    }
}
