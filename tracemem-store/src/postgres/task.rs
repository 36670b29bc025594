//! The task of a store: its writers, and who learns and tells of commits. It ends with the last handle, or with `close`.

use std::{sync::Arc, time::Duration};

use sea_orm::DatabaseConnection;
use tokio::{
    sync::{Mutex, watch},
    task::JoinSet,
};

use super::{PostgresOptions, PostgresStore, listener::Listener, teller::Teller, writer::Writer};
use crate::{
    calls::Calls,
    queue::{Groups, Queue},
    sql::schema_name::{PlacedPool, Texts},
    watchers::Watchers,
};

/// The connections of a store.
pub(super) struct Pools {
    pub(super) whose: Whose,
    pub(super) reading: DatabaseConnection,
    pub(super) writing: DatabaseConnection,
    pub(super) texts: Arc<Texts>,
}

/// Whose pools they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// The store closes them, and its writers keep their connections.
    Ours,
    /// The host closes them, and gets each connection back at once.
    #[cfg(feature = "sea-orm-2")]
    Hosts,
}

/// How long reads under way may delay the end.
const GRACE: Duration = Duration::from_millis(250);

/// Starts the task and gives the handle on it.
pub(super) fn start(options: &PostgresOptions, pools: Pools) -> PostgresStore {
    let Pools {
        whose,
        reading,
        writing,
        texts,
    } = pools;
    let placed = |pool| PlacedPool {
        pool,
        texts: Arc::clone(&texts),
    };
    let (queue, waiting) = Queue::new();
    let (running, ended) = watch::channel(());
    let watchers = Arc::new(Watchers::default());
    let listener = Listener::new(placed(reading.clone()), watchers.clone(), options.news);
    let process = listener.process();
    let teller = Arc::new(Teller::new(placed(writing.clone()), options.news));
    let groups = Arc::new(Mutex::new(Groups::new(waiting, options.group)));
    let writers: Vec<Writer> = (0..options.writers.get())
        .map(|_| Writer {
            db: placed(writing.clone()),
            whose,
            process: Arc::clone(&process),
            connection: None,
            groups: Arc::clone(&groups),
            watchers: Arc::clone(&watchers),
            teller: Arc::clone(&teller),
        })
        .collect();
    let calls = Calls {
        queue,
        reading: placed(reading.clone()),
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
        match whose {
            Whose::Ours => {
                // Who reads now may finish, but a caller that holds a future and does not poll it holds a connection too.
                let _ = tokio::time::timeout(GRACE, reading.close()).await;
                let _ = tokio::time::timeout(GRACE, writing.close()).await;
            }
            #[cfg(feature = "sea-orm-2")]
            Whose::Hosts => {}
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
