//! A tree, drawn with lines for a terminal.

use std::fmt;

/// A line of text with what belongs below it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    text: String,
    below: Vec<Tree>,
}

/// Lists are broken into lines of about this many letters.
const WIDTH: usize = 76;

impl Tree {
    /// A line.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            below: Vec::new(),
        }
    }

    /// Adds a line below.
    pub(crate) fn leaf(&mut self, text: impl Into<String>) {
        self.below.push(Self::new(text));
    }

    /// Adds a tree below, unless it is only a heading.
    pub(crate) fn branch(&mut self, tree: Self) {
        if !tree.below.is_empty() {
            self.below.push(tree);
        }
    }

    /// Adds a tree below, also when nothing is below it.
    pub(crate) fn node(&mut self, tree: Self) {
        self.below.push(tree);
    }

    /// Adds words, as many lines as they need.
    pub(crate) fn words<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        let mut line = String::new();
        for word in words {
            if !line.is_empty() && line.len() + word.len() >= WIDTH {
                self.leaf(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() {
            self.leaf(line);
        }
    }

    /// Whether nothing is below it.
    pub(crate) fn is_bare(&self) -> bool {
        self.below.is_empty()
    }

    fn draw(&self, f: &mut fmt::Formatter<'_>, before: &str) -> fmt::Result {
        let last = self.below.len().saturating_sub(1);
        for (at, tree) in self.below.iter().enumerate() {
            let (corner, beside) = match at == last {
                true => ("└─ ", "   "),
                false => ("├─ ", "│  "),
            };
            writeln!(f, "{before}{corner}{}", tree.text)?;
            tree.draw(f, &format!("{before}{beside}"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.draw(f, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lead_to_what_is_below() {
        let mut tree = Tree::new("root");
        let mut branch = Tree::new("branch");
        branch.leaf("leaf");
        tree.branch(branch);
        tree.branch(Tree::new("bare"));
        tree.leaf("last");
        let drawn = "root\n├─ branch\n│  └─ leaf\n└─ last\n";
        assert_eq!(tree.to_string(), drawn);
    }
}
