//! An integration that writes what it delivers into a file, one line per hand-over, so that several processes can be counted.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use tracemem_sdk::{
    approval::ApprovalMessage,
    id::IntegrationId,
    integration::{Conclusion, Delivery, DeliveryError, DeliveryErrorKind, Integration},
    route::Destination,
};

use crate::{
    Outcome,
    arrow::Arrow,
    gates::Gates,
    target::{append, read_lines},
};

/// Delivers into `notices` in a folder.
#[derive(Debug)]
pub struct Notices {
    id: IntegrationId,
    file: PathBuf,
    gates: Gates,
}

/// One hand-over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Which delivery.
    pub delivery: String,
    /// Which attempt of it.
    pub attempt: u32,
    /// By which process.
    pub process: u32,
}

impl Notices {
    /// Delivers into the folder `dir`.
    #[must_use]
    pub fn new(id: IntegrationId, dir: &Path, gates: Gates) -> Self {
        let file = file_in(dir);
        Self { id, file, gates }
    }
}

fn file_in(dir: &Path) -> PathBuf {
    dir.join("notices")
}

/// What was handed over in the folder `dir`, in order.
///
/// # Errors
/// Where the file cannot be read.
pub fn handed_over(dir: &Path) -> Outcome<Vec<Notice>> {
    let lines = read_lines(&file_in(dir))?;
    let notice = |line: &String| {
        let mut words = line.split(' ');
        Some(Notice {
            delivery: words.next()?.to_owned(),
            attempt: words.next()?.parse().ok()?,
            process: words.next()?.parse().ok()?,
        })
    };
    let notices: Option<Vec<Notice>> = lines.iter().map(notice).collect();
    notices.ok_or_else(|| "a line of the notices is torn".into())
}

fn failed(source: crate::Fault) -> DeliveryError {
    DeliveryError::new(DeliveryErrorKind::Ambiguous, source.to_string())
}

#[async_trait]
impl Integration for Notices {
    fn id(&self) -> IntegrationId {
        self.id.clone()
    }

    async fn deliver(
        &self,
        message: &ApprovalMessage,
        to: &Destination,
    ) -> Result<Delivery, DeliveryError> {
        self.gates.reach(Arrow::Leased).map_err(failed)?;
        let (delivery, attempt) = (&message.delivery, message.attempt);
        let line = format!("{delivery} {attempt} {}", std::process::id());
        append(&self.file, &line).map_err(|error| failed(error.into()))?;
        self.gates.reach(Arrow::HandedOver).map_err(failed)?;
        Ok(Delivery::of(message, to, delivery.as_str()))
    }

    async fn conclude(&self, _conclusion: &Conclusion) -> Result<(), DeliveryError> {
        Ok(())
    }

    async fn resolve(&self, _to: &Destination) -> Result<Option<Destination>, DeliveryError> {
        Ok(None)
    }

    async fn check(&self) -> Result<(), DeliveryError> {
        Ok(())
    }
}
