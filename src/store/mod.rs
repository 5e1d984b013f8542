//! Ground state in SQLite: rows, transactions, and the one sequence of changes.
