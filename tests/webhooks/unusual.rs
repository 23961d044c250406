//! Webhooks that are not quite as the reference says.

use serde_json::{Value, json};

use crate::fake::{Webhooks, having, user};
use crate::kit::URL;

fn with(id: &str, field: &str, value: &Value) -> Value {
    let mut one = json!({"id": id, "status": "active", "event": "Email.Sent", "url": URL,
        "archived_at": null, "rate_limit": 50, "rate_limit_period": "second"});
    one[field] = value.clone();
    one
}

fn unusual() -> Webhooks {
    let one = [
        with("rate", "rate_limit", &Value::Null),
        with("below", "rate_limit", &json!(-1)),
        with("float", "rate_limit", &json!(7.0)),
        with("period", "rate_limit_period", &Value::Null),
        with("week", "rate_limit_period", &json!("week")),
        with("status", "status", &json!("paused")),
        with("Archived", "status", &json!("ARCHIVED")),
        with("time", "archived_at", &json!(1_627_069_315.5)),
        with("truth", "archived_at", &json!(false)),
    ];
    Webhooks::of(&one)
}

#[test]
fn what_is_unusual_is_read_as_far_as_it_goes() {
    let webhooks = unusual();
    let api = having(&webhooks);
    let place = user(&api);
    let ran = place.webhooks(&["list"]).coded(0);
    assert_eq!(ran.stderr, "");
    let limits: Vec<_> = ran
        .rows()
        .iter()
        .map(|row| (row[0].to_owned(), row[5].to_owned()))
        .collect();
    let limit = |id: &str| {
        limits
            .iter()
            .find(|(known, _)| known == id)
            .map(|(_, limit)| &**limit)
    };
    assert_eq!(limit("rate"), Some(""));
    assert_eq!(limit("below"), Some(""));
    assert_eq!(limit("float"), Some("7/s"));
    assert_eq!(limit("period"), Some("50"));
    assert_eq!(limit("week"), Some("50"));
    let rows = ran.rows();
    let status = |id: &str| rows.iter().find(|row| row[0] == id).map(|row| row[1]);
    assert_eq!(status("status"), Some("paused"));
    assert_eq!(status("Archived"), Some("archived"));
    let fields = "id,status,rate_limit,rate_limit_period,archived_at";
    let listed = place.webhooks(&["list", "--json", fields]).coded(0).json();
    let of = |id: &str| {
        let all = listed.as_array().expect("a list");
        all.iter().find(|one| one["id"] == id).cloned().expect("it")
    };
    assert_eq!(of("rate")["rate_limit"], Value::Null);
    assert_eq!(of("week")["rate_limit_period"], Value::Null);
    assert_eq!(of("status")["status"], "paused");
    assert_eq!(of("time")["archived_at"], 1_627_069_315);
    let ran = place.webhooks(&["get", "rate"]).coded(0);
    assert!(
        ran.stdout.contains("Limit: the API shows none\n"),
        "{}",
        ran.stdout
    );
    let ran = place.webhooks(&["get", "period"]).coded(0);
    assert!(ran.stdout.contains("Limit: 50\n"), "{}", ran.stdout);
}

#[test]
fn what_cannot_be_read_is_left_out_and_stops_nothing() {
    let webhooks = unusual();
    webhooks.all().push(json!({"id": "x", "status": "active"}));
    webhooks.all().push(json!("nonsense"));
    let api = having(&webhooks);
    let place = user(&api);
    let warning = "warning: 2 webhooks of the list are left out, since they are not what the reference says: ";
    let ran = place.webhooks(&["list"]).coded(0).says(warning);
    assert_eq!(ran.rows().len(), 9);
    let ran = ran.says("missing field `event`");
    drop(ran);
    let args = [
        "create",
        "-u",
        "https://other.example.com/",
        "-e",
        "email.sent",
    ];
    place.webhooks(&args).coded(0).says(warning);
    let args = [
        "update",
        "rate",
        "-u",
        "https://other.example.com/",
        "-e",
        "email.sent,email.opened",
    ];
    let ran = place.webhooks(&args).coded(0).says(warning);
    assert_eq!(ran.rows().len(), 2);
    let ran = place.webhooks(&["delete", "status", "--force"]).coded(0);
    ran.says(warning);
}
