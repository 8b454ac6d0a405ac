//! Certificates that change thousands of times in one process: what it holds of files and memory meanwhile.

use super::acquisition::{Issued, fetch, renewing, runtime};
use crate::resident;
use crate::server::Server;

/// What the process held after so many rotations.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// How many certificates were used so far.
    pub rotations: usize,
    /// Open file descriptors, the server's ends of the connections included.
    pub descriptors: usize,
    /// Resident memory in KiB, the server's included.
    pub resident: u64,
}

/// One acquisition with each of so many certificates, looked at so many times on the way.
#[must_use]
pub fn rotation(server: &Server, rotations: usize, looks: usize) -> Vec<Moment> {
    let issued = Issued::new(server);
    let client = renewing(server, &issued);
    let runtime = runtime();
    let each = rotations.div_ceil(looks.max(1)).max(1);
    let mut moments = Vec::with_capacity(looks);
    let mut done = 0;
    while done < rotations {
        issued.refill(server, each);
        for _ in 0..each {
            runtime.block_on(fetch(&client));
        }
        done += each;
        moments.push(Moment {
            rotations: done,
            descriptors: resident::descriptors(),
            resident: resident::now(),
        });
    }
    moments
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Manners;

    #[test]
    fn each_certificate_is_used_once_and_each_look_is_noted() {
        let server = Server::start(Manners::PROMPT);
        let moments = rotation(&server, 12, 3);
        let rotations: Vec<usize> = moments.iter().map(|moment| moment.rotations).collect();
        assert_eq!((rotations, server.requests()), (vec![4, 8, 12], 12));
    }
}
