use tracemem_sdk::guard::{EffectError, Execution, Permit};

fn effect(permit: Permit) -> Result<Execution<()>, EffectError<std::io::Error>> {
    std::fs::read("ledger")?;
    Ok(permit.executed("ref"))
}

fn main() {}
