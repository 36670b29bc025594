//! Slack as this side sees it: takes messages and windows, and has URLs to answer clicks at.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{Router, body::Bytes, http::Uri};
use serde_json::{Value, json};

use super::paths::part;
use super::{Tested, sockets::Served};

/// How Slack answers a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mood {
    #[default]
    Fine,
    /// Refuses with this code.
    Refuses(&'static str),
    /// Never answers.
    Silent,
}

#[derive(Debug, Default)]
struct Heard {
    /// Path and body of each call, in their order.
    calls: Vec<(String, Value)>,
    /// Answers nobody's post, though it was posted.
    loses_posts: bool,
    windows: Mood,
    hooks: Mood,
}

#[derive(Clone)]
pub(crate) struct SlackSide {
    heard: Arc<Mutex<Heard>>,
    served: Arc<Served>,
}

impl SlackSide {
    pub(crate) async fn new() -> Tested<Self> {
        let heard = Arc::<Mutex<Heard>>::default();
        let hears = Arc::clone(&heard);
        let router = Router::new().fallback(move |uri: Uri, body: Bytes| {
            let heard = Arc::clone(&hears);
            async move {
                let answer = answer(&heard, uri.path(), &body);
                match answer {
                    Some(answer) => answer.to_string(),
                    None => std::future::pending().await,
                }
            }
        });
        Ok(Self {
            heard,
            served: Arc::new(Served::new(router).await?),
        })
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.served.address
    }

    pub(crate) fn windows(&self, mood: Mood) {
        self.heard().windows = mood;
    }

    pub(crate) fn hooks(&self, mood: Mood) {
        self.heard().hooks = mood;
    }

    pub(crate) fn lose_posts(&self) {
        self.heard().loses_posts = true;
    }

    /// The bodies of all calls whose path ends so.
    pub(crate) fn calls(&self, end: &str) -> Vec<Value> {
        let heard = self.heard();
        let wanted = heard.calls.iter().filter(|(path, _)| path.ends_with(end));
        wanted.map(|(_, body)| body.clone()).collect()
    }

    /// What people were told and nobody else.
    pub(crate) fn whispers(&self) -> Vec<String> {
        let said = self.calls("/hooks/click");
        let to_one = said
            .iter()
            .filter(|body| part(body, "/response_type") == "ephemeral");
        to_one
            .filter_map(|body| Some(body.pointer("/blocks/0/text/text")?.as_str()?.to_owned()))
            .collect()
    }
}

/// What Slack answers; `None` where it never does.
fn answer(heard: &Mutex<Heard>, path: &str, body: &[u8]) -> Option<Value> {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    heard.calls.push((path.to_owned(), body.clone()));
    let of = |mood| match mood {
        Mood::Fine => Some(json!({"ok": true})),
        Mood::Refuses(code) => Some(json!({"ok": false, "error": code})),
        Mood::Silent => None,
    };
    match path {
        "/api/chat.postMessage" if heard.loses_posts => Some(Value::from("lost")),
        "/api/chat.postMessage" => {
            let ts = format!("1795000000.{:06}", heard.calls.len());
            Some(json!({"ok": true, "channel": part(&body, "/channel"), "ts": ts}))
        }
        "/api/views.open" => of(heard.windows),
        "/hooks/click" => of(heard.hooks),
        _ => Some(json!({"ok": true})),
    }
}
