//! Words on standard error. Whoever closed it, or whose disk is full, does without; nothing else ends by that.

use std::io::Write as _;

/// Says a line, formatted as by `format!`.
macro_rules! remark {
    ($($part:tt)*) => {
        $crate::cli::remark::text(&(format!($($part)*) + "\n"))
    };
}

/// Says a text that has its own ends of lines.
pub(crate) fn text(text: &str) {
    // There is no other place to say it.
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
