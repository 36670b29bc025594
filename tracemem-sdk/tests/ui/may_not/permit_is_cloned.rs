use tracemem_sdk::guard::{Execution, Permit};

fn twice(permit: Permit) -> (Execution<()>, Permit) {
    let other = permit.clone();
    (permit.executed("first"), other)
}

fn main() {}
