//! Where dialogs stand, for their state and for drawing alike.

use ratatui::layout::Rect;

/// With fewer columns a dialog has the whole width, and no lines at its sides.
const NARROW: u16 = 40;
/// With fewer rows it has no line above and below either.
const LOW: u16 = 3;
/// With fewer rows a dialog may have all of them.
const SHORT: u16 = 20;
/// From so many rows in a dialog on, an empty one sets its input apart.
const ROOMY: u16 = 6;

/// Where a dialog stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Place {
    /// All of it.
    pub(in crate::tui) outer: Rect,
    /// What its frame leaves.
    pub(in crate::tui) inner: Rect,
}

/// A box somewhat above the middle, of no more than so many columns, its frame included, and
/// with so many rows in it, as far as the terminal has them.
pub(in crate::tui) fn middle(size: (u16, u16), columns: u16, rows: u16) -> Place {
    // Header, footer and some of the list stay in sight.
    let most = if size.1 < SHORT { size.1 } else { size.1 - 6 };
    let width = if size.0 < NARROW {
        size.0
    } else {
        columns.min(size.0 - 4)
    };
    let height = rows.saturating_add(2).min(most);
    framed(Rect {
        x: (size.0 - width) / 2,
        y: (size.1 - height) / 3,
        width,
        height,
    })
}

/// The whole screen, but for the rows of header and footer where there are enough.
pub(in crate::tui) fn sheet(size: (u16, u16)) -> Place {
    let above = u16::from(size.1 >= SHORT);
    framed(Rect {
        x: 0,
        y: above,
        width: size.0,
        height: size.1 - 2 * above,
    })
}

/// What is left below a line of input, and below an empty one where there is room for that.
pub(in crate::tui) fn below_input(inner: Rect) -> Rect {
    let above = if inner.height >= ROOMY { 2 } else { 1 }.min(inner.height);
    Rect {
        y: inner.y + above,
        height: inner.height - above,
        ..inner
    }
}

/// Columns that [`middle`] leaves for what stands in the box.
pub(in crate::tui) fn room(size: (u16, u16), columns: u16) -> usize {
    usize::from(middle(size, columns, 1).inner.width)
}

fn framed(outer: Rect) -> Place {
    let beside = if has_sides(outer) { 2 } else { 0 };
    let above = u16::from(has_rules(outer));
    let inner = Rect {
        x: outer.x + beside,
        y: outer.y + above,
        width: outer.width - 2 * beside,
        height: outer.height - 2 * above,
    };
    Place { outer, inner }
}

/// Whether a box of that size has lines at its sides.
pub(in crate::tui) const fn has_sides(outer: Rect) -> bool {
    outer.width >= NARROW - 4 && has_rules(outer)
}

/// Whether a box of that size has lines above and below.
pub(in crate::tui) const fn has_rules(outer: Rect) -> bool {
    outer.height >= LOW
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_the_screen() {
        for width in 0..130 {
            for height in 0..50 {
                let size = (width, height);
                for place in [middle(size, 64, 5), middle(size, 200, 90), sheet(size)] {
                    let screen = Rect::new(0, 0, width, height);
                    assert_eq!(place.outer.intersection(screen), place.outer);
                    assert_eq!(place.inner.intersection(place.outer), place.inner);
                    assert!(height == 0 || place.inner.height > 0, "{size:?}");
                }
            }
        }
    }
}
