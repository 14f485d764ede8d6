//! The connections that have not shown a valid token: when there are too many, the oldest has to go. So a crowd of silent ones can't keep
//! anyone out: who has a token shows it within a few round trips. Nor can it pile up those that have to go: the next is accepted when few
//! are on their way out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

/// All of them.
#[derive(Debug)]
pub(crate) struct Strangers {
    capacity: usize,
    waiting: Mutex<Waiting>,
    /// An ousted one has gone.
    parted: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// By age.
    strangers: BTreeMap<u64, Arc<Notify>>,
    /// Have shown a token, and go at the end alone.
    known: BTreeMap<u64, Arc<Notify>>,
    /// Ousted, and not gone yet.
    leaving: usize,
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
        Self { capacity, waiting: Mutex::default(), parted: Notify::new() }
    }

    /// One more; if they are too many, the oldest is ousted.
    pub(crate) fn admit(self: &Arc<Self>) -> Stranger {
        let mut waiting = self.waiting();
        if waiting.strangers.len() >= self.capacity {
            let oldest = waiting.strangers.pop_first();
            waiting.leaving += usize::from(oldest.is_some());
            oldest.into_iter().for_each(|(_, oldest)| oldest.notify_one());
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

    /// Waits while more than a sixteenth of those that may stay are on their way out: who accepts a storm of connections must not outrun the
    /// threads that end them.
    pub(crate) async fn thinned(&self) {
        loop {
            let parted = self.parted.notified();
            if self.waiting().leaving <= self.capacity / 16 {
                return;
            }
            parted.await;
        }
    }

    /// Nobody stays from now on: the relay ends.
    pub(crate) fn oust_all(&self) {
        let mut waiting = self.waiting();
        waiting.over = true;
        waiting.strangers.values().chain(waiting.known.values()).for_each(|stranger| stranger.notify_one());
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().expect("nothing panics while it holds the strangers")
    }
}

impl Stranger {
    /// It has shown a token, and makes way for nobody; nothing happens if it was ousted before.
    pub(crate) fn vouched(&self) {
        let mut waiting = self.strangers.waiting();
        if let Some(ousted) = waiting.strangers.remove(&self.number) {
            waiting.known.insert(self.number, ousted);
        }
    }

    /// Tells when it has to go.
    pub(crate) fn ousted(&self) -> Arc<Notify> {
        self.ousted.clone()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut waiting = self.strangers.waiting();
        let stayed = waiting.strangers.remove(&self.number).or_else(|| waiting.known.remove(&self.number));
        if stayed.is_none() {
            waiting.leaving -= 1;
            self.strangers.parted.notify_waiters();
        }
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
    fn the_next_waits_for_those_on_their_way_out() {
        let strangers = Arc::new(Strangers::new(16));
        let mut here: Vec<Stranger> = (0..17).map(|_| strangers.admit()).collect();
        assert!(strangers.thinned().now_or_never().is_some());
        here.push(strangers.admit());
        let mut thinned = Box::pin(strangers.thinned());
        assert!(thinned.as_mut().now_or_never().is_none());
        // The newest has nothing to do with it.
        here.pop();
        assert!(thinned.as_mut().now_or_never().is_none());
        here.remove(0);
        assert!(thinned.now_or_never().is_some());
    }

    #[test]
    fn who_has_shown_a_token_makes_way_for_nobody() {
        let strangers = Arc::new(Strangers::new(2));
        let known = strangers.admit();
        known.vouched();
        let others = [strangers.admit(), strangers.admit(), strangers.admit()];
        assert!(!is_ousted(&known) && is_ousted(&others[0]) && !is_ousted(&others[1]));
        others[0].vouched();
        drop((known, others));
        let waiting = strangers.waiting();
        assert!(waiting.leaving == 0 && waiting.known.is_empty());
    }

    #[test]
    fn all_go_at_the_end_whenever_they_came() {
        let strangers = Arc::new(Strangers::new(2));
        let (early, known) = (strangers.admit(), strangers.admit());
        known.vouched();
        strangers.oust_all();
        assert!(is_ousted(&early) && is_ousted(&known) && is_ousted(&strangers.admit()));
    }
}
