//! A database with a store in it, a table of the host's beside it, and a TraceMem on both.

use std::{error::Error, time::Duration};

use sea_orm::{
    ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode,
    Statement, TransactionOptions, TransactionTrait,
};
use tempfile::TempDir;
use tracemem_sdk::{
    Settings, TraceMem,
    decision::{DecisionRequest, Outcome, Trace},
    guard::{Execution, GuardError, Permit, ResultExt, Run, Safety},
    policy::{Attachment, PolicyFn, PolicyOutcome},
    tenant::Agent,
};
use tracemem_store::{SqliteStore, sqlite::SqliteOptions};

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Failure>;
pub(crate) type Guarded = Result<Run<()>, GuardError<Failure>>;

/// How long a start may take here.
pub(crate) const DEADLINE: Duration = Duration::from_millis(400);

/// How long the store waits here for another that writes.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

pub(crate) struct Ground {
    pub(crate) store: SqliteStore,
    /// The host's own connections to the same database.
    pub(crate) host: DatabaseConnection,
    pub(crate) tracemem: TraceMem,
    pub(crate) folder: TempDir,
}

impl Ground {
    pub(crate) async fn new() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("host.db");
        let store = SqliteOptions::new()
            .busy_timeout(PATIENCE)
            .open(&path)
            .await?;
        let host = connect(&format!("sqlite://{}", path.display())).await?;
        let mut settings = Settings::default();
        settings.start_deadline = DEADLINE;
        let allows = PolicyFn::new("allows".parse()?, "1", |_| {
            Ok(PolicyOutcome::allow("ALLOWED"))
        });
        let tracemem = TraceMem::builder(store.clone())
            .settings(settings)
            .policy(allows)
            .attach(Attachment::everywhere("allows".parse()?))
            .build()?;
        Ok(Self {
            store,
            host,
            tracemem,
            folder,
        })
    }

    pub(crate) fn agent(&self) -> Result<Agent, Failure> {
        let tenant = self.tracemem.tenant("acme".parse()?);
        Ok(tenant.agent("payouts".parse()?))
    }

    /// Begins a transaction that is the one to write from its first moment.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, Failure> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.host.begin_with_options(options).await?)
    }

    /// Guards an effect that shares its transaction.
    pub(crate) async fn guard<F, Fut>(&self, effect: F) -> Result<Guarded, Failure>
    where
        F: FnOnce(Permit) -> Fut + Send,
        Fut: Future<Output = Result<Execution<()>, Failure>> + Send,
    {
        let guard = self.agent()?.guard(request()?, Safety::SameTransaction);
        Ok(guard
            .run(move |permit| async move { effect(permit).await.may_have_happened() })
            .await)
    }

    /// The effect, receipt and close in one transaction.
    pub(crate) async fn pay(&self, permit: Permit) -> Result<Execution<()>, Failure> {
        let transaction = self.begin().await?;
        insert(&transaction, permit.fence()).await?;
        let done = permit
            .executed("payout_1")
            .outcome(Outcome::succeeded())
            .record_within(&self.store.within(&transaction))
            .await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// The fences of the effects that the host's table has.
    pub(crate) async fn payouts(&self) -> Result<Vec<i64>, Failure> {
        let fences = "SELECT fence FROM payouts ORDER BY fence";
        let fences = Statement::from_string(self.host.get_database_backend(), fences);
        let rows = self.host.query_all_raw(fences).await?;
        let fences = rows.iter().map(|row| row.try_get("", "fence"));
        Ok(fences.collect::<Result<_, _>>()?)
    }

    pub(crate) async fn trace(&self) -> Result<Trace, Failure> {
        let decision = self.agent()?.decide(&request()?).await?;
        Ok(decision.trace().clone())
    }

    /// Checks that the effect is there, with this fence, and so is its receipt.
    pub(crate) async fn check(&self, fence: i64) -> Tested {
        assert_eq!(self.payouts().await?, [fence]);
        assert_eq!(stands(&self.trace().await?), "committed/executed");
        Ok(())
    }
}

/// Connects as a host does that knows nothing of the store, and makes its table.
pub(crate) async fn connect(url: &str) -> Result<DatabaseConnection, Failure> {
    let host = Database::connect(format!("{url}?mode=rwc")).await?;
    let table = "CREATE TABLE IF NOT EXISTS payouts (fence BIGINT NOT NULL)";
    host.execute_unprepared(table).await?;
    Ok(host)
}

pub(crate) async fn insert(transaction: &DatabaseTransaction, fence: u64) -> Tested {
    let insert = format!("INSERT INTO payouts (fence) VALUES ({fence})");
    transaction.execute_unprepared(&insert).await?;
    Ok(())
}

pub(crate) fn request() -> Result<DecisionRequest, Failure> {
    let body = br#"{"intent": "payout.send", "context": {"amount": 30,
        "target_system": "ledger", "target_object_id": "acc_1", "mutation": "payout.create"}}"#;
    Ok(DecisionRequest::from_json("k1".parse()?, body)?)
}

/// Status and execution, as `committed/executed`.
pub(crate) fn stands(trace: &Trace) -> String {
    let state = trace.state();
    format!("{}/{}", state.status(), state.execution())
}
