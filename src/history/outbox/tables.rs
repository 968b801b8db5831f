//! Writes events and their deliveries, and what becomes of them: [`Outbox`].
