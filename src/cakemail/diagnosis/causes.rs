//! What may be wrong in an app that refuses a right signature, each with its cure.

use super::evidence::{Evidence, Trouble};
use super::{Finding, Keys};
use crate::cakemail::serializer::Serializer;
use crate::delivery::{Headers, Scheme};

/// How the digest is written.
const fn encoding(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::CakemailHex => "hex",
        Scheme::CakemailBase64 | Scheme::ApiBase64 => "base64",
    }
}

/// The header, how its digest is written, and where that is so.
fn described(scheme: Scheme) -> String {
    let (header, encoding) = (scheme.header(), encoding(scheme));
    let like = match scheme {
        Scheme::CakemailHex => "as in the CLI manual",
        Scheme::CakemailBase64 => "as in the developer guide",
        Scheme::ApiBase64 => "as Cakemail's API does",
    };
    format!("`{header}` ({encoding}, {like})")
}

/// The app looks for the signature where Cakemail's other documents have it. Nothing where
/// there is one too, or where the app names the very header that was sent.
pub(super) fn other_header(
    scheme: Scheme,
    evidence: Evidence,
    sent: &Headers,
    language: Option<Serializer>,
) -> Option<Finding> {
    let other = match scheme {
        Scheme::ApiBase64 => Scheme::CakemailHex,
        Scheme::CakemailHex | Scheme::CakemailBase64 => Scheme::ApiBase64,
    };
    let is_sent = sent.get(&other.header().to_ascii_lowercase()).is_some();
    let is_named = evidence.named.map(Scheme::header);
    if is_sent || is_named == Some(scheme.header()) {
        return None;
    }
    let reads = match (is_named, evidence.trouble) {
        (Some(_), _) => "the app reads",
        (None, Some(Trouble::NoSignature)) => "the app probably reads",
        (None, _) => "the app may read",
    };
    let message = format!(
        "{reads} {}; this delivery is signed in {}",
        described(other),
        described(scheme)
    );
    let fix = format!(
        "have the app read `{}` and compare in {}{}; answer 401 where it is missing",
        scheme.header(),
        encoding(scheme),
        calls(scheme, language)
    );
    Some(Finding::new("app_reads_other_header", message, fix))
}

/// The calls that read and make it, in that language.
fn calls(scheme: Scheme, language: Option<Serializer>) -> String {
    let Some(language) = language else {
        return String::new();
    };
    let name = scheme.header();
    let is_hex = encoding(scheme) == "hex";
    let (read, make) = match language {
        Serializer::JavaScript => (
            format!("req.headers['{}']", name.to_ascii_lowercase()),
            if is_hex {
                ".digest('hex')"
            } else {
                ".digest('base64')"
            },
        ),
        Serializer::Python => (
            format!("request.headers.get('{name}')"),
            if is_hex {
                "mac.hexdigest()"
            } else {
                "base64.b64encode(mac.digest()).decode()"
            },
        ),
        Serializer::Php => (
            match scheme {
                Scheme::ApiBase64 => "$_SERVER['HTTP_X_SIGNATURE'] ?? ''".to_owned(),
                Scheme::CakemailHex | Scheme::CakemailBase64 => {
                    "$_SERVER['HTTP_X_CAKEMAIL_SIGNATURE'] ?? ''".to_owned()
                }
            },
            if is_hex {
                "hash_hmac('sha256', $body, $secret)"
            } else {
                "base64_encode(hash_hmac('sha256', $body, $secret, true))"
            },
        ),
        Serializer::Ruby => (
            format!("request.headers['{name}']"),
            if is_hex {
                "OpenSSL::HMAC.hexdigest('SHA256', secret, body)"
            } else {
                "Base64.strict_encode64(OpenSSL::HMAC.digest('SHA256', secret, body))"
            },
        ),
    };
    format!(" (`{read}`, `{make}`)")
}

/// It finds none though it was sent in every header that it may look for.
pub(super) fn lost_header(scheme: Scheme) -> Finding {
    Finding::new(
        "app_finds_no_signature",
        format!(
            "the app finds no signature where it looks; this delivery is signed in {}",
            described(scheme)
        ),
        format!(
            "see that it reads `{}`, and that nothing drops the header on the way",
            scheme.header()
        ),
    )
}

/// It checks with the secret of another webhook. With several of one listener's the app needs
/// the secret of each.
pub(super) fn other_secret(label: &str, keys: &Keys) -> Finding {
    let are_several = keys.webhooks.len() > 1;
    let shows = format!("`{}`", keys.shown_by(label));
    let fix = if are_several {
        format!(
            "have it hold the secrets of all of them, and choose by the event or try each: here it is `{label}`; {shows} shows it"
        )
    } else {
        format!("have it check with the secret `{label}`; {shows} shows it")
    };
    Finding::new(
        "app_checks_other_secret",
        "the app probably checks with another webhook's secret: each webhook has its own",
        fix,
    )
}

/// It compares with another digest, or with one that is keyed otherwise.
pub(super) fn compares_otherwise(scheme: Scheme) -> Finding {
    Finding::new(
        "app_compares_otherwise",
        "it may compare with another digest, or key it with another secret",
        format!(
            "it must compare with {} as {}, keyed with that secret as it is: no line end, no quotes",
            scheme.header(),
            match scheme {
                Scheme::CakemailHex => "lower-case hex",
                Scheme::CakemailBase64 | Scheme::ApiBase64 => "base64",
            }
        ),
    )
}

/// It throws for something else than a missing header.
pub(super) fn stumbled(trouble: Trouble, scheme: Scheme, language: Option<Serializer>) -> Finding {
    match trouble {
        Trouble::NoSignature => lost_header(scheme),
        Trouble::NoSecret => Finding::new(
            "app_has_no_secret",
            "the app has no secret to check with: what it keys the digest with is not there",
            "set the webhook's secret where the app reads it, such as in its environment, and start it again",
        ),
        Trouble::NoBody => Finding::new(
            "app_has_no_body",
            "the app has no raw body to hash: what it hashes is not there",
            language.map_or(super::body::RAW_BODY, Serializer::cure),
        ),
        Trouble::Lengths => Finding::new(
            "app_compares_lengths",
            format!(
                "the app compares digests of different length, which throws: a digest has 64 characters in hex and 44 in base64, and {} has it in {}",
                scheme.header(),
                encoding(scheme)
            ),
            format!(
                "compare in {}{}, and answer 401 where the lengths differ",
                encoding(scheme),
                calls(scheme, language)
            ),
        ),
    }
}

/// The same in a few words, of whatever was sent.
pub(super) const fn thrown(trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::NoSignature => {
            "the app throws where the signature's header is missing: look for it before anything is compared"
        }
        Trouble::NoSecret => {
            "the app throws since it has no secret to check with: set it where the app reads it"
        }
        Trouble::NoBody => "the app throws since it has no raw body to hash",
        Trouble::Lengths => {
            "the app throws where the lengths differ, as crypto.timingSafeEqual does: compare them first"
        }
    }
}
