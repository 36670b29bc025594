//! Slack: messages with buttons, what becomes of them, and the clicks on them.

mod click_token;
