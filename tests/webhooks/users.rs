//! Names where several users of this machine work at the same API.

use crate::fake::{Webhooks, api};
use crate::kit::{Place, URL};

#[test]
fn a_name_is_not_taken_from_another_users_webhooks() {
    let (one, other) = (Webhooks::default(), Webhooks::default());
    let (of_one, of_other) = (one.clone(), other.clone());
    let api = api(move |request| {
        let token = request.one("authorization").expect("a token");
        let webhooks = if token.ends_with("_one") {
            &of_one
        } else {
            &of_other
        };
        Some(webhooks.answer(request))
    });
    let place = Place::new(format!("http://{}", api.address()));
    let as_one = place.with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_one");
    let as_other = place.with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_other");
    as_one.create("email.sent", &["-n", "shop"]);
    let args = ["create", "-u", URL, "-e", "email.opened", "-n", "shop"];
    let ran = as_other.webhooks(&args).coded(2);
    let ran = ran.says("`shop` is the name of webhooks of another user");
    ran.says("choose another name");
    assert!(other.all().is_empty());
    let listed = as_one.webhooks(&["list", "--jq", ".[].name"]).coded(0);
    assert_eq!(listed.stdout, "shop\n");
    // Archived ones are still that user's; one's own are not in the way.
    as_one.webhooks(&["archive", "shop"]).coded(0);
    as_other.webhooks(&args).coded(2);
    as_one.webhooks(&args).coded(0);
    // A new token of the same user sees the same webhooks.
    let renewed = place.with("CAKEMAIL_ACCESS_TOKEN", "ck_pat_new_one");
    renewed.webhooks(&["archive", "shop"]).coded(0);
    renewed.webhooks(&args).coded(0);
    let kept = std::fs::read_to_string(place.path().join("data/cmhook/webhooks.json"));
    assert!(!kept.expect("the names").contains("ck_pat"));
}
