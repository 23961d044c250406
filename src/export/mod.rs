//! Deliveries in the formats of other programs.
