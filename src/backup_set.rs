//! A backup set: what a run leaves behind.
