//! HTTP transport: early refusals, half-closed connections, framing, file descriptors, handshakes, panics.

mod descriptors;
mod early_refusals;
mod framing;
mod half_close;
mod handshakes;
mod panics;
