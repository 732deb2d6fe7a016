//! Where a secret comes from; never printed.
