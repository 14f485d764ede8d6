//! The connections that have not shown a valid token: when there are too many, the oldest has to go. So a crowd of silent ones can't keep
//! anyone out: who has a token shows it within a few round trips.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// All of them.
#[derive(Debug)]
pub(crate) struct Strangers {
    capacity: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// By age.
    strangers: BTreeMap<u64, Arc<Notify>>,
    /// Nobody may stay any more.
    over: bool,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Stranger {
    strangers: Arc<Strangers>,
    number: u64,
    ousted: Arc<Notify>,
}

impl Strangers {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: Mutex::default() }
    }

    /// One more; if they are too many, the oldest is ousted.
    pub(crate) fn admit(self: &Arc<Self>) -> Stranger {
        let mut waiting = self.waiting();
        if waiting.strangers.len() >= self.capacity {
            waiting.strangers.pop_first().into_iter().for_each(|(_, oldest)| oldest.notify_one());
        }
        let number = waiting.next;
        waiting.next += 1;
        let ousted = Arc::new(Notify::new());
        if waiting.over {
            ousted.notify_one();
        }
        waiting.strangers.insert(number, ousted.clone());
        Stranger { strangers: self.clone(), number, ousted }
    }

    /// Nobody stays from now on: the relay ends.
    pub(crate) fn oust_all(&self) {
        let mut waiting = self.waiting();
        waiting.over = true;
        waiting.strangers.values().for_each(|stranger| stranger.notify_one());
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it holds the strangers")
    }
}

impl Stranger {
    /// Tells when it has to go.
    pub(crate) fn ousted(&self) -> Arc<Notify> {
        self.ousted.clone()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.strangers.waiting().strangers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn is_ousted(stranger: &Stranger) -> bool {
        stranger.ousted().notified().now_or_never().is_some()
    }

    #[test]
    fn the_oldest_goes_first() {
        let strangers = Arc::new(Strangers::new(2));
        let first = strangers.admit();
        let second = strangers.admit();
        assert!(!is_ousted(&first));
        let third = strangers.admit();
        assert!(is_ousted(&first));
        drop((first, second));
        let fourth = strangers.admit();
        assert!(!is_ousted(&third) && !is_ousted(&fourth));
    }

    #[test]
    fn all_go_at_the_end_whenever_they_came() {
        let strangers = Arc::new(Strangers::new(2));
        let early = strangers.admit();
        strangers.oust_all();
        assert!(is_ousted(&early) && is_ousted(&strangers.admit()));
    }
}
