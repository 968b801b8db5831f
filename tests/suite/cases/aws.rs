//! AWS settings, the commands that use them, files and clocks.
