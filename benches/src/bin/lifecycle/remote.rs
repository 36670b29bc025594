//! The approver in another process: it is told by a pipe which approval to answer, and tells when it had.

use std::{
    collections::HashMap,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};
use tracemem_sdk::id::ApprovalId;

use super::{
    Failed, host,
    options::{Options, Role},
    place,
    report::now,
};

/// The approver's end of the pipe, for the one who measures.
#[derive(Debug, Clone)]
pub(crate) struct Remote(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    child: tokio::sync::Mutex<(Child, ChildStdin)>,
    asked: Arc<Mutex<HashMap<String, oneshot::Sender<Duration>>>>,
    hearing: JoinHandle<()>,
}

impl Remote {
    /// Starts the process.
    pub(crate) fn start(options: &Options) -> Result<Self, Failed> {
        let options = Options {
            role: Role::Approver,
            ..options.clone()
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args(options.arguments())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (told, says) = (child.stdin.take(), child.stdout.take());
        let (Some(told), Some(says)) = (told, says) else {
            return Err("the approver has no pipes".into());
        };
        let asked = Arc::default();
        let hearing = hear(BufReader::new(says).lines(), Arc::clone(&asked));
        Ok(Self(Arc::new(Shared {
            child: tokio::sync::Mutex::new((child, told)),
            asked,
            hearing,
        })))
    }

    /// Has an approval answered, and tells when the answering call had returned there.
    pub(crate) async fn approve(&self, approval: &ApprovalId) -> Result<Duration, Failed> {
        let (answered, answer) = oneshot::channel();
        let name = approval.to_string();
        lock(&self.0.asked).insert(name.clone(), answered);
        let line = [name.as_str(), "\n"].concat();
        self.0
            .child
            .lock()
            .await
            .1
            .write_all(line.as_bytes())
            .await?;
        answer.await.map_err(|_| "the approver is gone".into())
    }

    /// Ends the process.
    pub(crate) async fn end(self) -> Result<(), Failed> {
        let shared = Arc::into_inner(self.0).ok_or("somebody still asks")?;
        let (mut child, told) = shared.child.into_inner();
        drop(told);
        let ended = child.wait().await?;
        shared.hearing.await?;
        if ended.success() {
            Ok(())
        } else {
            Err(format!("the approver ended with {ended}").into())
        }
    }
}

fn lock<T>(asked: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Each change is one operation on the map, so what a panicking holder left is good.
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

#[expect(
    clippy::disallowed_methods,
    reason = "it hears the child's answers for as long as the child's pipe is open"
)]
fn hear(
    mut says: Lines<BufReader<ChildStdout>>,
    asked: Arc<Mutex<HashMap<String, oneshot::Sender<Duration>>>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Ok(Some(line)) = says.next_line().await {
            let Some((approval, nanos)) = line.split_once(' ') else {
                break;
            };
            let asking = lock(&asked).remove(approval);
            if let (Some(asking), Ok(nanos)) = (asking, nanos.parse()) {
                // Whoever asked may have failed meanwhile.
                let _ = asking.send(Duration::from_nanos(nanos));
            }
        }
        lock(&asked).clear();
    })
}

/// The approver's process: approves what it reads, each at once, and says when each call had returned.
pub(crate) async fn approve_all(options: &Options) -> Result<(), Failed> {
    let tracemem = host::host(place::open(options).await?)?;
    let approver = Arc::new(host::approver(&tracemem)?);
    let mut told = BufReader::new(tokio::io::stdin()).lines();
    let says = Arc::new(tokio::sync::Mutex::new(tokio::io::stdout()));
    let mut answers = JoinSet::new();
    while let Some(approval) = told.next_line().await? {
        let (approver, says) = (Arc::clone(&approver), Arc::clone(&says));
        answers.spawn(async move {
            approver.approve(&approval.parse()?, None).await?;
            let line = format!("{approval} {}\n", now().as_nanos());
            let mut says = says.lock().await;
            says.write_all(line.as_bytes()).await?;
            says.flush().await?;
            Ok::<_, Failed>(())
        });
        while let Some(answered) = answers.try_join_next() {
            answered??;
        }
    }
    while let Some(answered) = answers.join_next().await {
        answered??;
    }
    tracemem.close().await?;
    Ok(())
}
