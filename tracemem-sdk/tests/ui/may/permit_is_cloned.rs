use tracemem_sdk::guard::{Execution, Permit};

fn once(permit: Permit) -> Execution<()> {
    permit.executed("first")
}

fn main() {}
