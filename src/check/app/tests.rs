use super::*;
use crate::check::Status;

fn asked(scheme: Scheme, status: u16, seconds: u64) -> Asked {
    Asked {
        scheme,
        path: "/".into(),
        body: Bytes::from_static(b"{}"),
        took: Duration::from_secs(seconds),
        answer: Ok(Answer {
            status,
            headers: Headers::default(),
            body: Bytes::new(),
        }),
    }
}

#[test]
fn who_takes_one_scheme_and_is_late_with_it_is_late() {
    let target: Target = "3000".parse().unwrap();
    let sample = Sample {
        target: &target,
        event: "email.opened",
        secret: "main",
        seen: &[],
        signs: None,
        several: false,
    };
    let tried = |seconds| {
        [
            asked(Scheme::CakemailHex, 401, 0),
            asked(Scheme::CakemailBase64, 401, 0),
            asked(Scheme::ApiBase64, 200, seconds),
        ]
    };
    let late = signed(&sample, &tried(6));
    assert_eq!(late.status, Status::Fail);
    let found = "answers 200 to a signed email.opened (X-Signature in base64) after 6";
    assert!(late.found.contains(found), "{late:?}");
    assert_eq!(signed(&sample, &tried(4)).status, Status::Warn);
    // That it is refused late says nothing of what it takes.
    let refused = signed(&sample, &[asked(Scheme::CakemailHex, 401, 6)]);
    assert!(refused.found.contains("a right signature"), "{refused:?}");
}
