//! The live state: outages, waits, jobs that are gone, and background tasks that fail.
