//! Killed at any point, the same command goes on where it was: committed, exit code 0, exactly one entry in the ledger.

use tracemem_tests::example::Ran;

use crate::program::{Tested, Workplace, at};

#[tokio::test]
async fn a_run_that_died_after_deciding_goes_on() -> Tested {
    check("decide", 0).await
}

#[tokio::test]
async fn a_run_that_died_after_the_answer_goes_on() -> Tested {
    check("approve", 0).await
}

#[tokio::test]
async fn a_run_that_died_before_the_effect_goes_on() -> Tested {
    check("started", 0).await
}

#[tokio::test]
async fn a_run_that_died_after_the_effect_does_not_repeat_it() -> Tested {
    check("effect", 1).await
}

#[tokio::test]
async fn a_run_that_died_after_the_receipt_has_nothing_left_to_do() -> Tested {
    check("receipt", 1).await
}

#[tokio::test]
async fn a_run_that_dies_at_one_point_after_another_ends_well() -> Tested {
    let place = Workplace::new()?;
    for (point, booked) in [
        ("decide", 0),
        ("approve", 0),
        ("started", 0),
        ("effect", 1),
        ("receipt", 1),
    ] {
        let died = place.run(&["--auto", "--json", "--kill-at", point]).await?;
        died_by_abort(&died);
        assert_eq!(place.ledger()?.len(), booked, "{point}");
    }
    ends_well(&place, "receipt").await
}

#[tokio::test]
async fn while_the_ledger_cannot_be_asked_nothing_is_booked_again() -> Tested {
    let place = Workplace::new()?;
    let died = place
        .run(&["--auto", "--json", "--kill-at", "effect"])
        .await?;
    died_by_abort(&died);
    let path = place.dir().join("ledger.json");
    let booked = std::fs::read(&path)?;
    std::fs::write(&path, "[{")?;
    let ran = place.run(&["--auto", "--json"]).await?;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("nobody knows"), "{}", ran.stderr);
    assert_eq!(std::fs::read(&path)?, b"[{");
    std::fs::write(&path, booked)?;
    ends_well(&place, "effect").await
}

async fn check(point: &str, booked: usize) -> Tested {
    let place = Workplace::new()?;
    let died = place.run(&["--auto", "--json", "--kill-at", point]).await?;
    died_by_abort(&died);
    assert_eq!(place.ledger()?.len(), booked);
    ends_well(&place, point).await?;
    // Once more: it is finished, and nothing happens.
    ends_well(&place, point).await
}

#[track_caller]
fn died_by_abort(ran: &Ran) {
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stdout, "", "a process that died has reported nothing");
    // On Unix an abort is a signal, and there is no code.
    assert_eq!(ran.code.is_none(), cfg!(unix), "{ran:?}");
}

async fn ends_well(place: &Workplace, point: &str) -> Tested {
    let ran = place
        .run(&["--auto", "--json", "--kill-at", point])
        .await?
        .finished()?;
    let summary = ran.summary()?;
    assert_eq!(at(&summary, "/status"), "committed", "{ran:?}");
    assert_eq!(at(&summary, "/execution_status"), "executed");
    assert_eq!(at(&summary, "/approval/outcome"), "approved");
    assert_eq!(place.ledger()?.len(), 1, "{ran:?}");
    Ok(())
}
