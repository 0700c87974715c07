//! A Rust file as a flat list of tokens and comments, each with its line and whether only tests see
//! it. Rules read this instead of raw text, so a word inside a string is never taken for code.
//!
//! The lexer is proc-macro2's. It drops ordinary comments, so they are recovered as the text
//! between two tokens; doc comments come back as attributes and are recognised by their first byte.

use std::ops::Range;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

use super::tree::File;

/// A name, a literal, one punctuation character, or one bracket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
    pub in_test: bool,
    /// How many `mod name { .. }` bodies of this file enclose the token.
    pub module_depth: usize,
}

/// One line of a comment, its markers included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    pub text: String,
    pub line: usize,
    pub in_test: bool,
}

/// One Rust file, read.
#[derive(Debug)]
pub struct Source<'a> {
    pub path: &'a str,
    pub tokens: Vec<Token>,
    pub comments: Vec<Comment>,
}

impl<'a> Source<'a> {
    /// Reads `file`, or says why it is not Rust.
    pub fn read(file: &'a File) -> Result<Self, String> {
        let stream: TokenStream =
            file.text.parse().map_err(|error| format!("is not readable as Rust: {error}"))?;
        let line_starts = std::iter::once(0)
            .chain(file.text.match_indices('\n').map(|(at, _)| at + 1))
            .collect::<Vec<_>>();
        let mut reader = Reader {
            text: &file.text,
            line_starts,
            cursor: 0,
            tokens: Vec::new(),
            comments: Vec::new(),
        };
        let place = Place { in_test: is_test_path(&file.path), module_depth: 0 };
        reader.stream(stream, place);
        reader.comment(file.text.len(), place.in_test);
        Ok(Self { path: &file.path, tokens: reader.tokens, comments: reader.comments })
    }

    /// Whether the tokens from `at` on are exactly these texts.
    pub fn reads(&self, at: usize, texts: &[&str]) -> bool {
        let following = self.tokens.iter().skip(at).map(|token| token.text.as_str());
        following.take(texts.len()).eq(texts.iter().copied())
    }
}

/// A file that only tests compile: under `tests/` or `benches/`, or a test module of its own.
fn is_test_path(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    path.split('/').any(|part| part == "tests" || part == "benches")
        || name == "tests.rs"
        || name.ends_with("_tests.rs")
}

#[derive(Debug, Clone, Copy)]
struct Place {
    in_test: bool,
    module_depth: usize,
}

struct Reader<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
    /// End of the last token, in bytes.
    cursor: usize,
    tokens: Vec<Token>,
    comments: Vec<Comment>,
}

impl Reader<'_> {
    fn stream(&mut self, stream: TokenStream, mut outer: Place) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        // Set from a test attribute to the end of the item it stands on.
        let mut test_item = false;
        let mut at = 0;
        while at < trees.len() {
            match test_attribute(&trees[at..]) {
                Some(Attribute::OnNextItem) => test_item = true,
                Some(Attribute::OnWholeBody) => outer.in_test = true,
                None => {}
            }
            let place = Place { in_test: outer.in_test || test_item, ..outer };
            let tree = &trees[at];
            if self.is_doc_comment(tree) {
                let range = tree.span().byte_range();
                self.comment(range.end, place.in_test);
                while trees.get(at).is_some_and(|tree| tree.span().byte_range() == range) {
                    at += 1;
                }
                continue;
            }
            let ends_item = self.tree(tree, place, is_module_body(&trees, at));
            test_item &= !ends_item;
            at += 1;
        }
    }

    /// Records one token tree; `true` when it closes an item.
    fn tree(&mut self, tree: &TokenTree, place: Place, module_body: bool) -> bool {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                self.token(open, group.span_open(), place);
                let module_depth = place.module_depth + usize::from(module_body);
                self.stream(group.stream(), Place { module_depth, ..place });
                self.token(close, group.span_close(), place);
                group.delimiter() == Delimiter::Brace
            }
            TokenTree::Punct(punct) => {
                self.token(&punct.as_char().to_string(), punct.span(), place);
                punct.as_char() == ';'
            }
            TokenTree::Ident(_) | TokenTree::Literal(_) => {
                self.token(&tree.to_string(), tree.span(), place);
                false
            }
        }
    }

    fn token(&mut self, text: &str, span: Span, place: Place) {
        let Range { start, end } = span.byte_range();
        self.comment(start, place.in_test);
        self.cursor = end;
        self.tokens.push(Token {
            text: text.to_owned(),
            line: self.line(start),
            in_test: place.in_test,
            module_depth: place.module_depth,
        });
    }

    /// Records what stands between the last token and `end`: blanks and comments.
    fn comment(&mut self, end: usize, in_test: bool) {
        let text = self.text;
        let start = self.cursor.min(end);
        let first_line = self.line(start);
        for (offset, line) in text[start..end].lines().enumerate() {
            if !line.trim().is_empty() {
                let line_number = first_line + offset;
                self.comments.push(Comment { text: line.to_owned(), line: line_number, in_test });
            }
        }
        self.cursor = end;
    }

    fn line(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte)
    }

    fn is_doc_comment(&self, tree: &TokenTree) -> bool {
        let TokenTree::Punct(punct) = tree else { return false };
        let range = punct.span().byte_range();
        punct.as_char() == '#' && self.text[range].starts_with('/')
    }
}

enum Attribute {
    OnNextItem,
    OnWholeBody,
}

/// `#[test]`, `#[cfg(test)]` and their like at the start of `trees`.
fn test_attribute(trees: &[TokenTree]) -> Option<Attribute> {
    let punct = |at: usize, wanted: char| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    if !punct(0, '#') {
        return None;
    }
    let inner = punct(1, '!');
    let Some(TokenTree::Group(group)) = trees.get(1 + usize::from(inner)) else { return None };
    let words = words_in(group.stream());
    let has = |word: &str| words.iter().any(|found| found == word);
    let is_cfg = words.first().is_some_and(|word| word == "cfg");
    let for_tests = if is_cfg { has("test") && !has("not") } else { words == ["test"] };
    for_tests.then_some(if inner { Attribute::OnWholeBody } else { Attribute::OnNextItem })
}

fn words_in(stream: TokenStream) -> Vec<String> {
    let mut words = Vec::new();
    for tree in stream {
        match tree {
            TokenTree::Ident(ident) => words.push(ident.to_string()),
            TokenTree::Group(group) => words.extend(words_in(group.stream())),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
    words
}

/// Whether the group at `at` is the body of `mod name { .. }`.
fn is_module_body(trees: &[TokenTree], at: usize) -> bool {
    let is_mod = |tree: &TokenTree| matches!(tree, TokenTree::Ident(ident) if ident == "mod");
    at >= 2 && is_mod(&trees[at - 2]) && matches!(trees[at - 1], TokenTree::Ident(_))
}

fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        let file = File { path: "crates/x/src/lib.rs".to_owned(), text: text.to_owned() };
        let source = Source::read(&file).unwrap();
        let visible = |token: &&Token| !token.in_test;
        let tokens = source.tokens.iter().filter(visible).map(|token| token.text.clone()).collect();
        let comments = source
            .comments
            .iter()
            .map(|comment| format!("{} {}", comment.line, comment.text.trim()))
            .collect();
        (tokens, comments)
    }

    #[test]
    fn comments_are_recovered_with_their_lines() {
        let (tokens, comments) =
            read("//! head\n\n/// doc\nfn é() {} // tail\n/* two\nlines */\n// last");
        assert_eq!(tokens, ["fn", "é", "(", ")", "{", "}"]);
        assert_eq!(
            comments,
            ["1 //! head", "3 /// doc", "4 // tail", "5 /* two", "6 lines */", "7 // last"]
        );
    }

    #[test]
    fn an_item_only_tests_see_ends_where_the_item_ends() {
        let (tokens, _) = read("#[cfg(test)]\nmod t { fn a() {} }\nfn b() {}");
        assert_eq!(tokens, ["fn", "b", "(", ")", "{", "}"]);
        let (tokens, _) = read("#[cfg(not(test))]\nfn b();");
        assert!(tokens.contains(&"b".to_owned()));
    }
}
