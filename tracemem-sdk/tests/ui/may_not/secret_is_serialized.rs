use tracemem_sdk::secrets::{DataKey, Kek, Secret};

fn serialized(secret: Secret, key: DataKey, kek: Kek) {
    let _ = serde_json::to_string(&secret);
    let _ = serde_json::to_string(&key);
    let _ = serde_json::to_string(&kek);
}

fn main() {}
