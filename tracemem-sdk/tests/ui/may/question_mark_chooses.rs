use tracemem_sdk::guard::{EffectError, Execution, Permit, ResultExt};

fn effect(permit: Permit) -> Result<Execution<()>, EffectError<std::io::Error>> {
    std::fs::read("ledger").did_not_happen()?;
    Ok(permit.executed("ref"))
}

fn main() {}
