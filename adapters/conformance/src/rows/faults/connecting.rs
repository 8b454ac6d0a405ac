//! No connection: refused, unknown, unanswered. Both attempts are made, and nothing is sent.

use crate::Driver;

use super::row::{Row, short};

/// X01: two attempts, neither of which gets through.
pub fn x01_a_refused_connection_is_tried_once_more<D: Driver>() {
    Row::fails("connection_failed", 2)
        .requests(0)
        .connections(0)
        .run::<D>(|bench| bench.door.shut());
}

/// X03: the time for connections is kept, and what was not connected in it has failed to connect, as behind a firewall.
pub fn x03_a_black_hole_costs_the_time_for_connections_and_no_more<D: Driver>() {
    let short = short();
    Row::fails("connection_failed", 2)
        .requests(0)
        .connections(0)
        .waits(2 * short)
        .limiting(move |network| network.connect_timeout(short))
        .run::<D>(|bench| bench.door.block());
}
