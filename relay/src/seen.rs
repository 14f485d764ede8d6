//! Which messages have come already: a client that does not know whether one has arrived sends it again.

use std::collections::VecDeque;

use tickwire_protocol::MessageId;

/// Ids that are remembered of one sender. Clients send again what was not acknowledged, which is what came last.
const REMEMBERED: usize = 256;

/// The ids of a sender's last messages.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    ids: VecDeque<MessageId>,
}

impl Seen {
    /// Whether a message of this id has come.
    pub(crate) fn contains(&self, id: &str) -> bool {
        self.ids.iter().rev().any(|seen| seen == id)
    }

    /// One has come.
    pub(crate) fn insert(&mut self, id: MessageId) {
        if self.ids.len() == REMEMBERED {
            self.ids.pop_front();
        }
        self.ids.push_back(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_remembered() {
        let mut seen = Seen::default();
        (0..300).for_each(|id| seen.insert(id.to_string()));
        assert!(seen.contains("299") && seen.contains("44"));
        assert!(!seen.contains("43") && !seen.contains("300"));
    }
}
