//! Where everything stands, for drawing and for the mouse alike.
//!
//! ```text
//! wide                      stacked              single
//! header                    header               header
//! ───────────┬───────────   ──────────────────   ──────────────
//! list       │ detail       list                 list or detail
//!            │              ──────────────────
//!            │              detail
//! ───────────┴───────────   ──────────────────   ──────────────
//! footer                    footer               footer
//! ```

use ratatui::layout::Rect;

/// From so many columns on, list and detail stand side by side.
const WIDE: u16 = 100;
/// With fewer columns or rows than these there is one pane at a time.
const NARROW: u16 = 60;
const LOW: u16 = 15;
/// The list's columns beside the detail, at least and at most.
const LIST: (u16, u16) = (52, 64);

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pane {
    List,
    Detail,
}

/// How the panes stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Wide,
    Stacked,
    Single,
}

/// The places of everything; empty where there is no room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) shape: Shape,
    pub(super) header: Rect,
    /// The line below the header.
    pub(super) top_rule: Rect,
    pub(super) list: Rect,
    /// What stands between the panes: a column, a row or nothing.
    pub(super) divide: Rect,
    pub(super) detail: Rect,
    /// The line above the footer.
    pub(super) bottom_rule: Rect,
    pub(super) footer: Rect,
}

/// Lays out a terminal of so many columns and rows, with so many header lines wanted.
pub(super) fn areas((width, height): (u16, u16), pane: Pane, header_lines: u16) -> Areas {
    let mut rest = Rect::new(0, 0, width, height);
    // What can be done without goes first where there are few rows.
    let rules = height >= 10;
    let header_lines = match height {
        0..=3 => 0,
        4..=9 => 1,
        _ => header_lines,
    };
    let header = take_top(&mut rest, header_lines);
    let top_rule = take_top(&mut rest, u16::from(rules));
    let footer = take_bottom(&mut rest, u16::from(height >= 3));
    let bottom_rule = take_bottom(&mut rest, u16::from(rules));
    let shape = if width < NARROW || height < LOW {
        Shape::Single
    } else if width < WIDE {
        Shape::Stacked
    } else {
        Shape::Wide
    };
    let (list, divide, detail) = match shape {
        Shape::Single if pane == Pane::List => (rest, Rect::default(), Rect::default()),
        Shape::Single => (Rect::default(), Rect::default(), rest),
        Shape::Stacked => {
            let mut lower = rest;
            let list = take_top(&mut lower, rest.height * 2 / 5);
            let divide = take_top(&mut lower, 1);
            (list, divide, lower)
        }
        Shape::Wide => {
            let columns = (width * 48 / 100).clamp(LIST.0, LIST.1);
            let list = Rect {
                width: columns,
                ..rest
            };
            let divide = Rect {
                x: columns,
                width: 1,
                ..rest
            };
            let detail = Rect {
                x: columns + 1,
                width: width - columns - 1,
                ..rest
            };
            (list, divide, detail)
        }
    };
    Areas {
        shape,
        header,
        top_rule,
        list,
        divide,
        detail,
        bottom_rule,
        footer,
    }
}

fn take_top(rest: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(rest.height);
    let taken = Rect {
        height: lines,
        ..*rest
    };
    rest.y += lines;
    rest.height -= lines;
    taken
}

fn take_bottom(rest: &mut Rect, lines: u16) -> Rect {
    let lines = lines.min(rest.height);
    rest.height -= lines;
    Rect {
        y: rest.y + rest.height,
        height: lines,
        ..*rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overlaps_and_nothing_leaves_the_screen() {
        for width in 0..130 {
            for height in 0..40 {
                for pane in [Pane::List, Pane::Detail] {
                    let all = areas((width, height), pane, 2);
                    let parts = [
                        all.header,
                        all.top_rule,
                        all.list,
                        all.divide,
                        all.detail,
                        all.bottom_rule,
                        all.footer,
                    ];
                    let cells: u32 = parts.iter().map(|part| part.area()).sum();
                    assert_eq!(cells, u32::from(width) * u32::from(height));
                    for (at, part) in parts.iter().enumerate() {
                        assert!(part.right() <= width && part.bottom() <= height);
                        for other in &parts[at + 1..] {
                            assert!(part.intersection(*other).is_empty());
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn shapes_are_those_that_fit() {
        let shape = |width, height| areas((width, height), Pane::List, 1).shape;
        assert_eq!(shape(100, 15), Shape::Wide);
        assert_eq!(shape(99, 15), Shape::Stacked);
        assert_eq!(shape(60, 20), Shape::Stacked);
        assert_eq!(shape(59, 40), Shape::Single);
        assert_eq!(shape(200, 14), Shape::Single);
    }
}
