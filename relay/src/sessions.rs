//! All sessions of a relay: each has a number, and the relay's end reaches them all.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tickwire_protocol::CloseCode;

use crate::link::SessionId;
use crate::outbox::Outbox;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last: SessionId,
    outboxes: HashMap<SessionId, Arc<Outbox>>,
    /// The relay ends.
    over: bool,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Enrolled {
    sessions: Arc<Sessions>,
    pub(crate) id: SessionId,
}

impl Sessions {
    /// One more.
    pub(crate) fn enroll(self: &Arc<Self>, outbox: Arc<Outbox>) -> Enrolled {
        let mut open = self.open();
        if open.over {
            outbox.end(CloseCode::GoingAway, CloseCode::GoingAway.reason());
        }
        open.last += 1;
        let id = open.last;
        open.outboxes.insert(id, outbox);
        Enrolled { sessions: self.clone(), id }
    }

    /// Ends all that are there, and all that come.
    pub(crate) fn end(&self) {
        let mut open = self.open();
        open.over = true;
        open.outboxes.values().for_each(|outbox| outbox.end(CloseCode::GoingAway, CloseCode::GoingAway.reason()));
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().expect("nothing panics while it holds the sessions")
    }
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        self.sessions.open().outboxes.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;
    use crate::form::Form;
    use crate::outbox::{Caps, Sink};

    #[derive(Debug)]
    struct Nowhere;

    impl Sink for Nowhere {
        fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
    }

    fn outbox() -> Arc<Outbox> {
        Arc::new(Outbox::new(Nowhere, Caps { bytes: 64, frames: 4, lag: Duration::from_secs(1), form: Form::Binary }))
    }

    fn is_told_to_end(outbox: &Outbox) -> bool {
        let look = outbox.poll_look(&mut Context::from_waker(Waker::noop()));
        matches!(look, Poll::Ready(look) if look.end.as_ref().is_some_and(|(code, _)| *code == CloseCode::GoingAway))
    }

    #[test]
    fn the_end_reaches_those_who_are_there_and_those_who_come() {
        let sessions = Arc::new(Sessions::default());
        let [gone, there, late] = [outbox(), outbox(), outbox()];
        drop(sessions.enroll(gone.clone()));
        let _there = sessions.enroll(there.clone());
        assert!(!is_told_to_end(&there));
        sessions.end();
        let _late = sessions.enroll(late.clone());
        assert!(is_told_to_end(&there) && is_told_to_end(&late) && !is_told_to_end(&gone));
    }

    #[test]
    fn no_number_is_given_twice() {
        let sessions = Arc::new(Sessions::default());
        let first = sessions.enroll(outbox()).id;
        assert_ne!(sessions.enroll(outbox()).id, first);
    }
}
