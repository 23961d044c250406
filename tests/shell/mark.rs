//! `cmhook mark`.

use crate::kit::{Place, send_all};
use crate::support::upstream::Upstream;

fn marked(place: &Place) -> Vec<i64> {
    let db = rusqlite::Connection::open(place.store()).expect("the store");
    let mut statement = db
        .prepare("SELECT id FROM notes WHERE marked = 1 ORDER BY id")
        .expect("the table");
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|row| row.expect("an id")).collect()
}

#[test]
fn help_is_as_it_was_reviewed() {
    let place = Place::new();
    insta::assert_snapshot!("help_mark", place.run(&["mark", "--help"]).coded(0).text());
}

#[test]
fn marks_stay_and_go() {
    let place = Place::new();
    place.fill();
    let ran = place.run(&["mark", "1", "last~1"]).coded(0);
    assert_eq!(ran.stderr, "Marked 2 deliveries.\n");
    assert_eq!(marked(&place), [1, 4]);
    let app = Upstream::start();
    let mut listener = place.listener(&["--forward", &app.target()]);
    place.run(&["mark", "2"]).coded(0);
    let notice = listener.next("marked");
    assert_eq!(
        (&notice["delivery"], &notice["marked"]),
        (&2.into(), &true.into())
    );
    place.run(&["mark", "1..2", "--remove"]).coded(0);
    send_all(&mut listener);
    listener.stop();
    assert_eq!(marked(&place), [4]);
}
