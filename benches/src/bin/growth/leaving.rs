//! Archiving everything that is closed, and what is left then.

use std::{
    convert::Infallible,
    fs::{self, File},
    io::BufReader,
    path::Path,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::time::Instant;
use tracemem_sdk::{
    archive::{ArchiveFolder, ArchiveReader, ArchiveTerms},
    guard::{EffectError, Safety},
};

use super::{
    Failed,
    host::{self, Size},
    place::Place,
};

/// Archives, and gives a line about it.
pub(crate) async fn archive(place: &Place, folder: &Path) -> Result<Value, Failed> {
    let files = folder.join("archive");
    fs::create_dir(&files)?;
    let sink = ArchiveFolder::new(&files);
    let terms = ArchiveTerms::closed_for(Duration::ZERO);
    let begun = Instant::now();
    let mut told = 0;
    let archived = place
        .host
        .archive(&host::TENANT.parse()?, terms, &sink, |progress| {
            if progress.moved >= told + 100_000 {
                told = progress.moved;
                let rate = told as f64 / begun.elapsed().as_secs_f64();
                eprintln!("growth: {told} archived, {rate:.0} a second");
            }
        })
        .await?;
    let time = begun.elapsed();
    let mut bytes = 0;
    for file in fs::read_dir(&files)? {
        bytes += file?.metadata()?.len();
    }
    let (verified, verifying) = match archived.files.last() {
        Some(last) => verify(&files.join(&last.name))?,
        None => (0, Duration::ZERO),
    };
    Ok(json!({
        "measured": "archive",
        "moved": archived.moved,
        "files": archived.files.len(),
        "per_s": (archived.moved as f64 / time.as_secs_f64()).round(),
        "file_bytes_per_decision": (bytes as f64 / archived.moved.max(1) as f64).round(),
        "last_file_verified": verified,
        "verified_per_s": (verified as f64 / verifying.as_secs_f64()).round(),
    }))
}

/// Reads a file as a verifier does, and says how many decisions hold in how long.
fn verify(file: &Path) -> Result<(u64, Duration), Failed> {
    let begun = Instant::now();
    let mut verified = 0;
    for trace in ArchiveReader::new(BufReader::new(File::open(file)?))? {
        trace?;
        verified += 1;
    }
    Ok((verified, begun.elapsed()))
}

/// Delivers the first decision again, and gives a line about what came of it.
pub(crate) async fn redeliver(place: &Place) -> Result<Value, Failed> {
    let mut ran = false;
    let agent = host::agent(&place.host, 0)?;
    let again = agent
        .guard(host::stored(0, Size::Small)?, Safety::Opaque)
        .run(async |permit| {
            ran = true;
            Ok::<_, EffectError<Infallible>>(permit.executed("re_2"))
        })
        .await;
    let mut told = Vec::new();
    if let Err(error) = &again {
        told.push(error.to_string());
        let mut cause = std::error::Error::source(error);
        while let Some(deeper) = cause {
            told.push(deeper.to_string());
            cause = deeper.source();
        }
    }
    Ok(json!({"measured": "redelivery", "ran": ran, "told": told}))
}
