//! Names become addresses.

use std::{fmt, io, net::IpAddr};

use tracemem_sdk::async_trait;

/// Resolves names.
///
/// # Contract
/// - `addresses` gives every address that a connection to the name could use: what is not among them is not connected to, and one that is
///   forbidden forbids the call. None is like an error: the name cannot be reached.
/// - It is asked once for a call, within the call's limit of time, and nothing that it says is kept for the next.
/// - A dropped future leaves nothing behind. Calls overlap.
#[async_trait]
pub trait Resolver: fmt::Debug + Send + Sync + 'static {
    /// The addresses of a name: lower-case ASCII, without the dot that may end it, never an address.
    ///
    /// # Errors
    /// Where they cannot be told. What the error says is kept to ourselves.
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver, on a thread of tokio's. A look-up that is given up goes on there until the system gives it up too.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((name, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }
}
