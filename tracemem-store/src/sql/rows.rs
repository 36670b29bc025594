//! A row, read column by column in the order of the `SELECT`. What does not read back as what is written there is corrupt.

use std::str::FromStr;

use sea_orm::{QueryResult, TryGetable};
use tracemem_sdk::{evidence::digest::Digest, time::Timestamp};

use super::fault::{Cause, Fault};

/// One row and the column that is read next.
pub(crate) struct Row {
    row: QueryResult,
    column: usize,
}

impl Row {
    pub(crate) fn new(row: QueryResult) -> Self {
        Self { row, column: 0 }
    }

    /// Passes over columns.
    pub(crate) fn skip(&mut self, columns: usize) {
        self.column += columns;
    }

    pub(crate) fn text(&mut self) -> Result<String, Fault> {
        self.next()
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, Fault> {
        self.next()
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        self.next()
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, Fault> {
        let bytes = self.bytes()?;
        bytes
            .try_into()
            .map(Digest::from_bytes)
            .map_err(|_| self.unreadable())
    }

    pub(crate) fn number(&mut self) -> Result<u64, Fault> {
        let number: i64 = self.next()?;
        u64::try_from(number).map_err(|_| self.unreadable())
    }

    pub(crate) fn small_number(&mut self) -> Result<u32, Fault> {
        let number: i64 = self.next()?;
        u32::try_from(number).map_err(|_| self.unreadable())
    }

    pub(crate) fn time(&mut self) -> Result<Timestamp, Fault> {
        self.number().map(Timestamp::from_micros)
    }

    pub(crate) fn optional_time(&mut self) -> Result<Option<Timestamp>, Fault> {
        let Some(micros) = self.next::<Option<i64>>()? else {
            return Ok(None);
        };
        let micros = u64::try_from(micros).map_err(|_| self.unreadable())?;
        Ok(Some(Timestamp::from_micros(micros)))
    }

    /// A text that must be one of a type's.
    pub(crate) fn parsed<T: FromStr>(&mut self) -> Result<T, Fault> {
        self.text()?.parse().map_err(|_| self.unreadable())
    }

    /// A text that must be one of an enum's.
    pub(crate) fn one_of<T>(&mut self, parse: fn(&str) -> Option<T>) -> Result<T, Fault> {
        parse(&self.text()?).ok_or_else(|| self.unreadable())
    }

    fn next<T: TryGetable>(&mut self) -> Result<T, Fault> {
        let value = self.row.try_get_by_index_nullable(self.column);
        self.column += 1;
        value.map_err(|_| self.unreadable())
    }

    fn unreadable(&self) -> Fault {
        Fault::corrupt(Cause::Unreadable {
            column: self.column,
        })
    }
}
