//! USB HID bar code scanners (HID Point of Sale Usage Tables, usage page 8Ch).
