//! From tokens to a tree: `-` binds tightest, then AND, which needs no word, then OR.

use jiff::Zoned;

use super::error::FilterError;
use super::lex::{Kind, Token, tokens};
use super::read;
use super::term::Term;

/// Parentheses within parentheses. Each takes stack, and nobody needs so many.
const MAX_DEPTH: usize = 64;

/// What a filter asks for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// All of these; nothing is asked for by none.
    All(Vec<Node>),
    /// At least one of these.
    Any(Vec<Node>),
    /// Not this.
    Not(Box<Node>),
    Term(Term),
}

impl Node {
    /// All of these, the ones that are cheap to tell first.
    fn all(mut nodes: Vec<Self>) -> Self {
        if nodes.len() == 1 {
            return nodes.remove(0);
        }
        nodes.sort_by_key(Self::cost);
        Self::All(nodes)
    }

    /// At least one of these, the ones that are cheap to tell first.
    pub(super) fn any(mut nodes: Vec<Self>) -> Self {
        if nodes.len() == 1 {
            return nodes.remove(0);
        }
        nodes.sort_by_key(Self::cost);
        Self::Any(nodes)
    }

    fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Nothing changes by the order but the time that it takes.
    fn cost(&self) -> u8 {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().map(Self::cost).max().unwrap_or(0),
            Self::Not(inner) => inner.cost(),
            Self::Term(term) => term.cost(),
        }
    }

    /// Whether a term of it, however deep, is like that.
    pub(super) fn has(&self, like: &impl Fn(&Term) -> bool) -> bool {
        match self {
            Self::All(nodes) | Self::Any(nodes) => nodes.iter().any(|node| node.has(like)),
            Self::Not(inner) => inner.has(like),
            Self::Term(term) => like(term),
        }
    }
}

/// Reads a whole filter.
pub(super) fn parse(text: &str, now: &Zoned) -> Result<Node, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut parser = Parser {
        tokens: tokens(text)?,
        at: 0,
        chars: &chars,
        now,
    };
    if parser.tokens.is_empty() {
        return Ok(Node::All(Vec::new()));
    }
    let node = parser.either(0)?;
    match parser.peek() {
        None => Ok(node),
        Some(token) => Err(FilterError::at(token.column, "this `)` closes nothing")),
    }
}

struct Parser<'t> {
    tokens: Vec<Token>,
    at: usize,
    chars: &'t [char],
    now: &'t Zoned,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is_next(&self, kind: &Kind) -> bool {
        self.peek().is_some_and(|token| token.kind == *kind)
    }

    /// `a OR b`.
    fn either(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.both(depth)?];
        while self.is_next(&Kind::Or) {
            self.at += 1;
            nodes.push(self.both(depth)?);
        }
        Ok(Node::any(nodes))
    }

    /// `a b` and `a AND b`.
    fn both(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut nodes = vec![self.one(depth)?];
        while let Some(token) = self.peek() {
            match token.kind {
                Kind::Or | Kind::Close => break,
                Kind::And => self.at += 1,
                _ => {}
            }
            nodes.push(self.one(depth)?);
        }
        Ok(Node::all(nodes))
    }

    /// A term, or something in parentheses, with any number of `-` before it.
    fn one(&mut self, depth: usize) -> Result<Node, FilterError> {
        let mut negated = false;
        loop {
            let Some(token) = self.tokens.get(self.at) else {
                return Err(self.missing());
            };
            self.at += 1;
            let column = token.column;
            let node = match &token.kind {
                Kind::Not => {
                    negated = !negated;
                    let dash = self.chars.get(column) == Some(&'-');
                    if dash && self.chars.get(column + 1).is_none_or(|c| c.is_whitespace()) {
                        return Err(FilterError::at(
                            column,
                            "`-` needs a term right behind it; a dash itself is `\"-\"`",
                        ));
                    }
                    continue;
                }
                Kind::Open => self.inside(column, depth)?,
                Kind::Word(letters, quoted) => {
                    read::term(letters, *quoted, self.chars, column, self.now)?
                }
                Kind::Close | Kind::And | Kind::Or => {
                    self.at -= 1;
                    return Err(self.missing());
                }
            };
            return Ok(if negated { node.not() } else { node });
        }
    }

    /// What stands in the parentheses that were opened at `column`.
    fn inside(&mut self, column: usize, depth: usize) -> Result<Node, FilterError> {
        if depth == MAX_DEPTH {
            let message = format!("parentheses are {MAX_DEPTH} deep at most");
            return Err(FilterError::at(column, message));
        }
        if self.is_next(&Kind::Close) {
            return Err(FilterError::at(
                column,
                "there is nothing between these parentheses",
            ));
        }
        if self.peek().is_none() {
            return Err(FilterError::at(column, "this `(` is not closed"));
        }
        let node = self.either(depth + 1)?;
        if !self.is_next(&Kind::Close) {
            return Err(FilterError::at(column, "this `(` is not closed"));
        }
        self.at += 1;
        Ok(node)
    }

    /// The error for a place where a term belongs and something else or nothing stands.
    fn missing(&self) -> FilterError {
        let words = |kind: &Kind| match kind {
            Kind::And => Some("AND"),
            Kind::Or => Some("OR"),
            _ => None,
        };
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        for token in [before, self.peek()].into_iter().flatten() {
            if let Some(word) = words(&token.kind) {
                let message =
                    format!("`{word}` needs a term on both sides; the word itself is `\"{word}\"`");
                return FilterError::at(token.column, message);
            }
        }
        match self.peek() {
            Some(token) if token.kind == Kind::Close && self.at == 0 => {
                FilterError::at(token.column, "this `)` closes nothing")
            }
            Some(token) => FilterError::at(token.column, "a term is missing here"),
            None => FilterError::at(self.chars.len(), "a term is missing here"),
        }
    }
}
