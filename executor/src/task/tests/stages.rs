//! The places in its life where something may be done to a task.

use super::rig::{Counts, Desk, End, Rig};
use crate::sync::Mutex;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// Where in its life a task is when something is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Queued by its spawner, never polled.
    Born,
    Idle,
    /// Queued by a wake.
    Scheduled,
    /// In its second poll, on the thread that does it.
    Polled,
    /// In its second poll, while another thread does it.
    PolledElsewhere,
    /// Complete with an output, which the handle has not taken.
    Complete,
}

pub(super) const STAGES: [Stage; 6] = [
    Stage::Born,
    Stage::Idle,
    Stage::Scheduled,
    Stage::Polled,
    Stage::PolledElsewhere,
    Stage::Complete,
];

/// Brings a task into `stage` and does `act` to it, with a waker of it unless it was never
/// polled. Gives what that alone did. The poll in which it happens is pending.
pub(super) fn act_in(
    stage: Stage,
    act: impl FnOnce(&Arc<Desk>, Option<Waker>) + Send + 'static,
) -> (Rig, Counts) {
    let rig = Rig::new();
    let waker = (stage != Stage::Born).then(|| rig.poll_for_waker());
    let did = match stage {
        Stage::Polled | Stage::PolledElsewhere => {
            let did = Arc::new(Mutex::new(None));
            let (desk, own) = (rig.0.clone(), did.clone());
            waker.expect("it was polled").wake();
            rig.step(move |cx| {
                let waker = cx.waker().clone();
                desk.did();
                if stage == Stage::Polled {
                    act(&desk, Some(waker));
                } else {
                    std::thread::scope(|scope| {
                        scope.spawn(|| act(&desk, Some(waker)));
                    });
                }
                *own.lock() = Some(desk.did());
                Poll::Pending
            });
            rig.run();
            did.lock().take().expect("the step was not the next")
        }
        _ => {
            match stage {
                Stage::Scheduled => waker.as_ref().expect("it was polled").wake_by_ref(),
                Stage::Complete => {
                    rig.step_ready();
                    waker.as_ref().expect("it was polled").wake_by_ref();
                    assert_eq!(rig.run(), End::Complete);
                }
                _ => {}
            }
            rig.did();
            act(&rig, waker);
            rig.did()
        }
    };
    (rig, did)
}
