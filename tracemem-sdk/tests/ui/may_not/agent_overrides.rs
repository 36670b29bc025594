use tracemem_sdk::tenant::Agent;

fn overrides(agent: Agent) -> Agent {
    agent.with_override_permission()
}

fn main() {}
