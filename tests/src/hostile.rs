//! A caller on the line that holds to nothing: whatever it says and in whatever order, the office serves, refuses as
//! documented, keeps what it told others, and is there for an honest peer afterwards.
//!
//! One office runs in this process on a paused clock, over pipes in memory, on a disk that may lose what was not
//! synced. After each act all that was heard is held against the ledger, read cold: so what is acknowledged before it
//! is recorded, a mark that moves back, or a verdict other than the protocol's is found where it happens. The verdicts
//! are written down a second time, in [`truth`], from the protocol's text.

mod account;
mod act;
mod called;
mod caller;
mod following;
mod message;
mod peer;
mod place;
mod play;
mod truth;

use proptest::prelude::*;

use act::{Act, acts};
use play::Play;

fn played(acts: Vec<Act>, has_all: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut play = Play::begin().await;
        for act in acts {
            play.act(act).await;
        }
        play.end_with_honest_peer(has_all).await;
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_caller_that_holds_to_nothing_breaks_no_promise(acts in acts(), has_all in any::<bool>()) {
        played(acts, has_all);
    }
}
