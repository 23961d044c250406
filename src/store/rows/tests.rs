use super::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

fn text() -> impl Strategy<Value = Box<str>> {
    ".{0,40}".prop_map(Into::into)
}

/// To the microsecond, over all that a timestamp can say.
fn time() -> impl Strategy<Value = Timestamp> {
    let (first, last) = (
        Timestamp::MIN.as_microsecond(),
        Timestamp::MAX.as_microsecond(),
    );
    (first..=last).prop_map(|time| Timestamp::from_microsecond(time).unwrap())
}

fn time_span() -> impl Strategy<Value = Duration> {
    (0..i64::MAX).prop_map(|micros| Duration::from_micros(micros.cast_unsigned()))
}

fn headers() -> impl Strategy<Value = Headers> {
    vec(("[a-z-]{1,9}", vec(any::<u8>(), 0..30)), 0..9)
        .prop_map(|fields| fields.into_iter().collect())
}

fn body() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..3000).prop_map(Into::into)
}

fn verdict() -> impl Strategy<Value = Verdict> {
    const NAMES: &[&str] = &["cakemail-hex", "cakemail-base64", "api-base64"];
    let scheme = prop::sample::select(NAMES).prop_map(|name| Scheme::from_name(name).unwrap());
    prop_oneof![
        (scheme, text()).prop_map(|(scheme, secret)| Verdict::Valid {
            scheme,
            secret: secret.into()
        }),
        text().prop_map(|reason| Verdict::Invalid {
            reason: reason.into()
        }),
        Just(Verdict::Unsigned),
        Just(Verdict::Unchecked),
    ]
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let request = (time(), text(), text(), text(), headers(), body());
    (1..1u64 << 42, request, option::of(text()), verdict()).prop_map(
        |(id, (received_at, peer, method, path_and_query, headers, body), event, verdict)| {
            Delivery {
                id,
                request: Received {
                    received_at,
                    peer,
                    method,
                    path_and_query,
                    headers,
                    body,
                    event,
                    verdict,
                    original: None,
                    relayed: None,
                },
            }
        },
    )
}

fn outcome() -> impl Strategy<Value = Outcome> {
    const NAMES: &[&str] = &[
        "refused", "timeout", "reset", "closed", "tls", "dns", "loop",
    ];
    let code = prop::sample::select(NAMES).prop_map(|name| FailureCode::from_name(name).unwrap());
    let answer = (
        any::<u16>(),
        headers(),
        body(),
        0..u64::MAX / 2,
        time_span(),
    );
    prop_oneof![
        answer.prop_map(|(status, headers, body, size, first_byte)| {
            Outcome::Answered(Answer {
                status,
                headers,
                body,
                size,
                first_byte,
            })
        }),
        (code, text(), text()).prop_map(|(code, message, hint)| Outcome::Failed(Failure {
            code,
            message,
            hint
        })),
    ]
}

fn attempt() -> impl Strategy<Value = Attempt> {
    const CAUSES: &[Cause] = &[Cause::Live, Cause::Replay, Cause::Retry];
    let cause = prop::sample::select(CAUSES);
    let key = (1..1u64 << 42, 1..1u32 << 20);
    (key, cause, text(), time(), time_span(), outcome()).prop_map(
        |((delivery, n), cause, target, started_at, took, outcome)| Attempt {
            delivery,
            n,
            cause,
            target,
            started_at,
            took,
            outcome,
        },
    )
}

fn database() -> Connection {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(SCHEMA).unwrap();
    db
}

fn read_delivery(db: &Connection) -> Result<Delivery, u64> {
    let sql = format!("SELECT {DELIVERY_COLUMNS} FROM deliveries");
    db.query_row(&sql, [], delivery_of).unwrap()
}

fn read_attempt(db: &Connection) -> Option<Attempt> {
    let sql = format!("SELECT {ATTEMPT_COLUMNS} FROM attempts");
    db.query_row(&sql, [], attempt_of).unwrap()
}

proptest! {
    #[test]
    fn any_delivery_comes_back(delivery in delivery()) {
        let db = database();
        insert_delivery(&db, &delivery).unwrap();
        prop_assert_eq!(read_delivery(&db), Ok(delivery));
    }

    #[test]
    fn a_new_verdict_comes_back_with_all_else_as_it_was(
        mut delivery in delivery(),
        verdict in verdict(),
    ) {
        let db = database();
        insert_delivery(&db, &delivery).unwrap();
        delivery.request.verdict = verdict;
        update_verdict(&db, &delivery).unwrap();
        prop_assert_eq!(read_delivery(&db), Ok(delivery.clone()));
        db.execute("DELETE FROM deliveries", []).unwrap();
        update_verdict(&db, &delivery).unwrap();
        let count = db.query_row("SELECT count(*) FROM deliveries", [], |row| row.get(0));
        prop_assert_eq!(count, Ok(0));
    }

    #[test]
    fn any_attempt_comes_back(attempt in attempt()) {
        let db = database();
        insert_attempt(&db, &attempt).unwrap();
        prop_assert_eq!(read_attempt(&db), Some(attempt));
    }

    /// Whatever the type and value of what is in a column, the row is known to be wrong.
    #[test]
    fn no_changed_column_passes(
        delivery in delivery(),
        attempt in attempt(),
        column in any::<prop::sample::Index>(),
        value in prop::sample::select(&["1", "-1", "2.5", "'text'", "x'ff00'", "x'c328'", "''"][..]),
    ) {
        let db = database();
        insert_delivery(&db, &delivery).unwrap();
        insert_attempt(&db, &attempt).unwrap();
        let change = |table: &str, columns: &str| {
            let columns: Vec<_> = columns.split(',').collect();
            let name = columns[column.index(columns.len())];
            let sql = format!("UPDATE {table} SET {name}={value} WHERE {name} IS NOT {value}");
            // Some columns refuse some types by themselves.
            matches!(db.execute(&sql, []), Ok(1))
        };
        // Columns that say nothing of such a verdict or outcome are not read.
        if change("deliveries", DELIVERY_COLUMNS)
            && let Ok(read) = read_delivery(&db)
        {
            prop_assert_eq!(read, delivery);
        }
        if change("attempts", ATTEMPT_COLUMNS)
            && let Some(read) = read_attempt(&db)
        {
            prop_assert_eq!(read, attempt);
        }
    }
}
