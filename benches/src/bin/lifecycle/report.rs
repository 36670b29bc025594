//! The line that is printed, and what stands in it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use super::{Failed, options::Options};

/// What one process measured.
#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// How long it took in all.
    pub(crate) time: Duration,
    /// How many whole lifecycles there were in it.
    pub(crate) lifecycles: u64,
    /// What p50 and p99 are of, in no order.
    pub(crate) latencies: Vec<Duration>,
}

impl Measured {
    /// The line about a peer.
    pub(crate) fn line(mut self, peer: &str, options: &Options) -> Result<Value, Failed> {
        self.latencies.sort_unstable();
        let rate = self.lifecycles as f64 / self.time.as_secs_f64();
        Ok(json!({
            "peer": peer,
            "version": env!("CARGO_PKG_VERSION"),
            "workload": options.workload.to_string(),
            "store": options.store.to_string(),
            "concurrency": options.concurrency,
            "lifecycles_per_s": (rate * 10.0).round() / 10.0,
            "p50_ms": self.percentile(50),
            "p99_ms": self.percentile(99),
            "rss_mb": peak_memory()?,
        }))
    }

    fn percentile(&self, percent: usize) -> Option<f64> {
        let at = self.latencies.len().saturating_sub(1) * percent / 100;
        self.latencies
            .get(at)
            .map(|latency| (latency.as_secs_f64() * 1e6).round() / 1e3)
    }
}

/// The largest resident memory that this process ever had, in MiB; `None` where the system does not say.
fn peak_memory() -> Result<Option<f64>, Failed> {
    // proc(5): "VmHWM: Peak resident set size", in KiB.
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return Ok(None);
    };
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let Some(peak) = peak else {
        return Ok(None);
    };
    let kib: f64 = peak.trim().trim_end_matches(" kB").parse()?;
    Ok(Some((kib / 102.4).round() / 10.0))
}

/// The time since the system started, which is the same in all its processes.
pub(crate) fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(
        now.tv_sec.unsigned_abs(),
        u32::try_from(now.tv_nsec).unwrap_or_default(),
    )
}
