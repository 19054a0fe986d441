//! Prints figures of the ledger: `cargo bench -p ledger`, and `cargo bench -p ledger -- 10000000` for a long ledger.
