//! What changes left at one place (a key, a map), kept per chain, and what of it a past shows.

use crate::clock::Clock;

/// Entries of one place. Per chain they ascend by seq, because chains only grow at their end.
#[derive(Default)]
pub struct History<T> {
    lines: Vec<(u32, Vec<(u32, T)>)>,
}

impl<T> History<T> {
    /// Notes what the change (`chain`, `seq`) left here. It is the newest of its chain.
    pub fn push(&mut self, chain: u32, seq: u32, left: T) {
        match self.lines.iter_mut().find(|line| line.0 == chain) {
            Some(line) => line.1.push((seq, left)),
            None => self.lines.push((chain, vec![(seq, left)])),
        }
    }

    /// Takes the newest entry of `chain` away again; true when nothing is left at all.
    pub fn pop(&mut self, chain: u32) -> bool {
        if let Some(at) = self.lines.iter().position(|line| line.0 == chain) {
            self.lines[at].1.pop();
            if self.lines[at].1.is_empty() {
                self.lines.remove(at);
            }
        }
        self.lines.is_empty()
    }

    /// The newest entry of each chain within `past`: (chain, seq, entry).
    ///
    /// What a change left here already says what of its own past it left standing, so older entries
    /// of the same chain need no look.
    pub fn newest(&self, past: &Clock) -> Vec<(u32, u32, &T)> {
        let mut found = Vec::new();
        for (chain, entries) in &self.lines {
            let last = past.get(*chain);
            let within = entries.partition_point(|entry| entry.0 <= last);
            if within > 0 {
                let (seq, left) = &entries[within - 1];
                found.push((*chain, *seq, left));
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newest_of_each_chain_within_a_past() {
        let mut history = History::default();
        history.push(0, 1, "a");
        history.push(0, 4, "b");
        history.push(7, 2, "c");
        let mut past = Clock::default();
        past.raise(0, 3);
        assert_eq!(history.newest(&past), [(0, 1, &"a")]);
        past.raise(0, 4);
        past.raise(7, 9);
        assert_eq!(history.newest(&past), [(0, 4, &"b"), (7, 2, &"c")]);
        assert!(!history.pop(0));
        assert!(!history.pop(0));
        assert!(history.pop(7));
    }
}
