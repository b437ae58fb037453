//! What is said of which node. Thousands of nodes have few different things said of them: each is kept once.

#[derive(Debug, Clone)]
pub(crate) struct Sayings<S> {
    /// With the number of nodes that it is said of.
    all: Vec<(S, usize)>,
    /// By a node's position, which of them is said, from one; zero: nothing.
    of: Vec<u32>,
}

impl<S> Default for Sayings<S> {
    fn default() -> Sayings<S> {
        Sayings { all: Vec::new(), of: Vec::new() }
    }
}

impl<S> Sayings<S> {
    pub fn at(&self, node: usize) -> Option<&S> {
        let which = self.of.get(node).copied().unwrap_or_default() as usize;
        Some(&self.all.get(which.checked_sub(1)?)?.0)
    }

    /// Everything that is said, and of how many nodes.
    pub fn each(&self) -> impl Iterator<Item = (&S, usize)> {
        self.all.iter().filter(|(_, nodes)| *nodes > 0).map(|(saying, nodes)| (saying, *nodes))
    }

    /// The positions of nodes of which something is said that passes a test, in order.
    pub fn positions<'a>(&'a self, test: impl Fn(&S) -> bool) -> impl Iterator<Item = usize> + 'a {
        let passes: Vec<bool> = self.all.iter().map(|(saying, _)| test(saying)).collect();
        let of = self.of.iter().enumerate().filter(|(_, which)| **which > 0);
        of.filter(move |(_, which)| passes[**which as usize - 1]).map(|(at, _)| at)
    }

    /// Says of a node what `is_it` recognizes, or else what `make` makes.
    pub fn say(&mut self, node: usize, is_it: impl Fn(&S) -> bool, make: impl FnOnce() -> S) {
        self.silence(node);
        let known = self.all.iter().position(|(saying, _)| is_it(saying));
        let which = known.unwrap_or_else(|| {
            let unused = self.all.iter().position(|(_, nodes)| *nodes == 0);
            let which = unused.unwrap_or(self.all.len());
            match self.all.get_mut(which) {
                Some(place) => *place = (make(), 0),
                None => self.all.push((make(), 0)),
            }
            which
        });
        self.all[which].1 += 1;
        if self.of.len() <= node {
            self.of.resize(node + 1, 0);
        }
        self.of[node] = which as u32 + 1;
    }

    /// Says nothing of a node any more.
    pub fn silence(&mut self, node: usize) {
        let Some(which) = self.of.get_mut(node) else { return };
        if let Some(before) = (*which as usize).checked_sub(1) {
            self.all[before].1 -= 1;
            *which = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(sayings: &mut Sayings<&'static str>, node: usize, what: &'static str) {
        sayings.say(node, |known| *known == what, || what);
    }

    #[test]
    fn each_saying_is_kept_once_with_its_nodes() {
        let mut sayings = Sayings::default();
        [(0, "a"), (2, "b"), (3, "a"), (0, "b")].into_iter().for_each(|(node, what)| say(&mut sayings, node, what));
        assert_eq!(sayings.each().collect::<Vec<_>>(), [(&"a", 1), (&"b", 2)]);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|node| sayings.at(node).copied()),
            [Some("b"), None, Some("b"), Some("a"), None]
        );
        assert_eq!(sayings.positions(|what| *what == "b").collect::<Vec<_>>(), [0, 2]);
        sayings.silence(3);
        sayings.silence(9);
        say(&mut sayings, 1, "c");
        assert_eq!(
            sayings.each().collect::<Vec<_>>(),
            [(&"c", 1), (&"b", 2)],
            "the place of what nobody says is used again"
        );
        assert_eq!(sayings.all.len(), 2);
    }
}
