//! HTTP itself: framing, connections, early answers and limits of connections.
