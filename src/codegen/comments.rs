//! Comments of `.proto` files as documentation of Rust items.

use prost_types::FileDescriptorSet;
use std::string::String;
use std::vec::Vec;

/// Makes every comment harmless as a doc comment: code in it is not Rust, and an angle bracket is not HTML.
pub(super) fn clean(files: &mut FileDescriptorSet) {
    let locations = files.file.iter_mut().filter_map(|file| file.source_code_info.as_mut());
    for location in locations.flat_map(|info| &mut info.location) {
        for comment in [&mut location.leading_comments, &mut location.trailing_comments].into_iter().flatten() {
            *comment = cleaned(comment);
        }
    }
}

/// Markdown that rustdoc shows as the comment's author meant it, with one space before each line.
fn cleaned(comment: &str) -> String {
    let mut out = Vec::new();
    let mut fence: Option<&str> = None;
    let (mut indented, mut in_list, mut after_blank) = (false, false, true);
    for line in comment.lines() {
        let line = line.trim_end().replace('\t', "    ");
        // Nearly all authors put a space behind the slashes.
        let line = line.strip_prefix(' ').unwrap_or(&line);
        let text = line.trim_start();
        if let Some(mark) = fence {
            out.push(String::from(line));
            if text.starts_with(mark) {
                fence = None;
            }
            continue;
        }
        let is_code = line.starts_with("    ") && !in_list && (after_blank || indented);
        if indented && !is_code && !text.is_empty() {
            // Blank lines at its end are outside of the block.
            let end = out.iter().rposition(|line: &String| !line.is_empty()).map_or(0, |last| last + 1);
            out.insert(end, String::from("```"));
            indented = false;
        }
        if let Some(mark) = ["```", "~~~"].into_iter().find(|mark| text.starts_with(mark)) {
            fence = Some(mark);
            // Whatever language it is in, it is no test of the generated crate.
            out.push(std::format!("{mark}text"));
        } else if is_code {
            if !indented {
                out.push(String::from("```text"));
                indented = true;
            }
            out.push(String::from(line.get(4..).unwrap_or_default()));
        } else if indented {
            out.push(String::new());
        } else {
            let is_item = text.starts_with(['-', '*', '+']) || text.starts_with(|c: char| c.is_ascii_digit());
            in_list = is_item || (in_list && (text.is_empty() || line.starts_with(' ')));
            out.push(escaped(line));
        }
        after_blank = text.is_empty();
    }
    if indented || fence.is_some() {
        out.push(String::from(fence.unwrap_or("```")));
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    out.iter().fold(String::new(), |mut all, line| {
        if !line.is_empty() {
            all.push(' ');
            all.push_str(line);
        }
        all.push('\n');
        all
    })
}

/// `<` that would begin a tag, outside of code, escaped.
fn escaped(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut code = false;
    let mut rest = line.chars().peekable();
    while let Some(c) = rest.next() {
        code ^= c == '`';
        let mut begins_tag = || rest.peek().is_some_and(|next| next.is_alphabetic() || matches!(next, '/' | '!' | '?'));
        if c == '<' && !code && !out.ends_with('\\') && begins_tag() {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::cleaned;

    #[test]
    fn prose_stays_as_it_is() {
        assert_eq!(cleaned(" One.\n\n Two:\n * a\n   b\n"), " One.\n\n Two:\n * a\n   b\n");
        assert_eq!(cleaned("no space\n"), " no space\n");
    }

    #[test]
    fn code_is_no_doctest() {
        assert_eq!(
            cleaned(" Like:\n\n     let x;\n\n     y\n\n Done.\n"),
            " Like:\n\n ```text\n let x;\n\n y\n ```\n\n Done.\n"
        );
        assert_eq!(cleaned(" ```\n x\n ```\n"), " ```text\n x\n ```\n");
        assert_eq!(cleaned(" ```rust\n x\n"), " ```text\n x\n ```\n", "closed where it was left open");
        assert_eq!(cleaned("     all\n     code"), " ```text\n all\n code\n ```\n");
    }

    #[test]
    fn a_placeholder_is_no_tag() {
        assert_eq!(cleaned(" projects/<id>/x, `<id>`, a < b\n"), " projects/\\<id>/x, `<id>`, a < b\n");
    }
}
