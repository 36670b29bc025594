//! A server that is gone: nothing runs, the error says so, nothing acknowledged is lost, and it works again after.

use tracemem_tests::{
    Outcome,
    arrow::{Arrow, Class},
    cluster::Cluster,
    inspection::standing,
    process::Process,
    protocol::{How, Order, Ran, Said, Work},
    site::Site,
};

const CHILD: &str = env!("CARGO_BIN_EXE_crash_child");

/// How long a call waits here for a server.
const PATIENCE_MS: u64 = 1_000;

/// How often an order is given again to a child whose server is back: each of its connections is found cut when it is used.
const ORDERS: usize = 50;

/// A serving child on a server of its own.
struct Served {
    cluster: Cluster,
    site: Site,
    child: Process,
}

impl Served {
    fn stopping_at(gates: &[Arrow]) -> Outcome<Self> {
        let cluster = Cluster::start(&[])?;
        let site = Site::on(&cluster)?;
        let mut task = site.task(Work::Serve, Class::Opaque).stopping_at(gates);
        task.asks = false;
        task.busy_ms = PATIENCE_MS;
        let mut child = Process::start(CHILD, &task)?;
        child.expect(&Said::Ready)?;
        Ok(Self {
            cluster,
            site,
            child,
        })
    }

    fn guard(&mut self, key: &str) -> Outcome<Ran> {
        match self.child.order(&Order::Guard(key.to_owned()))? {
            Said::Ran(ran) => Ok(ran),
            other => Err(format!("a guard says {other:?}").into()),
        }
    }

    /// Guards the effect until its call ends as anything else than a store that is not available.
    fn guard_at_last(&mut self, key: &str) -> Outcome<Ran> {
        for _ in 0..ORDERS {
            let ran = self.guard(key)?;
            match ran.how {
                How::NotStarted => assert_eq!(ran.called, 0, "{ran:?}"),
                _ => return Ok(ran),
            }
        }
        Err("the server is back, and the store is not".into())
    }

    /// The effect runs, and is counted.
    fn runs(&mut self, key: &str) -> Outcome {
        let before = self.effects()?;
        let ran = self.guard_at_last(key)?;
        assert_eq!((ran.how, ran.called), (How::Executed, 1), "{}", ran.error);
        assert_eq!(self.effects()?, before + 1);
        Ok(())
    }

    /// The effect is not called, and the error says that the store is not available.
    fn refuses(&mut self, key: &str) -> Outcome {
        let before = self.effects()?;
        let ran = self.guard(key)?;
        assert_eq!((ran.how, ran.called), (How::NotStarted, 0));
        let says = ran.error.contains("the store is not available for");
        assert!(says, "{}", ran.error);
        assert_eq!(self.effects()?, before);
        Ok(())
    }

    fn effects(&self) -> Outcome<usize> {
        Ok(self.site.effects(Class::Opaque)?.len())
    }

    /// Everything that was acknowledged is there, and so many decisions are committed.
    fn check(self, decisions: usize) -> Outcome {
        let acked = self.child.end()?;
        assert!(!acked.is_empty());
        let kept = self.site.kept()?;
        kept.check(&acked)?;
        let ends = kept.traces.iter().map(standing);
        let committed = ends.filter(|end| end == "committed/executed");
        assert_eq!(committed.count(), decisions);
        Ok(())
    }
}

#[test]
fn i10_i11_while_the_server_is_gone_nothing_runs() -> Outcome {
    let mut served = Served::stopping_at(&[])?;
    served.runs("before")?;
    for gone in [Cluster::stop, Cluster::kill] {
        gone(&mut served.cluster)?;
        served.refuses("gone-1")?;
        served.refuses("gone-2")?;
        served.cluster.restart()?;
        assert_eq!(served.guard_at_last("before")?.how, How::Replayed);
    }
    served.runs("gone-1")?;
    served.runs("after")?;
    served.check(3)
}

#[test]
fn a_server_that_is_gone_after_the_effect_hands_the_receipt_back() -> Outcome {
    let mut served = Served::stopping_at(&[Arrow::Applied])?;
    served.child.tell(&Order::Guard("job".to_owned()))?;
    served.child.reaches(Arrow::Applied)?;
    served.cluster.kill()?;
    served.child.go()?;
    let ran = served.child.runs()?;
    assert_eq!((ran.how, ran.called), (How::Unrecorded, 1), "{}", ran.error);
    served.refuses("job")?;
    served.cluster.restart()?;
    report(&mut served.child)?;
    assert_eq!(served.guard_at_last("job")?.how, How::Replayed);
    assert_eq!(served.effects()?, 1);
    served.check(1)
}

fn report(child: &mut Process) -> Outcome {
    for _ in 0..ORDERS {
        if child.order(&Order::Report)? == Said::Obeyed {
            return Ok(());
        }
    }
    Err("the receipt cannot be reported".into())
}
