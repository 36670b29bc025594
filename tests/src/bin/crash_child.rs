//! A host that can be killed: it does the [`Task`] that its only argument is, and talks to the test that started it.

use std::sync::Arc;

use tracemem_tests::{
    Outcome, carrying, chain,
    host::Host,
    jobs,
    protocol::{Task, Work},
    serving,
};

fn main() -> std::process::ExitCode {
    match run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("crash_child: {}", chain(error.as_ref()));
            std::process::ExitCode::FAILURE
        }
    }
}

fn run() -> Outcome {
    let argument = std::env::args().nth(1);
    let argument =
        argument.ok_or("the only argument is a task, as JSON; tests start this program")?;
    let task: Task = serde_json::from_str(&argument)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(work(task))
}

async fn work(task: Task) -> Outcome {
    if task.work == Work::Lock {
        return serving::lock(&task).await;
    }
    let host = Arc::new(Host::open(task).await?);
    match &host.task.work {
        Work::Carry => carrying::carry(&host).await,
        Work::Resolve => carrying::resolve(&host).await,
        Work::Race => serving::race(&host).await,
        Work::Wait(decision) => serving::wait(&host, decision).await,
        Work::Deliver => serving::deliver(&host).await,
        Work::Serve => serving::serve(&host).await,
        Work::WorkOff {
            jobs,
            at_once,
            from,
        } => jobs::work_off(&host, *jobs, *at_once, *from).await,
        Work::Lock => serving::lock(&host.task).await,
    }
}
