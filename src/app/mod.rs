//! The hall: use cases, rights, and the order of things.
