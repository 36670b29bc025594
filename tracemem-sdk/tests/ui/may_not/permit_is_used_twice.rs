use tracemem_sdk::guard::{Execution, Permit};

fn twice(permit: Permit) -> [Execution<()>; 2] {
    [permit.executed("first"), permit.executed("second")]
}

fn main() {}
