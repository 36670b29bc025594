//! The quickstart: one decision from proposal to closed record, with a real human in the middle, surviving a kill at any moment.
//!
//! `cargo run --example quickstart -- --help` says what it does and what can be asked of it. To read it, begin with `booking` and
//! `discount`: that is what a host writes. `desk` is what a host sets up once; `ledger` stands for the system that is changed; `answering` plays
//! the human for `--auto`; the rest is command line, files and tables.

mod answering;
mod booking;
mod desk;
mod discount;
mod folder;
mod kill;
mod ledger;
mod options;
mod report;
mod serving;
mod table;
mod voice;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use tokio::sync::oneshot;
use tracemem_sdk::{
    decision::{Handles, Trace},
    id::DecisionId,
};

use self::{
    booking::Booking,
    desk::Desk,
    discount::Discount,
    folder::Folder,
    kill::Kill,
    ledger::Ledger,
    options::{Asked, HELP, Options, Report},
    report::Summary,
    voice::Voice,
};

/// Whatever went wrong; this program only says it. A host that acts on errors matches on their own types.
pub(crate) type Failure = Box<dyn Error + Send + Sync>;

const WRONG_COMMAND_LINE: u8 = 2;
const INTERRUPTED: u8 = 130;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Asked::parse(std::env::args_os().skip(1)) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help) => {
            return match io::stdout().write_all(HELP.as_bytes()) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => failed(&error),
            };
        }
        Err(error) => {
            eprintln!("quickstart: {error}; `--help` lists the options");
            return ExitCode::from(WRONG_COMMAND_LINE);
        }
    };
    match run(&options).await {
        Ok(Some(finished)) => match show(&options, &finished) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(error.as_ref()),
        },
        Ok(None) => {
            eprintln!("quickstart: interrupted; run the same command again to go on");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => failed(error.as_ref()),
    }
}

/// A decision as it stands at the end.
struct Finished {
    trace: Trace,
    handles: Handles,
}

/// Opens everything, does the job while the page is served, and closes everything, whatever came of it. `None` where it was
/// interrupted.
async fn run(options: &Options) -> Result<Option<Finished>, Failure> {
    let folder = Folder::open(&options.dir).map_err(|error| {
        format!(
            "`{}` cannot be used as a folder: {error}",
            options.dir.display()
        )
    })?;
    let (listener, address) = serving::listen().await?;
    let desk = Desk::open(&folder, &options.approver, address).await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let worker = desk.tracemem.spawn_worker(async {
        // A sender that is gone means the same.
        let _ = stopped.await;
    });
    let booking = Booking {
        desk: &desk,
        discount: Discount::of_request()?,
        ledger: Ledger::new(folder.clone()),
        kill: Kill::new(options.kill_at, folder),
        answering: options.answering,
        voice: Voice::new(options.report),
    };
    let router = desk.page().into_router();
    let done = tokio::select! {
        done = serving::serve_while(listener, router, booking.run()) => done.map(Some),
        interrupted = tokio::signal::ctrl_c() => interrupted.map(|()| None).map_err(Failure::from),
    };
    drop(stop);
    let worked = worker.await;
    let finished = match done {
        Ok(Some(decision)) => read(&desk, &decision).await.map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let closed = desk.tracemem.close().await;
    let finished = finished?;
    worked??;
    closed?;
    Ok(finished)
}

async fn read(desk: &Desk, decision: &DecisionId) -> Result<Finished, Failure> {
    let auditor = desk.tenant.auditor();
    Ok(Finished {
        trace: auditor.trace(decision).await?,
        handles: auditor.handles(decision).await?,
    })
}

/// Shows the trace and the handles, and writes what was asked for. The JSON line comes last.
fn show(options: &Options, finished: &Finished) -> Result<(), Failure> {
    let Finished { trace, handles } = finished;
    let voice = Voice::new(options.report);
    voice.say(format!(
        "\n{}\n\n{}",
        table::of_trace(trace),
        table::of_handles(handles)?
    ));
    if let Some(out) = &options.out {
        report::write(out, trace).map_err(|error| format!("`{}`: {error}", out.display()))?;
    }
    match options.report {
        Report::People => {}
        Report::Json => {
            let line = serde_json::to_string(&Summary::of(trace))?;
            writeln!(io::stdout(), "{line}")?;
        }
    }
    Ok(())
}

fn failed(error: &(dyn Error + 'static)) -> ExitCode {
    eprintln!("quickstart: {}", chain(error));
    ExitCode::FAILURE
}

/// An error with its causes. Errors of this project do not repeat theirs, so that nothing is said twice.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}
