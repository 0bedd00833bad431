//! Text to HTML. What is not a constant of the program is escaped: scans and tags are written by anybody.

use crate::health::tame;

/// A page, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of our own.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Anything else: escaped, tamed and cut to some hundred characters.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for c in tame(text).chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                // What turns the direction of the text around could make it read differently.
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => self.0.push('\u{fffd}'),
                c => self.0.push(c),
            }
        }
        self
    }

    /// A whole number, with narrow spaces that do not break between thousands.
    pub(super) fn number(&mut self, number: u64) -> &mut Self {
        let digits = number.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                self.0.push('\u{202f}');
            }
            self.0.push(digit);
        }
        self
    }

    /// Several lines as they are, escaped and cut to `most` bytes, about.
    pub(super) fn lines(&mut self, text: &str, most: usize) -> &mut Self {
        let (end, mut left) = (self.0.len(), text.lines());
        for line in left.by_ref() {
            // Carets stand below what they mean; words may go on below each other.
            match line.trim_start().starts_with("= ") {
                true => self
                    .raw("<span class=\"words\">")
                    .text(line)
                    .raw("</span>\n"),
                false => self.text(line).raw("\n"),
            };
            if self.0.len() - end > most {
                break;
            }
        }
        if left.next().is_some() {
            self.raw("…\n");
        }
        self
    }

    /// What was written apart.
    pub(super) fn part(&mut self, part: Self) -> &mut Self {
        self.0.push_str(&part.0);
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_was_scanned_becomes_markup() {
        let mut html = Html::default();
        html.raw("<td title=\"")
            .text("\"><script>alert('1')</script>\u{202e}&\u{1b}[2J")
            .raw("\">")
            .number(1_234_567);
        assert_eq!(
            html.finish(),
            "<td title=\"&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;\u{fffd}&amp; [2J\">1\u{202f}234\u{202f}567"
        );
    }
}
