//! Events that Cakemail's CLI manual names and its API does not have, such as `campaign.sent`.

use super::event::{EventPattern, NAMES, is_of_the_api};

/// Whether the manual has an event of that name, and the API none that means the same.
pub fn is_manual_only(name: &str) -> bool {
    let Ok(pattern) = name.parse::<EventPattern>() else {
        return false;
    };
    !pattern.is_glob() && pattern.is_known() && pattern.api_names().is_empty()
}

/// What is to be said where the API refuses an event that the manual names; `None` for others.
pub fn refused(name: &str) -> Option<String> {
    if !is_manual_only(name) {
        return None;
    }
    let family = name.split('.').next().unwrap_or_default().to_lowercase();
    let glob = format!("{family}.*").parse::<EventPattern>().ok()?;
    let others = glob.api_names();
    let instead = if others.is_empty() {
        String::new()
    } else {
        format!("; its {family} events are: {}", others.join(", "))
    };
    Some(format!(
        "Cakemail's API has no event `{name}`, though the CLI manual names it{instead}"
    ))
}

/// What is to be said where globs match events that the manual alone has, of which nothing
/// comes beside those of the API; `None` where they match none.
pub fn left_out<'a>(globs: impl IntoIterator<Item = &'a EventPattern>) -> Option<String> {
    let mut names: Vec<&str> = Vec::new();
    for glob in globs.into_iter().filter(|pattern| pattern.is_glob()) {
        if glob.api_names().is_empty() {
            continue;
        }
        let meant = NAMES.iter().filter(|name| !is_of_the_api(name));
        for name in meant.filter(|name| glob.matches(name) && is_manual_only(name)) {
            if !names.contains(name) {
                names.push(name);
            }
        }
    }
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let (last, others) = quoted.split_last()?;
    Some(if others.is_empty() {
        format!("Cakemail's API has no event {last}, though the CLI manual names it: left out")
    } else {
        format!(
            "Cakemail's API has no events {} and {last}, though the CLI manual names them: left out",
            others.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_manual_alone_has_is_refused_with_what_there_is() {
        let only: Vec<_> = NAMES.iter().filter(|name| is_manual_only(name)).collect();
        assert_eq!(
            only,
            [
                &"campaign.completed",
                &"campaign.sent",
                &"contact.unsubscribed"
            ]
        );
        assert_eq!(
            refused("campaign.sent").unwrap(),
            "Cakemail's API has no event `campaign.sent`, though the CLI manual names it; its campaign events are: Campaign.Canceled, Campaign.Created, Campaign.Resumed, Campaign.Scheduled, Campaign.Suspended, Campaign.Unscheduled, Campaign.Updated"
        );
        for name in ["Email.Opened", "email.opened", "campaign.*", "nothing", ""] {
            assert_eq!(refused(name), None, "{name}");
        }
    }

    #[test]
    fn what_a_glob_leaves_out_is_said_once() {
        let said = |texts: &[&str]| {
            let globs: Vec<EventPattern> = texts.iter().map(|text| text.parse().unwrap()).collect();
            left_out(&globs)
        };
        assert_eq!(
            said(&["campaign.*", "campaign.[", "camp*", "email.*"]).unwrap(),
            "Cakemail's API has no events `campaign.completed` and `campaign.sent`, though the CLI manual names them: left out"
        );
        assert_eq!(
            said(&["contact.*"]).unwrap(),
            "Cakemail's API has no event `contact.unsubscribed`, though the CLI manual names it: left out"
        );
        // One by its name is not left out, and neither is what nothing else is meant beside.
        assert_eq!(said(&["campaign.sent", "campaign.se*", "email.*"]), None);
    }
}
