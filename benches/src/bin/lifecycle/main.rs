//! How many whole lifecycles a second a store carries, and how that compares with the bare driver writing the same rows.
//!
//! `cargo run --release -p tracemem-benches --bin lifecycle -- --help` says what can be measured; `docs/PERFORMANCE.md` says
//! what came of it.

mod capture;
mod floor;
mod host;
mod options;
mod place;
mod remote;
mod report;
mod workload;

use std::{
    error::Error,
    process::{Command, ExitCode},
};

use tokio::runtime::Runtime;

use self::options::{Asked, Beside, HELP, Options, Role, StoreKind};

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("lifecycle: {wrong}");
            return ExitCode::from(2);
        }
    };
    let Err(failed) = run(options) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("lifecycle: {failed}");
    let mut cause = failed.source();
    while let Some(deeper) = cause {
        eprintln!("  because: {deeper}");
        cause = deeper.source();
    }
    ExitCode::FAILURE
}

fn run(options: Options) -> Result<(), Failed> {
    let runtime = Runtime::new()?;
    match options.role {
        Role::Measure => measure(&runtime, options),
        Role::Approver => runtime.block_on(remote::approve_all(&options)),
        Role::Floor => {
            let steps = runtime.block_on(capture::steps(options.workload))?;
            let measured = floor::measure(&runtime, &options, &steps)?;
            println!("{}", measured.line("floor", &options)?);
            Ok(())
        }
        Role::Fill => {
            let steps = runtime.block_on(capture::steps(options.workload))?;
            floor::fill(&runtime, &options, &steps)
        }
    }
}

fn measure(runtime: &Runtime, mut options: Options) -> Result<(), Failed> {
    // Not in the system's temporary folder, which may be no disk at all.
    let folder = tempfile::tempdir_in(".")?;
    let of_its_own = |options: &Options, name: &str| {
        let is = |kind| options.store == kind;
        let file = is(StoreKind::Sqlite).then(|| folder.path().join(name).with_extension("db"));
        let schema =
            is(StoreKind::Postgres).then(|| format!("tracemem_{name}_{}", std::process::id()));
        (file, schema)
    };
    let (file, schema) = of_its_own(&options, "bench");
    (options.file, options.schema) = (options.file.take().or(file), schema);
    let store = measure_store(runtime, &options);
    store.and(runtime.block_on(place::remove(&options)))?;
    if options.beside == Beside::Floor {
        let (file, schema) = of_its_own(&options, "floor");
        let options = Options {
            role: Role::Floor,
            preload: 0,
            file,
            schema,
            ..options
        };
        let floor = runtime
            .block_on(place::make_tables(&options))
            .and_then(|()| child(&options));
        floor.and(runtime.block_on(place::remove(&options)))?;
    }
    Ok(())
}

fn measure_store(runtime: &Runtime, options: &Options) -> Result<(), Failed> {
    if options.preload > 0 {
        runtime.block_on(place::make_tables(options))?;
        child(&Options {
            role: Role::Fill,
            ..options.clone()
        })?;
    }
    let measured = runtime.block_on(async {
        let tracemem = host::host(place::open(options).await?)?;
        let measured = workload::run(&tracemem, options).await?;
        tracemem.close().await?;
        Ok::<_, Failed>(measured)
    })?;
    println!("{}", measured.line("tracemem", options)?);
    Ok(())
}

/// Runs this program in another role, and waits until it has ended.
fn child(options: &Options) -> Result<(), Failed> {
    let ended = Command::new(std::env::current_exe()?)
        .args(options.arguments())
        .status()?;
    if ended.success() {
        Ok(())
    } else {
        Err(format!("the {} ended with {ended}", options.role).into())
    }
}
