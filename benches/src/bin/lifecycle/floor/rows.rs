//! Whole lifecycles without end: captured commits under ids and keys of their own.
//!
//! Ids are made as the library makes them, a prefix and a UUID v7 in hex, so that they fall on the same places of an index:
//! close together by time, in no order within a millisecond. Keys are digests, and fall anywhere.

use std::time::Duration;

use tracemem_sdk::store::Commit;

/// Where the ids of one lifecycle come from.
#[derive(Debug, Clone)]
pub(crate) struct Lifecycle {
    pub(crate) stream: String,
    pub(crate) key: [u8; 32],
    millis: u64,
    seed: u64,
}

impl Lifecycle {
    /// The `number`th lifecycle of a process, opened at a time since any fixed point.
    pub(crate) fn new(number: u64, opened: Duration) -> Self {
        let millis = u64::try_from(opened.as_millis()).unwrap_or(u64::MAX);
        let seed = scatter(number ^ u64::from(std::process::id()) << 40);
        let mut key = [0; 32];
        for (place, part) in (1..).zip(key.chunks_mut(8)) {
            part.copy_from_slice(&scatter(seed ^ place).to_be_bytes());
        }
        Self {
            stream: id("dec", millis, seed),
            key,
            millis,
            seed,
        }
    }

    /// The id of its event at this place.
    pub(crate) fn event(&self, seq: u64) -> String {
        id("evt", self.millis, scatter(self.seed.wrapping_add(seq)))
    }

    /// The id of the job that was captured under this id.
    pub(crate) fn job(&self, steps: &[Commit], captured: &str) -> String {
        let mut jobs = steps.iter().flat_map(|step| &step.jobs);
        let place = jobs.position(|job| job.id.as_str() == captured);
        let place = place.map_or(0, |place| place as u64);
        id("job", self.millis, scatter(!self.seed.wrapping_add(place)))
    }

    /// A time that was captured, as this lifecycle has it: later lifecycles have later ones.
    pub(crate) fn time(&self, captured: u64) -> i64 {
        i64::try_from(captured / 1_000 + self.millis)
            .map_or(i64::MAX, |millis| millis.saturating_mul(1_000))
    }
}

fn id(prefix: &str, millis: u64, unique: u64) -> String {
    format!("{prefix}_{millis:012x}7{:03x}{unique:016x}", unique % 4_096)
}

/// SplitMix64 (Steele, Lea and Flood, 2014): different numbers give different ones, without any order.
fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
