//! Clicks in Slack, on real sockets: signed by Slack's own SDK, made in messages that were really posted, and answered by a server that plays
//! Slack.

mod app;
mod deciding;
mod differential;
mod headers;
mod hostile;
mod paths;
mod racing;
mod refusing;
mod secrets;
mod slack_side;
mod sockets;
mod stage;
mod windows;

type Tested<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;
