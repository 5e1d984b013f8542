//! Where lines and numbers go: logs to standard error or the journal, metrics to one page.
