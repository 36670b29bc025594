use tracemem_sdk::secrets::{DataKey, Kek, Secret, StaticKeyring};

fn copied(
    secret: Secret,
    key: DataKey,
    kek: Kek,
    keys: StaticKeyring,
) -> (Secret, DataKey, Kek, StaticKeyring) {
    (secret.clone(), key.clone(), kek.clone(), keys.clone())
}

fn main() {}
