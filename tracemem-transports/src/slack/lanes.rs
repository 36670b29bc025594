//! Lanes: how often Slack may be called. They are kept outside of the integrations, so that they outlive each opening of one.
//!
//! Slack limits each method by app and workspace, and posting by channel too: about one message a second. A lane that Slack has
//! limited is paused for as long as it asks; who comes to a channel out of turn is told when to come again, in the order in which they
//! came first. State is in memory and per process: with several processes Slack's own limits hold, and each process keeps to them.
//! The governor crate is not used here because it lets whoever comes first after a wait go first.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tracemem_sdk::{
    id::{DeliveryId, TenantId},
    time::{Clock, Timestamp},
};

/// Between two messages to a channel.
pub(super) const PACE: Duration = Duration::from_secs(1);

/// How long a place is kept for who does not come when they were told to: their approval may have ended.
const PATIENCE: Duration = Duration::from_secs(15);

/// No pause is longer; one that seems to be was made before the clock was set back.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// A method, as one app calls it in one workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub(super) owner: Option<TenantId>,
    pub(super) team: Box<str>,
    pub(super) app: Option<Box<str>>,
    pub(super) method: &'static str,
}

/// Come again after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limited {
    pub(super) wait: Duration,
}

/// How often Slack may be called. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Lanes(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    paused: BTreeMap<Lane, Timestamp>,
    channels: BTreeMap<(Lane, Box<str>), Channel>,
}

/// Who waits to post to a channel.
#[derive(Debug, Default)]
struct Channel {
    posted: Option<Timestamp>,
    waiting: VecDeque<Place>,
}

#[derive(Debug)]
struct Place {
    delivery: DeliveryId,
    /// When they were told to come.
    due: Timestamp,
}

impl Lanes {
    /// Whether the lane may be called now.
    pub(super) fn open(&self, lane: &Lane, clock: &dyn Clock) -> Result<(), Limited> {
        let mut state = self.state();
        let now = clock.now();
        match state.opens(lane, now).saturating_since(now) {
            Duration::ZERO => Ok(()),
            wait => Err(Limited { wait }),
        }
    }

    /// Nobody calls the lane for so long.
    pub(super) fn pause(&self, lane: Lane, wait: Duration, clock: &dyn Clock) {
        let mut state = self.state();
        let until = clock.now().saturating_add(wait.min(LONGEST_PAUSE));
        let end = state.paused.entry(lane).or_insert(until);
        *end = until.max(*end);
    }

    /// Whether this delivery may post to the channel now; if so, it has taken the turn.
    pub(super) fn turn(
        &self,
        lane: &Lane,
        channel: &str,
        delivery: &DeliveryId,
        clock: &dyn Clock,
    ) -> Result<(), Limited> {
        let mut state = self.state();
        // Read under the lock, so that turns are taken in the order of time.
        let now = clock.now();
        let opens = state.opens(lane, now);
        state.channels.retain(|_, channel| channel.keep(now));
        let key = (lane.clone(), channel.into());
        state
            .channels
            .entry(key)
            .or_default()
            .turn(delivery, now, opens)
    }

    /// The delivery took its turn and Slack would not have it: it comes before those that wait.
    pub(super) fn again(
        &self,
        lane: &Lane,
        channel: &str,
        delivery: &DeliveryId,
        clock: &dyn Clock,
    ) {
        let mut state = self.state();
        let due = state.opens(lane, clock.now());
        let key = (lane.clone(), channel.into());
        let place = Place {
            delivery: delivery.clone(),
            due,
        };
        state
            .channels
            .entry(key)
            .or_default()
            .waiting
            .push_front(place);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// From when on the lane may be called: `now`, or later.
    fn opens(&mut self, lane: &Lane, now: Timestamp) -> Timestamp {
        let ahead = now..=now.saturating_add(LONGEST_PAUSE);
        self.paused.retain(|_, until| ahead.contains(until));
        self.paused.get(lane).copied().unwrap_or(now)
    }
}

impl Channel {
    /// Forgets who does not come any more, and says whether anything is left to know.
    fn keep(&mut self, now: Timestamp) -> bool {
        // A post that lies ahead was made before the clock was set back.
        self.posted = self
            .posted
            .filter(|at| *at <= now && now < at.saturating_add(PACE));
        self.waiting
            .retain(|place| now <= place.due.saturating_add(PATIENCE));
        self.posted.is_some() || !self.waiting.is_empty()
    }

    fn turn(
        &mut self,
        delivery: &DeliveryId,
        now: Timestamp,
        opens: Timestamp,
    ) -> Result<(), Limited> {
        let place = self
            .waiting
            .iter()
            .position(|place| place.delivery == *delivery);
        let place = place.unwrap_or(self.waiting.len());
        let after_last = self.posted.map_or(now, |at| at.saturating_add(PACE));
        let ahead = u32::try_from(place).unwrap_or(u32::MAX);
        let due = opens
            .max(after_last)
            .saturating_add(PACE.saturating_mul(ahead));
        if due <= now {
            self.waiting.remove(place);
            self.posted = Some(now);
            return Ok(());
        }
        match self.waiting.get_mut(place) {
            Some(place) => place.due = due,
            None => self.waiting.push_back(Place {
                delivery: delivery.clone(),
                due,
            }),
        }
        Err(Limited {
            wait: due.saturating_since(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use tracemem_sdk::testing::FakeClock;

    use super::*;

    type Tested = Result<(), Box<dyn std::error::Error>>;

    fn clock() -> FakeClock {
        FakeClock::new(Timestamp::from_micros(1_795_000_000_000_000))
    }

    fn lane(method: &'static str) -> Lane {
        Lane {
            owner: None,
            team: "T1".into(),
            app: None,
            method,
        }
    }

    fn deliveries<const N: usize>() -> Result<[DeliveryId; N], Box<dyn std::error::Error>> {
        let ids = (0..N).map(|_| DeliveryId::generate(Timestamp::EPOCH));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        Ok(ids.try_into().map_err(|_| "the number")?)
    }

    fn seconds(wait: u64) -> Result<(), Limited> {
        let wait = Duration::from_secs(wait);
        if wait.is_zero() {
            Ok(())
        } else {
            Err(Limited { wait })
        }
    }

    #[test]
    fn who_comes_out_of_turn_is_told_when_to_come_and_goes_in_order() -> Tested {
        let (lanes, clock, post) = (Lanes::default(), clock(), lane("post"));
        let [a, b, c] = deliveries()?;
        let turn = |delivery| lanes.turn(&post, "C1", delivery, &clock);
        assert_eq!(turn(&a), seconds(0));
        assert_eq!(turn(&b), seconds(1));
        assert_eq!(turn(&c), seconds(2));
        assert_eq!(turn(&b), seconds(1));
        assert_eq!(lanes.turn(&post, "C2", &c, &clock), seconds(0));
        clock.advance(PACE);
        // It comes too early, and takes nobody's turn.
        assert_eq!(turn(&c), seconds(1));
        assert_eq!(turn(&b), seconds(0));
        clock.advance(PACE);
        assert_eq!(turn(&c), seconds(0));
        Ok(())
    }

    #[test]
    fn a_paused_lane_lets_nobody_through_and_keeps_its_order() -> Tested {
        let (lanes, clock, post) = (Lanes::default(), clock(), lane("post"));
        let [a, b, c] = deliveries()?;
        let turn = |delivery| lanes.turn(&post, "C1", delivery, &clock);
        assert_eq!(turn(&a), seconds(0));
        assert_eq!(turn(&b), seconds(1));
        lanes.pause(post.clone(), Duration::from_secs(30), &clock);
        lanes.again(&post, "C1", &a, &clock);
        assert_eq!(turn(&b), seconds(31));
        assert_eq!(turn(&c), seconds(32));
        assert_eq!(turn(&a), seconds(30));
        assert_eq!(lanes.open(&post, &clock), seconds(30));
        assert_eq!(lanes.open(&lane("update"), &clock), seconds(0));
        clock.advance(Duration::from_secs(30));
        assert_eq!(turn(&b), seconds(1));
        assert_eq!(turn(&a), seconds(0));
        Ok(())
    }

    #[test]
    fn who_never_comes_again_keeps_nobody_waiting_for_ever() -> Tested {
        let (lanes, clock, post) = (Lanes::default(), clock(), lane("post"));
        let [a, gone, c] = deliveries()?;
        let turn = |delivery| lanes.turn(&post, "C1", delivery, &clock);
        assert_eq!(turn(&a), seconds(0));
        assert_eq!(turn(&gone), seconds(1));
        assert_eq!(turn(&c), seconds(2));
        clock.advance(Duration::from_secs(2));
        assert_eq!(turn(&c), seconds(1));
        clock.advance(PATIENCE);
        assert_eq!(turn(&c), seconds(0));
        Ok(())
    }

    #[test]
    fn a_clock_that_is_set_back_pauses_nothing_for_ever() -> Tested {
        let (lanes, clock, post) = (Lanes::default(), clock(), lane("post"));
        let [a, b] = deliveries()?;
        assert_eq!(lanes.turn(&post, "C1", &a, &clock), seconds(0));
        lanes.pause(post.clone(), Duration::from_secs(30), &clock);
        clock.set(Timestamp::from_micros(1_000_000));
        assert_eq!(lanes.open(&post, &clock), seconds(0));
        assert_eq!(lanes.turn(&post, "C1", &b, &clock), seconds(0));
        Ok(())
    }

    #[test]
    fn a_tenants_limits_are_not_anothers() {
        let (lanes, clock) = (Lanes::default(), clock());
        let [one, other] = ["one", "other"].map(|tenant| Lane {
            owner: tenant.parse().ok(),
            ..lane("post")
        });
        lanes.pause(one.clone(), Duration::from_secs(30), &clock);
        assert_eq!(lanes.open(&one, &clock), seconds(30));
        assert_eq!(lanes.open(&other, &clock), seconds(0));
    }
}
