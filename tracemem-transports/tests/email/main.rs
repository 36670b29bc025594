//! Mail, against an SMTP server and a reader of mails that nobody here wrote: aiosmtpd and Python's `email`.

mod breaking;
mod configuring;
mod conformance;
mod failing;
mod hostile;
mod inside;
mod partly;
mod post;
mod reading;
mod relay;
mod secrets;
mod sending;
mod threading;
mod whole;

type Tested<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
