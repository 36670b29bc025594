//! The task of a store: its writers, and who learns and tells of commits. It ends with the last handle, or with `close`.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
};

use super::{PostgresOptions, PostgresStore, listener::Listener, teller::Teller, writer::Writer};
use crate::{
    calls::Calls,
    queue::{Groups, Queue},
    sql::schema_name::PlacedPool,
    watchers::Watchers,
};

/// Whose pool it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    /// The store closes it, and its writers keep their connections.
    Ours,
    /// The host closes it, and gets each connection back at once.
    Hosts,
}

/// How long reads under way may delay the end.
const GRACE: Duration = Duration::from_millis(250);

/// Starts the task and gives the handle on it.
pub(super) fn start(options: &PostgresOptions, db: PlacedPool, pool: Pool) -> PostgresStore {
    let (queue, waiting) = Queue::new();
    let (running, ended) = watch::channel(());
    let watchers = Arc::new(Watchers::default());
    let listener = Listener::new(db.clone(), watchers.clone(), options.news);
    let process = listener.process();
    let teller = Arc::new(Teller::new(db.clone(), options.news));
    let groups = Arc::new(Mutex::new(Groups::new(waiting, options.group)));
    let writers: Vec<Writer> = (0..options.writers.get())
        .map(|_| Writer::new(&db, pool, &process, &groups, &watchers, &teller))
        .collect();
    let calls = Calls {
        queue,
        reading: db.clone(),
        watchers,
        ended,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "the writers own their connections, so that what a caller has asked for is written wholly or not at all whether or \
                  not the caller is still there (a `begin` that is dropped midway leaves a connection inside a transaction, \
                  sqlx#4393); the task ends with the last handle, or with `close`"
    )]
    tokio::spawn(async move {
        run(writers, listener, teller).await;
        if pool == Pool::Ours {
            // Who reads now may finish, but a caller that holds a future and does not poll it holds a connection too.
            let _ = tokio::time::timeout(GRACE, db.pool.close()).await;
        }
        if let Some(groups) = Arc::into_inner(groups) {
            groups.into_inner().refuse_rest();
        }
        drop(running);
    });
    PostgresStore::new(calls)
}

/// Returns when the queue is closed, or nobody has its other end, and it is empty and written.
async fn run(writers: Vec<Writer>, mut listener: Listener, teller: Arc<Teller>) {
    let mut writing = JoinSet::new();
    for writer in writers {
        writing.spawn(writer.run());
    }
    let written = async {
        while writing.join_next().await.is_some() {}
        teller.tell_rest().await;
    };
    tokio::select! {
        () = written => {}
        () = listener.run() => {}
        () = teller.run() => {}
    }
    listener.close().await;
}
