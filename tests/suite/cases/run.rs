//! The command run: its exit codes, its messages, and its patience with proxies and logs.
