//! The target of the effect, which counts what really happened to it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tracemem_sdk::{
    guard::{LookupAnswer, Safety},
    testing::FakeClock,
    time::{Clock, Timestamp},
};

use super::model::{Class, KEY_TTL};

#[derive(Debug, Clone)]
pub(crate) struct Target {
    class: Class,
    clock: FakeClock,
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    effects: u64,
    fence: u64,
    known_until: Option<Timestamp>,
}

impl Target {
    pub(crate) fn new(class: Class, clock: FakeClock) -> Self {
        let books = Arc::default();
        Self {
            class,
            clock,
            books,
        }
    }

    pub(crate) fn safety(&self) -> Safety {
        let key_ttl = Duration::from_secs(KEY_TTL);
        match self.class {
            Class::Idempotent => Safety::Idempotent { key_ttl },
            Class::Conditional => Safety::Conditional,
            Class::Opaque => Safety::Opaque,
            Class::Lookup => {
                let asked = self.clone();
                Safety::lookup(move |_| {
                    let happened = asked.effects() > 0;
                    async move {
                        Ok(match happened {
                            true => LookupAnswer::found("re_1"),
                            false => LookupAnswer::absent(),
                        })
                    }
                })
            }
        }
    }

    /// Whether it was done, now or before.
    pub(crate) fn send(&self, fence: u64) -> bool {
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        match self.class {
            Class::Idempotent => {
                if books.known_until.is_none_or(|until| until <= now) {
                    books.effects += 1;
                    books.known_until = Some(now.saturating_add(Duration::from_secs(KEY_TTL)));
                }
                true
            }
            Class::Conditional => {
                let stale = fence < books.fence;
                books.fence = books.fence.max(fence);
                if books.effects == 0 && !stale {
                    books.effects = 1;
                }
                !stale
            }
            Class::Lookup | Class::Opaque => {
                books.effects += 1;
                true
            }
        }
    }

    pub(crate) fn effects(&self) -> u64 {
        self.books
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .effects
    }
}
