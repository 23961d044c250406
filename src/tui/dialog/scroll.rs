//! A window on more lines than there is room for.

/// Where it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::tui) struct Scroll {
    /// Index of the first line that is seen.
    pub(in crate::tui) top: usize,
    /// Lines that there is room for.
    pub(in crate::tui) height: usize,
    /// Lines that there are.
    pub(in crate::tui) count: usize,
}

impl Scroll {
    /// Takes note of how many lines there are and how many there is room for.
    pub(super) fn fit(&mut self, count: usize, height: usize) {
        (self.count, self.height) = (count, height);
        self.step(0);
    }

    /// Moves by so many lines.
    pub(super) fn step(&mut self, by: isize) {
        let last = self.count.saturating_sub(self.height);
        self.top = self.top.saturating_add_signed(by).min(last);
    }

    /// Moves by so many windows, with a line in common.
    pub(super) fn page(&mut self, by: isize) {
        let lines = isize::try_from(self.height.max(2) - 1).unwrap_or(1);
        self.step(by.saturating_mul(lines));
    }

    /// Moves so that this line is seen.
    pub(super) fn show(&mut self, line: usize) {
        let last = self.count.saturating_sub(self.height);
        self.top = self
            .top
            .clamp((line + 1).saturating_sub(self.height.max(1)), line)
            .min(last);
    }

    /// What is seen, where that is not all.
    pub(in crate::tui) fn seen(&self) -> Option<(usize, usize)> {
        let below = self.top + self.height;
        (self.height < self.count).then_some((self.top + 1, below.min(self.count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_on_the_lines() {
        let mut scroll = Scroll::default();
        scroll.page(1);
        scroll.fit(10, 4);
        assert_eq!((scroll.top, scroll.seen()), (0, Some((1, 4))));
        scroll.page(1);
        assert_eq!(scroll.top, 3);
        scroll.step(isize::MAX);
        assert_eq!((scroll.top, scroll.seen()), (6, Some((7, 10))));
        scroll.fit(10, 8);
        assert_eq!(scroll.top, 2);
        scroll.fit(10, 3);
        scroll.show(9);
        assert_eq!(scroll.top, 7);
        scroll.show(1);
        assert_eq!(scroll.top, 1);
        scroll.step(isize::MIN);
        assert_eq!(scroll.top, 0);
        scroll.fit(3, 3);
        assert_eq!(scroll.seen(), None);
        scroll.fit(3, 0);
        scroll.show(2);
        assert!(scroll.top <= 3);
    }
}
