//! Zone names, and local time to UTC and back.
