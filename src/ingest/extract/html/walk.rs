//! A parsed page's elements as Markdown, walked without recursion: a page may nest them a million deep.
//!
//! Links are kept as their text and emphasis is dropped: text is stored to be searched and quoted word for word.

use dom_query::NodeRef;

use crate::ingest::extract::blocks::{Block, written};
use crate::ingest::extract::table::Table;

/// Elements whose contents are not text.
const SKIPPED: &[&str] = &[
    "script", "style", "noscript", "template", "svg", "math", "head", "iframe", "object", "canvas", "audio", "video",
    "select", "button", "textarea", "datalist",
];

/// Elements that stand within a line; all others begin and end a block.
const INLINE: &[&str] = &[
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "img",
    "input", "ins", "kbd", "label", "mark", "q", "ruby", "rb", "rp", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tt", "u", "var", "wbr",
];

/// A list that is open.
struct List {
    /// The number of its next item; `None` for bullets.
    number: Option<u64>,
}

/// A cell that is open, with what was being read around it.
struct Outside {
    blocks: Vec<Block>,
    lists: Vec<List>,
}

#[derive(Default)]
struct Walk {
    blocks: Vec<Block>,
    /// Text of the block being read.
    line: String,
    lists: Vec<List>,
    /// Counts outermost lists, so that items of different ones are set apart.
    list_id: u64,
    /// The marker of an item of which nothing has been written yet.
    marker: Option<String>,
    tables: Vec<Table>,
    cells: Vec<Outside>,
    /// How many `pre` are open.
    verbatim: usize,
    heading: Option<usize>,
}

/// What is below `root`, in Markdown.
pub(super) fn markdown(root: &NodeRef<'_>) -> String {
    let mut walk = Walk::default();
    let mut node = root.first_child();
    let mut depth = 0usize;
    while let Some(current) = node {
        let skipped = walk.enter(&current);
        if let Some(child) = current.first_child().filter(|_| !skipped) {
            depth += 1;
            node = Some(child);
            continue;
        }
        if !skipped {
            walk.leave(&current);
        }
        node = current.next_sibling();
        let mut above = current;
        while node.is_none() && depth > 0 {
            let Some(parent) = above.parent() else { break };
            walk.leave(&parent);
            depth -= 1;
            node = parent.next_sibling();
            above = parent;
        }
        if depth == 0 && node.is_none() {
            break;
        }
    }
    walk.flush();
    written(walk.blocks)
}

/// How deep elements are nested below `root`.
pub(super) fn depth(root: &NodeRef<'_>) -> usize {
    let (mut deepest, mut depth, mut node) = (0, 0usize, root.first_child());
    while let Some(current) = node {
        if let Some(child) = current.first_child() {
            depth += 1;
            deepest = deepest.max(depth);
            node = Some(child);
            continue;
        }
        node = current.next_sibling();
        let mut above = current;
        while node.is_none() && depth > 0 {
            let Some(parent) = above.parent() else { break };
            depth -= 1;
            node = parent.next_sibling();
            above = parent;
        }
    }
    deepest
}

impl Walk {
    /// Begins a node; true if its contents are to be skipped.
    fn enter(&mut self, node: &NodeRef<'_>) -> bool {
        if node.is_text() {
            self.say(&node.text());
            return false;
        }
        if !node.is_element() {
            return node.is_comment() || node.is_doctype();
        }
        let name = node.node_name().unwrap_or_default();
        let name: &str = &name;
        if SKIPPED.contains(&name) || is_hidden(node) {
            return true;
        }
        match name {
            "br" => self.line.push('\n'),
            "rt" => return true,
            _ if INLINE.contains(&name) => {}
            _ => {
                self.flush();
                self.begin(name, node);
            }
        }
        false
    }

    fn begin(&mut self, name: &str, node: &NodeRef<'_>) {
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading = name[1..].parse().ok(),
            "ul" | "ol" | "menu" => {
                if self.lists.is_empty() {
                    self.list_id += 1;
                }
                let start = node.attr("start").and_then(|start| start.parse().ok()).unwrap_or(1);
                self.lists.push(List { number: (name == "ol").then_some(start) });
            }
            "li" => {
                self.marker = Some(match self.lists.last_mut().and_then(|list| list.number.as_mut()) {
                    Some(number) => {
                        *number = number.saturating_add(1);
                        format!("{}. ", *number - 1)
                    }
                    None => "- ".to_owned(),
                });
            }
            "pre" | "listing" | "xmp" => self.verbatim += 1,
            "table" => self.tables.push(Table::default()),
            "tr" => self.tables.iter_mut().last().into_iter().for_each(Table::row),
            "td" | "th" if !self.tables.is_empty() => {
                let covered = |name: &str| node.attr(name).and_then(|count| count.trim().parse().ok()).unwrap_or(1);
                if let Some(table) = self.tables.last_mut() {
                    table.span(covered("colspan"), covered("rowspan"));
                }
                let blocks = std::mem::take(&mut self.blocks);
                self.cells.push(Outside { blocks, lists: std::mem::take(&mut self.lists) });
            }
            _ => {}
        }
    }

    fn leave(&mut self, node: &NodeRef<'_>) {
        let Some(name) = node.node_name().filter(|_| node.is_element()) else { return };
        let name: &str = &name;
        if name == "br" || INLINE.contains(&name) {
            return;
        }
        self.flush();
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.heading = None,
            "ul" | "ol" | "menu" => drop(self.lists.pop()),
            "li" => self.marker = None,
            "pre" | "listing" | "xmp" => self.verbatim = self.verbatim.saturating_sub(1),
            "td" | "th" => {
                let Some(outside) = self.cells.pop() else { return };
                let text = written(std::mem::replace(&mut self.blocks, outside.blocks));
                self.lists = outside.lists;
                if let Some(table) = self.tables.last_mut() {
                    table.cell(text);
                }
            }
            "table" => {
                let Some(table) = self.tables.pop() else { return };
                let text = if self.tables.is_empty() { table.markdown() } else { table.inline() };
                self.blocks.push(Block::Text(text));
            }
            _ => {}
        }
    }

    /// Adds text to the block being read, its white space collapsed unless it is verbatim.
    fn say(&mut self, text: &str) {
        if self.verbatim > 0 {
            self.line.push_str(text);
            return;
        }
        for c in text.chars() {
            match c.is_whitespace() {
                true if self.line.is_empty() || self.line.ends_with([' ', '\n']) => {}
                true => self.line.push(' '),
                false => self.line.push(c),
            }
        }
    }

    /// Ends the block being read.
    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if line.trim().is_empty() {
            return;
        }
        if self.verbatim > 0 {
            let fence = if line.contains("```") { "~~~~" } else { "```" };
            self.blocks.push(Block::Text(format!("{fence}\n{}\n{fence}", line.trim_matches('\n').trim_end())));
            return;
        }
        let text = line.trim().lines().map(str::trim).collect::<Vec<_>>();
        if let Some(level) = self.heading {
            self.blocks.push(Block::Text(format!("{} {}", "#".repeat(level), text.join(" "))));
            return;
        }
        if self.lists.is_empty() {
            self.blocks.push(Block::Text(text.join("\n")));
            return;
        }
        let indent = "  ".repeat((self.lists.len() - 1).min(8));
        let marker = self.marker.take().unwrap_or_else(|| "  ".to_owned());
        let text = format!("{indent}{marker}{}", text.join(&format!("\n{indent}  ")));
        self.blocks.push(Block::Item { list: self.list_id.to_string(), text });
    }
}

/// Whether a browser would not show `node`.
fn is_hidden(node: &NodeRef<'_>) -> bool {
    let style = node.attr("style").map(|style| style.replace(' ', "").to_ascii_lowercase()).unwrap_or_default();
    node.has_attr("hidden") || style.contains("display:none") || style.contains("visibility:hidden")
}
