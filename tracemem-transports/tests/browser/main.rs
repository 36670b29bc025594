//! The confirm page in Chromium: what people, scanners and hostile pages make of it.
//!
//! With `TRACEMEM_SCREENSHOTS=FOLDER` each state of the page is kept as a picture there.

mod answering;
mod chromium;
mod hostile;
mod looking;
mod stage;

type Tested<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
