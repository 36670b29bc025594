//! What a store full of decisions does as well as an empty one, what it does not, and how large it is.
//!
//! `cargo run --release -p tracemem-benches --bin growth -- --help` says what can be measured; `docs/SCALING.md` says what came of
//! it.

mod copying;
mod host;
mod leaving;
mod options;
mod place;
mod reads;
mod traffic;

use std::{error::Error, path::Path, process::ExitCode};

use serde_json::{Value, json};

use self::{
    options::{Asked, HELP, Options, Then},
    place::Place,
};

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Asked::Run(options)) => options,
        Ok(Asked::Help) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("growth: {wrong}");
            return ExitCode::from(2);
        }
    };
    let Err(failed) = run(&options) else {
        return ExitCode::SUCCESS;
    };
    eprintln!("growth: {failed}");
    let mut cause = failed.source();
    while let Some(deeper) = cause {
        eprintln!("  because: {deeper}");
        cause = deeper.source();
    }
    ExitCode::FAILURE
}

fn run(options: &Options) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    // Not in the system's temporary folder, which may be no disk at all.
    let folder = tempfile::tempdir_in(&options.folder)?;
    runtime.block_on(async {
        let full = Place::make(options, folder.path(), "full").await?;
        let measured = measure(options, folder.path(), &full).await;
        measured.and(full.remove().await)
    })
}

async fn measure(options: &Options, folder: &Path, full: &Place) -> Result<(), Failed> {
    let decisions = fill(options, full).await?;
    print(options, size(full, "full", decisions).await?);
    rates(options, folder, full).await?;
    read(options, folder, full).await?;
    match options.then {
        Then::Nothing => Ok(()),
        Then::Archive => archive(options, folder, full).await,
    }
}

/// Fills the store, and gives how many closed decisions it holds.
async fn fill(options: &Options, full: &Place) -> Result<u64, Failed> {
    let genuine = options.genuine;
    let filled = traffic::fill(&full.host, genuine, |number, rate| {
        eprintln!("growth: {number} decisions, {rate:.0} a second");
    });
    let time = filled.await?;
    let per_s = (genuine as f64 / time.as_secs_f64()).round();
    let open = genuine.div_ceil(traffic::OPEN_EVERY);
    let copies = options.decisions.div_ceil(genuine).saturating_sub(1);
    if copies > 0 {
        eprintln!("growth: copying them {copies} times");
        full.copy(copies).await?;
    }
    let each = copies + 1;
    print(
        options,
        json!({"measured": "fill", "genuine": genuine, "per_s": per_s, "decisions": genuine * each, "open": open * each}),
    );
    Ok(genuine * each)
}

/// The rate on an empty store and on the full one, by turns, and each time in the other order: the machine may be busy with other
/// things for a while.
async fn rates(options: &Options, folder: &Path, full: &Place) -> Result<(), Failed> {
    let mut shares = Vec::new();
    for round in 1..=options.rounds.get() {
        let name = format!("round{round}");
        let empty = Place::make(options, folder, &name).await?;
        let (first, second) = if round % 2 == 1 {
            (&empty, full)
        } else {
            (full, &empty)
        };
        let first = traffic::rate(&first.host, &name, options.time).await?;
        let second = traffic::rate(&second.host, &name, options.time).await?;
        let (on_empty, on_full) = if round % 2 == 1 {
            (first, second)
        } else {
            (second, first)
        };
        empty.remove().await?;
        let share = on_full / on_empty;
        shares.push(share);
        print(
            options,
            json!({
                "measured": "w1",
                "round": round,
                "empty_per_s": on_empty.round(),
                "full_per_s": on_full.round(),
                "share": hundredths(share),
            }),
        );
    }
    shares.sort_by(f64::total_cmp);
    let median = shares.get(shares.len() / 2).copied().map(hundredths);
    print(
        options,
        json!({"measured": "share", "rounds": shares.len(), "median": median}),
    );
    Ok(())
}

/// How many decisions a store holds that the full one is compared with.
const FEW: u64 = 1_000;

async fn read(options: &Options, folder: &Path, full: &Place) -> Result<(), Failed> {
    let small = Place::make(options, folder, "small").await?;
    traffic::fill(&small.host, FEW, |_, _| {}).await?;
    let lines = reads::measure(&small, "small").await;
    small.remove().await?;
    for line in lines?
        .into_iter()
        .chain(reads::measure(full, "full").await?)
    {
        print(options, line);
    }
    Ok(())
}

async fn archive(options: &Options, folder: &Path, full: &Place) -> Result<(), Failed> {
    let line = leaving::archive(full, folder).await?;
    let moved = line.get("moved").and_then(Value::as_u64).unwrap_or(0);
    print(options, line);
    print(options, leaving::redeliver(full).await?);
    print(options, size(full, "archived", moved).await?);
    full.compact().await?;
    print(options, size(full, "compacted", moved).await?);
    Ok(())
}

/// A line about how large a store is, by decision.
async fn size(place: &Place, when: &str, decisions: u64) -> Result<Value, Failed> {
    let sizes = place.sizes().await?;
    let all: u64 = sizes.iter().map(|(_, bytes)| bytes).sum();
    let each = |bytes: u64| (bytes as f64 / decisions.max(1) as f64).round();
    let objects: serde_json::Map<String, Value> = sizes
        .into_iter()
        .map(|(name, bytes)| (name, json!(each(bytes))))
        .collect();
    Ok(json!({
        "measured": "size",
        "when": when,
        "bytes": all,
        "bytes_per_decision": each(all),
        "objects": objects,
    }))
}

fn hundredths(share: f64) -> f64 {
    (share * 100.0).round() / 100.0
}

fn print(options: &Options, mut line: Value) {
    if let Some(line) = line.as_object_mut() {
        line.insert("store".to_owned(), json!(options.store.to_string()));
        line.insert("version".to_owned(), json!(env!("CARGO_PKG_VERSION")));
    }
    println!("{line}");
}
