//! Keyboard wedges: from key events to scans.
