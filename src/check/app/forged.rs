//! What an app makes of samples that it ought to refuse.

use super::{Asked, Check};
use crate::config::Target;

/// What the answer to an unsigned sample means.
pub fn unsigned(target: &Target, asked: &Asked) -> Check {
    let broken = "its code goes on where the header is missing";
    ought_to_refuse(
        "unsigned",
        target,
        asked,
        "a delivery without a signature",
        broken,
    )
}

/// What the answer to a wrongly signed sample means.
pub fn forged(target: &Target, asked: &Asked) -> Check {
    let broken = "crypto.timingSafeEqual throws where the lengths differ";
    ought_to_refuse(
        "forged",
        target,
        asked,
        "a delivery with a wrong signature",
        broken,
    )
}

fn ought_to_refuse(
    id: &'static str,
    target: &Target,
    asked: &Asked,
    what: &str,
    broken: &str,
) -> Check {
    let (status, thrown) = match &asked.answer {
        Ok(answer) => (answer.status, answer.thrown()),
        Err(failure) => return Check::skip(id, format!("`{target}`: {}", failure.message)),
    };
    match status {
        200..300 => Check::warn(id, format!("`{target}` answers {status} to {what}: it accepts forged deliveries"))
            .cure("anybody who knows the URL can send it anything: check the signature over the raw body, and answer 401 where it is wrong (docs/signatures.md)"),
        400..500 if !matches!(status, 404 | 405) => Check::ok(id, format!("`{target}` answers {status}")),
        500.. => Check::warn(id, format!("`{target}` answers {status} to {what}, as if it were broken"))
            .cure(match thrown {
                Some(thrown) => format!("answer 401, since after a 5xx Cakemail sends it again; {thrown}"),
                None => format!("answer 401, since after a 5xx Cakemail sends it again; perhaps {broken}"),
            }),
        _ => Check::skip(id, format!("`{target}` answers {status}, which says nothing of signatures")),
    }
}
