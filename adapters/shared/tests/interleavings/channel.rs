//! A channel for one message, as tokio's `oneshot` and std's `sync_channel(1)` are for the adapters.

use loom::sync::{Arc, Condvar, Mutex};

use crate::turns::{Handed, Wake};

pub(crate) struct Waker(Arc<Slot>);
pub(crate) struct Waiter(Arc<Slot>);

struct Slot {
    content: Mutex<Content>,
    changed: Condvar,
}

enum Content {
    Nothing,
    Message(Handed<Waker>),
    /// The waker went without a word: nobody will ever end this wait.
    Forgotten,
    /// Nobody waits any more.
    Left,
}

pub(crate) fn channel() -> (Waker, Waiter) {
    let slot = Arc::new(Slot {
        content: Mutex::new(Content::Nothing),
        changed: Condvar::new(),
    });
    (Waker(Arc::clone(&slot)), Waiter(slot))
}

impl Wake for Waker {
    fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> {
        let mut content = self.0.content.lock().unwrap();
        if matches!(*content, Content::Left) {
            return Err(handed);
        }
        *content = Content::Message(handed);
        drop(content);
        self.0.changed.notify_one();
        Ok(())
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        let mut content = self.0.content.lock().unwrap();
        if matches!(*content, Content::Nothing) {
            *content = Content::Forgotten;
            self.0.changed.notify_one();
        }
    }
}

impl Waiter {
    pub(crate) fn wait(self) -> Handed<Waker> {
        let mut content = self.0.content.lock().unwrap();
        while matches!(*content, Content::Nothing) {
            content = self.0.changed.wait(content).unwrap();
        }
        let came = std::mem::replace(&mut *content, Content::Left);
        drop(content);
        match came {
            Content::Message(handed) => handed,
            Content::Nothing | Content::Forgotten | Content::Left => panic!("a lost wake-up"),
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // What came too late is dropped once the channel is unlocked, as with both real ones.
        let late = std::mem::replace(&mut *self.0.content.lock().unwrap(), Content::Left);
        drop(late);
    }
}
