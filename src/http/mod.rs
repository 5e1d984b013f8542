//! The HTTP door: wire, pages, statuses.
