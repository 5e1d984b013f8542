//! Blocks of Markdown in the order in which a document has them, and how they are set off from one another.

/// One block.
pub(super) enum Block {
    /// A heading, paragraph, table or fence.
    Text(String),
    /// An item with its marker and indent; items of one `list` stand on consecutive lines.
    Item { list: String, text: String },
}

/// The blocks as one text: items of one list on consecutive lines, all else set off by an empty line.
pub(super) fn written(blocks: Vec<Block>) -> String {
    let mut out = String::new();
    let mut last: Option<String> = None;
    for block in blocks {
        let (text, list) = match block {
            Block::Text(text) => (text, None),
            Block::Item { list, text } => (text, Some(list)),
        };
        if text.trim().is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push_str(if list.is_some() && list == last { "\n" } else { "\n\n" });
        }
        out.push_str(&text);
        last = list;
    }
    out
}
