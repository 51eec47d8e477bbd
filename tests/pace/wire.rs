//! Over loopback: what goes over the wire.
