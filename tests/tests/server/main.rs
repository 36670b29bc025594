//! The server of the examples does what its help says, as a program: real processes, real sockets, an SQLite file.
//!
//! Nothing of the example is linked here. It is run as anybody runs it, and judged by its answers, its exit code and its output.

mod approving;
mod deciding;
mod http;
mod program;
mod refusing;
mod reporting;
mod running;
mod samples;
mod starting;
mod stopping;
