use tracemem_sdk::secrets::{DataKey, Kek, Secret, StaticKeyring};

fn moved(secret: Secret, key: DataKey, kek: Kek) -> (Secret, DataKey, StaticKeyring) {
    (secret, key, StaticKeyring::new(kek))
}

fn main() {}
