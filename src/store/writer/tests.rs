use super::*;
use crate::delivery::{Delivery, Headers, Received, Verdict};

#[test]
fn a_verdict_waits_for_its_delivery_where_that_could_not_be_written() {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(rows::SCHEMA).unwrap();
    let limit = |db: &Connection, pages: &str| {
        let sql = format!("PRAGMA max_page_count={pages}");
        db.query_row(&sql, [], |_| Ok(())).unwrap();
    };
    limit(&db, "1");
    let mut delivery = Delivery {
        id: 1,
        request: Received {
            received_at: jiff::Timestamp::UNIX_EPOCH,
            peer: "127.0.0.1:1".into(),
            method: "POST".into(),
            path_and_query: "/".into(),
            headers: Headers::default(),
            body: vec![0; 1 << 20].into(),
            event: None,
            verdict: Verdict::Unchecked,
            original: None,
            relayed: None,
        },
    };
    let mut writer = Writer::new(Path::new("none"), db, |_| {});
    let failing = AtomicBool::new(false);
    let (waiter, _) = oneshot::channel();
    writer.write(
        vec![Op::Delivery(Arc::new(delivery.clone()), waiter)],
        &failing,
    );
    assert!(writer.is_behind());
    limit(&writer.db, "100000");
    delivery.request.verdict = Verdict::Unsigned;
    writer.write(vec![Op::Verdict(Arc::new(delivery.clone()))], &failing);
    assert!(!writer.is_behind() && !failing.into_inner());
    let sql = format!("SELECT {} FROM deliveries", rows::DELIVERY_COLUMNS);
    let read = writer.db.query_row(&sql, [], rows::delivery_of).unwrap();
    assert_eq!(read, Ok(delivery));
}
