//! Load: clients of both offices at work. They run until told that it is enough, and then finish what they began.

use std::sync::atomic::Ordering;

use office::Place;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::draw::Draw;
use crate::{contacts, documents, meetings};

/// How much of each at each office.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mix {
    pub(crate) unary: u64,
    pub(crate) streams: u64,
    pub(crate) meetings: u64,
    pub(crate) contacts: u64,
    /// Documents of one lane at most.
    pub(crate) documents_max: u64,
}

impl Mix {
    pub(crate) const FULL: Self = Self {
        unary: 2,
        streams: 1,
        meetings: 1,
        contacts: 1,
        documents_max: 120,
    };
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    client: Client,
    lanes: JoinSet<()>,
}

impl Load {
    pub(crate) fn start(client: &Client, draw: &mut Draw, mix: Mix) -> Self {
        client.enough.store(false, Ordering::Relaxed);
        let mut lanes = JoinSet::new();
        for place in Place::BOTH {
            for _ in 0..mix.unary {
                let (client, draw) = (client.clone(), draw.part());
                lanes.spawn(documents::one_by_one(
                    client,
                    place,
                    draw,
                    mix.documents_max,
                ));
            }
            for _ in 0..mix.streams {
                let (client, draw) = (client.clone(), draw.part());
                lanes.spawn(documents::streamed(client, place, draw, mix.documents_max));
            }
            for _ in 0..mix.meetings {
                lanes.spawn(meetings::negotiate(client.clone(), place, draw.part()));
            }
            for _ in 0..mix.contacts {
                lanes.spawn(contacts::record(client.clone(), place, draw.part()));
            }
        }
        Self {
            client: client.clone(),
            lanes,
        }
    }

    /// Has every client finish what it began.
    pub(crate) async fn finish(mut self) {
        self.client.enough.store(true, Ordering::Relaxed);
        while let Some(ended) = self.lanes.join_next().await {
            if let Err(error) = ended {
                self.client
                    .account
                    .wrong(format!("a client failed: {error}"));
            }
        }
    }
}
