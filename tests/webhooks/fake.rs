//! An API whose answers a test holds back, or makes of another shape: a sandbox is never so.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};

use crate::errors::answer;
use crate::kit::Place;
use crate::support::raw::{Message, RawApp, Then};

/// The webhooks of one user, as the API has them.
#[derive(Debug, Clone, Default)]
pub struct Webhooks(Arc<Mutex<Vec<Value>>>);

impl Webhooks {
    /// Some that are there already.
    pub fn of(all: &[Value]) -> Self {
        Self(Arc::new(Mutex::new(all.to_vec())))
    }

    /// All of them.
    pub fn all(&self) -> MutexGuard<'_, Vec<Value>> {
        self.0.lock().expect("nobody panics with it")
    }

    /// What they are in that field, one after the other.
    pub fn each(&self, field: &str) -> Vec<String> {
        let all = self.all();
        let each = all.iter().map(|one| one[field].as_str().expect("a text"));
        each.map(str::to_owned).collect()
    }

    /// Does what a request wants, and gives the answer.
    pub fn answer(&self, request: &Message) -> Vec<u8> {
        let line = request.first_line();
        let mut words = line.split([' ', '?']);
        let (method, path) = (words.next(), words.next().unwrap_or_default());
        let mut parts = path.split('/').skip(2);
        let (id, doing) = (parts.next(), parts.next());
        let mut all = self.all();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let Some(id) = id else {
            if method == Some("POST") {
                let id = format!("w{}", all.len() + 1);
                let one = json!({"id": id, "status": "active", "event": body["event"],
                    "url": body["url"], "rate_limit": 50, "rate_limit_period": "second"});
                all.push(one.clone());
                return answer(200, &json!({"id": id, "data": one}));
            }
            let with_archived = line.contains("with_archived");
            let listed = all.iter();
            let listed: Vec<_> = listed
                .filter(|one| with_archived || one["status"] != "archived")
                .collect();
            let count = listed.len();
            return answer(
                200,
                &json!({"data": listed, "pagination": {"count": count}}),
            );
        };
        let Some(one) = all.iter_mut().find(|one| one["id"] == id) else {
            return answer(404, &json!({"detail": "Not Found"}));
        };
        match doing {
            Some("archive") => one["status"] = "archived".into(),
            Some("unarchive") => one["status"] = "active".into(),
            _ => {
                for (name, value) in body.as_object().into_iter().flatten() {
                    one[name] = value.clone();
                }
            }
        }
        answer(
            200,
            &json!({"id": id, "data": one, "signature": {"key": "key"}}),
        )
    }
}

/// An API that does with a request what `own` does; without an answer it hangs up.
pub fn api(own: impl Fn(&Message) -> Option<Vec<u8>> + Send + Sync + 'static) -> RawApp {
    RawApp::serving(Duration::from_mins(1), move |request, stream| {
        let Some(bytes) = own(request) else {
            return Ok(Then::Close);
        };
        std::io::Write::write_all(stream, &bytes)?;
        Ok(Then::GoOn)
    })
}

/// An API that has these.
pub fn having(webhooks: &Webhooks) -> RawApp {
    let webhooks = webhooks.clone();
    api(move |request| Some(webhooks.answer(request)))
}

/// A user of an API.
pub fn user(api: &RawApp) -> Place {
    Place::new(format!("http://{}", api.address())).with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_fake")
}

/// Whether a request makes a webhook.
pub fn is_creation(request: &Message) -> bool {
    request.first_line().starts_with("POST /webhooks HTTP")
}

/// Whether a request lists webhooks.
pub fn is_list(request: &Message) -> bool {
    request.first_line().starts_with("GET /webhooks?")
}
