//! The keys: one table makes the resolver, the footer, the help and the page in `docs/`.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    ScrollLeft,
    ScrollRight,
    NextFailure,
    PreviousFailure,
    Open,
    Back,
    NextPane,
    PreviousPane,
    Tab(usize),
    NextTab,
    PreviousTab,
    Filter,
    Follow,
    Replay,
    ReplayAll,
    Edit,
    Trigger,
    Target,
    Secret,
    Pause,
    Mark,
    Compare,
    Copy,
    Export,
    Delete,
    Clear,
    Fold,
    FoldAll,
    UnfoldAll,
    ShowAs,
    Wrap,
    Times,
    Mouse,
    Warnings,
    Help,
    Redraw,
    Suspend,
    Quit,
    QuitNow,
    Page,
    Url,
}

/// Where a key works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    List,
    Detail,
    /// The payload's tree.
    Tree,
}

/// What a key belongs to, in the help's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Moving,
    Looking,
    Delivery,
    Listener,
    Screen,
}

impl Group {
    pub(super) const ALL: [Self; 5] = [
        Self::Moving,
        Self::Looking,
        Self::Delivery,
        Self::Listener,
        Self::Screen,
    ];

    /// Its title.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Moving => "Moving",
            Self::Looking => "Looking",
            Self::Delivery => "The selected delivery",
            Self::Listener => "The listener",
            Self::Screen => "The screen",
        }
    }
}

/// A key as it is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Ctrl(char),
    Code(KeyCode),
}

impl Key {
    fn is(self, pressed: KeyEvent) -> bool {
        let control = pressed.modifiers.contains(KeyModifiers::CONTROL);
        let alt = pressed.modifiers.contains(KeyModifiers::ALT);
        match (self, pressed.code) {
            _ if alt => false,
            (Self::Char(wanted), KeyCode::Char(given)) => wanted == given && !control,
            (Self::Ctrl(wanted), KeyCode::Char(given)) => {
                wanted == given.to_ascii_lowercase() && control
            }
            (Self::Code(wanted), given) => wanted == given,
            _ => false,
        }
    }

    /// How it is written for people.
    pub(super) fn shown(self) -> String {
        match self {
            Self::Char(' ') => "Space".into(),
            Self::Char(c) => c.into(),
            Self::Ctrl(c) => format!("Ctrl-{}", c.to_ascii_uppercase()),
            Self::Code(KeyCode::Up) => "↑".into(),
            Self::Code(KeyCode::Down) => "↓".into(),
            Self::Code(KeyCode::Left) => "←".into(),
            Self::Code(KeyCode::Right) => "→".into(),
            Self::Code(KeyCode::BackTab) => "Shift-Tab".into(),
            // Systems have names of their own for these, or long ones.
            Self::Code(KeyCode::Enter) => "Enter".into(),
            Self::Code(KeyCode::Delete) => "Del".into(),
            Self::Code(KeyCode::PageUp) => "PgUp".into(),
            Self::Code(KeyCode::PageDown) => "PgDn".into(),
            Self::Code(code) => code.to_string(),
        }
    }
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Binding {
    pub(super) keys: &'static [Key],
    pub(super) action: Action,
    pub(super) place: Place,
    pub(super) group: Group,
    /// What it does.
    pub(super) does: &'static str,
    /// The same in a word for the footer, with how much it matters there: the lowest is
    /// shown first. Without one it is in the help only.
    pub(super) brief: Option<(&'static str, u8)>,
}

const fn bind(
    keys: &'static [Key],
    action: Action,
    place: Place,
    group: Group,
    does: &'static str,
) -> Binding {
    Binding {
        keys,
        action,
        place,
        group,
        does,
        brief: None,
    }
}

impl Binding {
    const fn brief(mut self, word: &'static str, rank: u8) -> Self {
        self.brief = Some((word, rank));
        self
    }
}

use Action as A;
use Group as G;
use Key::{Char, Code, Ctrl};
use Place as P;

/// All keys, in the help's order. Where two lines have the same key, the first whose place
/// fits counts.
#[rustfmt::skip]
pub(super) const TABLE: &[Binding] = &[
    bind(&[Code(KeyCode::Up), Char('k')], A::Up, P::Anywhere, G::Moving, "up"),
    bind(&[Code(KeyCode::Down), Char('j')], A::Down, P::Anywhere, G::Moving, "down").brief("move", 0),
    bind(&[Code(KeyCode::PageUp), Ctrl('b'), Ctrl('u')], A::PageUp, P::Anywhere, G::Moving, "a page up"),
    bind(&[Code(KeyCode::PageDown), Ctrl('f'), Ctrl('d')], A::PageDown, P::Anywhere, G::Moving, "a page down"),
    bind(&[Char('g'), Code(KeyCode::Home)], A::First, P::Anywhere, G::Moving, "to the first"),
    bind(&[Char('G'), Code(KeyCode::End)], A::Last, P::Anywhere, G::Moving, "to the last; in the list it follows again"),
    bind(&[Char('n')], A::NextFailure, P::Anywhere, G::Moving, "to the next that failed").brief("next failed", 13),
    bind(&[Char('N')], A::PreviousFailure, P::Anywhere, G::Moving, "to the previous that failed").brief("previous failed", 12),
    bind(&[Char('f')], A::Follow, P::Anywhere, G::Moving, "follow the newest, or stay").brief("follow", 11),
    bind(&[Code(KeyCode::Enter), Char(' '), Char('h'), Char('l'), Code(KeyCode::Left), Code(KeyCode::Right)], A::Fold, P::Tree, G::Looking, "fold or unfold the value at the cursor").brief("fold", 4),
    bind(&[Code(KeyCode::Enter), Char('d'), Char('l'), Code(KeyCode::Right)], A::Open, P::List, G::Looking, "the detail of the selected delivery").brief("open", 1),
    bind(&[Code(KeyCode::Esc)], A::Back, P::Anywhere, G::Looking, "back: to the list, out of the filter").brief("back", 10),
    bind(&[Code(KeyCode::Tab)], A::NextPane, P::Anywhere, G::Looking, "the other pane").brief("pane", 15),
    bind(&[Code(KeyCode::BackTab)], A::PreviousPane, P::Anywhere, G::Looking, "the other pane"),
    bind(&[Char('1')], A::Tab(0), P::Anywhere, G::Looking, "payload"),
    bind(&[Char('2')], A::Tab(1), P::Anywhere, G::Looking, "headers"),
    bind(&[Char('3')], A::Tab(2), P::Anywhere, G::Looking, "response of the selected attempt"),
    bind(&[Char('4')], A::Tab(3), P::Anywhere, G::Looking, "attempts"),
    bind(&[Char('5')], A::Tab(4), P::Anywhere, G::Looking, "signature, and why it fails"),
    bind(&[Char('6')], A::Tab(5), P::Anywhere, G::Looking, "the raw request"),
    bind(&[Char(']'), Char('l'), Code(KeyCode::Right)], A::NextTab, P::Detail, G::Looking, "next tab").brief("tab", 3),
    bind(&[Char('['), Char('h'), Code(KeyCode::Left)], A::PreviousTab, P::Detail, G::Looking, "previous tab"),
    bind(&[Char('/')], A::Filter, P::Anywhere, G::Looking, "filter the list").brief("filter", 5),
    bind(&[Char('o')], A::ShowAs, P::Anywhere, G::Looking, "payload as a tree, as text, in hex").brief("text", 14),
    bind(&[Char('-')], A::FoldAll, P::Anywhere, G::Looking, "fold all of the payload"),
    bind(&[Char('+')], A::UnfoldAll, P::Anywhere, G::Looking, "unfold all of the payload"),
    bind(&[Char('W')], A::Wrap, P::Anywhere, G::Looking, "wrap long lines, or cut them"),
    bind(&[Char('<')], A::ScrollLeft, P::Anywhere, G::Looking, "cut lines to the left"),
    bind(&[Char('>')], A::ScrollRight, P::Anywhere, G::Looking, "cut lines to the right"),
    bind(&[Char('r')], A::Replay, P::Anywhere, G::Delivery, "replay it: the same bytes once more").brief("replay", 2),
    bind(&[Char('e')], A::Edit, P::Anywhere, G::Delivery, "edit it in $EDITOR and send it as a new delivery").brief("edit", 6),
    bind(&[Char('c'), Char('y')], A::Copy, P::Anywhere, G::Delivery, "copy: curl, payload, headers, response, id").brief("copy", 7),
    bind(&[Char('x')], A::Export, P::Anywhere, G::Delivery, "export it to a file").brief("export", 17),
    bind(&[Char('m')], A::Mark, P::Anywhere, G::Delivery, "mark it, or take its mark away").brief("mark", 16),
    bind(&[Char('=')], A::Compare, P::Anywhere, G::Delivery, "compare it with the marked one").brief("compare", 9),
    bind(&[Char('D'), Code(KeyCode::Delete)], A::Delete, P::Anywhere, G::Delivery, "delete it"),
    bind(&[Char('R')], A::ReplayAll, P::Anywhere, G::Listener, "replay all that the filter shows"),
    bind(&[Char('t')], A::Trigger, P::Anywhere, G::Listener, "trigger a sample event").brief("trigger", 8),
    bind(&[Char('T')], A::Target, P::Anywhere, G::Listener, "change the target"),
    bind(&[Char('s')], A::Secret, P::Anywhere, G::Listener, "add a secret and verify all again"),
    bind(&[Char('u')], A::Url, P::Anywhere, G::Listener, "copy the public URL, or the local one").brief("URL", 8),
    bind(&[Char('p')], A::Pause, P::Anywhere, G::Listener, "pause forwarding, or go on").brief("pause", 18),
    bind(&[Char('Z')], A::Clear, P::Anywhere, G::Listener, "delete all deliveries"),
    bind(&[Char('?')], A::Help, P::Anywhere, G::Screen, "all keys").brief("keys", 19),
    bind(&[Char('w')], A::Page, P::Anywhere, G::Screen, "open it in the web inspector").brief("web", 9),
    bind(&[Char('!')], A::Warnings, P::Anywhere, G::Screen, "all warnings and refused requests"),
    bind(&[Char('i')], A::Times, P::Anywhere, G::Screen, "the time, or how long ago"),
    bind(&[Char('M')], A::Mouse, P::Anywhere, G::Screen, "mouse off, so that the terminal selects text, or on"),
    bind(&[Ctrl('l')], A::Redraw, P::Anywhere, G::Screen, "redraw"),
    bind(&[Ctrl('z')], A::Suspend, P::Anywhere, G::Screen, "suspend; `fg` goes on"),
    bind(&[Char('q')], A::Quit, P::Anywhere, G::Screen, "quit").brief("quit", 20),
    bind(&[Ctrl('c')], A::QuitNow, P::Anywhere, G::Screen, "quit without asking"),
];

/// What a key asks for in a place that has its keys and those of the places around it.
pub(super) fn resolve(places: &[Place], pressed: KeyEvent) -> Option<Action> {
    places.iter().find_map(|place| {
        let here = |binding: &&Binding| binding.place == *place;
        let hit = |binding: &&Binding| binding.keys.iter().any(|key| key.is(pressed));
        TABLE
            .iter()
            .filter(here)
            .find(hit)
            .map(|binding| binding.action)
    })
}

/// The first line of the table that has this action.
pub(super) fn binding(action: Action) -> Option<&'static Binding> {
    TABLE.iter().find(|binding| binding.action == action)
}

/// What the footer names in these places, the first matters most.
pub(super) fn briefs(places: &[Place]) -> Vec<(&'static Binding, &'static str)> {
    let mut found: Vec<_> = TABLE
        .iter()
        .filter(|binding| places.contains(&binding.place))
        .filter_map(|binding| Some((binding, binding.brief?)))
        .collect();
    found.sort_by_key(|(_, (_, rank))| *rank);
    found
        .into_iter()
        .map(|(binding, (word, _))| (binding, word))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn no_key_means_two_things_in_one_place() {
        for (at, binding) in TABLE.iter().enumerate() {
            for other in &TABLE[at + 1..] {
                let same = binding.keys.iter().any(|key| other.keys.contains(key));
                assert!(
                    !same || binding.place != other.place,
                    "{:?} and {:?}",
                    binding.action,
                    other.action
                );
            }
        }
    }

    #[test]
    fn the_nearest_place_counts() {
        let enter = press(KeyCode::Enter, KeyModifiers::NONE);
        let tree = [Place::Tree, Place::Detail, Place::Anywhere];
        assert_eq!(resolve(&tree, enter), Some(Action::Fold));
        assert_eq!(
            resolve(&[Place::List, Place::Anywhere], enter),
            Some(Action::Open)
        );
        assert_eq!(resolve(&[Place::Detail, Place::Anywhere], enter), None);
    }

    #[test]
    fn shift_is_part_of_a_letter_and_control_is_not() {
        let places = [Place::List, Place::Anywhere];
        let shifted = press(KeyCode::Char('R'), KeyModifiers::SHIFT);
        assert_eq!(resolve(&places, shifted), Some(Action::ReplayAll));
        let control = press(KeyCode::Char('r'), KeyModifiers::CONTROL);
        assert_eq!(resolve(&places, control), None);
        let quit = press(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(resolve(&places, quit), Some(Action::QuitNow));
    }

    /// The table as the documents have it.
    fn documented() -> Vec<(&'static str, Vec<String>)> {
        let row = |binding: &Binding| {
            let keys: Vec<_> = binding.keys.iter().map(|key| key.shown()).collect();
            format!("| `{}` | {} |", keys.join("` `"), binding.does)
        };
        let rows = |group| {
            let of_it = |binding: &&Binding| binding.group == group;
            TABLE.iter().filter(of_it).map(row).collect()
        };
        Group::ALL.map(|group| (group.title(), rows(group))).into()
    }

    #[test]
    fn the_documents_have_these_keys() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(root.join("docs/screen.md")).unwrap();
        let mut all = Vec::new();
        for (title, rows) in documented() {
            let table = format!(
                "### {title}\n\n| keys | what they do |\n| --- | --- |\n{}\n",
                rows.join("\n")
            );
            assert!(page.contains(&table), "docs/screen.md lacks this:\n{table}");
            all.extend(rows);
        }
        assert_eq!(
            page.matches("\n| `").count(),
            all.len(),
            "docs/screen.md has more keys"
        );
        let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
        let keys = readme.split("## The screen").nth(1).unwrap();
        let keys = keys.split("\nIn a pipe").next().unwrap();
        let rows: Vec<_> = keys
            .lines()
            .filter(|line| line.starts_with("| `"))
            .collect();
        assert!(!rows.is_empty());
        for row in rows {
            assert!(all.iter().any(|one| one == row), "README.md has `{row}`");
        }
    }
}
