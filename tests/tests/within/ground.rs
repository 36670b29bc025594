//! A database with a store in it, a table of the host's beside it, and a TraceMem on both.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tempfile::TempDir;
use tracemem_sdk::{
    Settings, TraceMem, async_trait,
    decision::{DecisionRequest, Outcome, Trace},
    guard::{Execution, GuardError, Permit, ResultExt, Run, Safety},
    id::TenantId,
    policy::{Attachment, PolicyFn, PolicyOutcome},
    store::{Backend, Commit, Committed, HostTransaction, Store, StoreError, Stream, StreamId},
    tenant::Agent,
    time::{Clock, SystemClock, Timestamp},
};
use tracemem_store::{
    PostgresStore, SqliteStore, postgres,
    sqlite::{self, SqliteOptions},
};

use tracemem_tests::scratch::Scratch;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Tested = Result<(), Failure>;
pub(crate) type Guarded = Result<Run<()>, GuardError<Failure>>;

/// How long a start may take here.
const DEADLINE: Duration = Duration::from_millis(400);

/// How long the SQLite store waits here for another that writes.
pub(crate) const PATIENCE: Duration = Duration::from_millis(100);

/// How long the Postgres store waits here for a decision that another holds, or for a connection.
const PATIENCE_OF_POSTGRES: Duration = Duration::from_secs(1);

/// Where the database is; it goes with this value.
enum Place {
    #[expect(dead_code, reason = "it is held, and not looked at")]
    Folder(TempDir),
    #[expect(dead_code, reason = "it is held, and not looked at")]
    Schema(Scratch),
}

enum Opened {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

pub(crate) struct Ground {
    opened: Opened,
    /// The host's own connections to the same database.
    pub(crate) host: DatabaseConnection,
    tracemem: TraceMem,
    clock: Ahead,
    _place: Place,
}

impl Ground {
    /// Lets the deadline of whatever is started pass.
    pub(crate) fn pass_deadline(&self) {
        let micros = u64::try_from(DEADLINE.as_micros()).unwrap_or(u64::MAX);
        self.clock.0.fetch_add(micros, Ordering::SeqCst);
    }

    pub(crate) async fn sqlite() -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("host.db");
        let options = SqliteOptions::new().busy_timeout(PATIENCE);
        let store = options.open(&path).await?;
        let url = format!("sqlite://{}?mode=rwc", path.display());
        let host = connect(ConnectOptions::new(url)).await?;
        let clock = Ahead::default();
        let tracemem = tracemem(store.clone(), &clock)?;
        let opened = Opened::Sqlite(store);
        Ok(Self {
            opened,
            host,
            tracemem,
            clock,
            _place: Place::Folder(folder),
        })
    }

    pub(crate) async fn postgres() -> Result<Self, Failure> {
        let scratch = Scratch::new()?;
        let options = scratch.options()?.acquire_timeout(PATIENCE_OF_POSTGRES);
        let store = options.connect(scratch.url()).await?;
        let mut url = ConnectOptions::new(scratch.url());
        url.set_schema_search_path(scratch.schema());
        let host = connect(url).await?;
        let clock = Ahead::default();
        let tracemem = tracemem(store.clone(), &clock)?;
        let opened = Opened::Postgres(store);
        Ok(Self {
            opened,
            host,
            tracemem,
            clock,
            _place: Place::Schema(scratch),
        })
    }

    pub(crate) fn store(&self) -> &dyn Store {
        match &self.opened {
            Opened::Sqlite(store) => store,
            Opened::Postgres(store) => store,
        }
    }

    pub(crate) fn within<'a>(&'a self, transaction: &'a DatabaseTransaction) -> Within<'a> {
        match &self.opened {
            Opened::Sqlite(store) => Within::Sqlite(store.within(transaction)),
            Opened::Postgres(store) => Within::Postgres(store.within(transaction)),
        }
    }

    pub(crate) fn agent(&self) -> Result<Agent, Failure> {
        let tenant = self.tracemem.tenant("acme".parse()?);
        Ok(tenant.agent("payouts".parse()?))
    }

    /// Begins a transaction, which in SQLite is the one to write from its first moment.
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
            .record_within(&self.within(&transaction))
            .await?;
        transaction.commit().await?;
        Ok(done)
    }

    /// The fences of the effects that the host's table has.
    pub(crate) async fn payouts(&self) -> Result<Vec<i64>, Failure> {
        payouts(&self.host).await
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

/// A store bound to a transaction.
#[derive(Debug)]
pub(crate) enum Within<'a> {
    Sqlite(sqlite::Within<'a>),
    Postgres(postgres::Within<'a>),
}

#[async_trait]
impl HostTransaction for Within<'_> {
    async fn load(
        &self,
        tenant: &TenantId,
        stream: &StreamId,
    ) -> Result<Option<Stream>, StoreError> {
        match self {
            Self::Sqlite(within) => within.load(tenant, stream).await,
            Self::Postgres(within) => within.load(tenant, stream).await,
        }
    }

    async fn write(&self, commit: Commit) -> Result<Committed, StoreError> {
        match self {
            Self::Sqlite(within) => within.write(commit).await,
            Self::Postgres(within) => within.write(commit).await,
        }
    }
}

/// The clock of the system, ahead of it by as much as a test says.
#[derive(Debug, Clone, Default)]
struct Ahead(Arc<AtomicU64>);

impl Ahead {
    fn by(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }
}

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add(self.by())
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        let left = deadline.saturating_since(self.now());
        SystemClock
            .sleep_until(SystemClock.now().saturating_add(left))
            .await;
    }
}

fn tracemem(backend: impl Into<Backend>, clock: &Ahead) -> Result<TraceMem, Failure> {
    let mut settings = Settings::default();
    settings.start_deadline = DEADLINE;
    let allows = PolicyFn::new("allows".parse()?, "1", |_| {
        Ok(PolicyOutcome::allow("ALLOWED"))
    });
    Ok(TraceMem::builder(backend)
        .settings(settings)
        .clock(clock.clone())
        .policy(allows)
        .attach(Attachment::everywhere("allows".parse()?))
        .build()?)
}

/// Connects as a host does that knows nothing of the store, and makes its table.
pub(crate) async fn connect(options: ConnectOptions) -> Result<DatabaseConnection, Failure> {
    let host = Database::connect(options).await?;
    let table = "CREATE TABLE IF NOT EXISTS payouts (fence BIGINT NOT NULL)";
    host.execute_unprepared(table).await?;
    Ok(host)
}

pub(crate) async fn insert(transaction: &DatabaseTransaction, fence: u64) -> Tested {
    let insert = format!("INSERT INTO payouts (fence) VALUES ({fence})");
    transaction.execute_unprepared(&insert).await?;
    Ok(())
}

pub(crate) async fn payouts(host: &DatabaseConnection) -> Result<Vec<i64>, Failure> {
    let fences = "SELECT fence FROM payouts ORDER BY fence";
    let fences = Statement::from_string(host.get_database_backend(), fences);
    let rows = host.query_all_raw(fences).await?;
    let fences = rows.iter().map(|row| row.try_get("", "fence"));
    Ok(fences.collect::<Result<_, _>>()?)
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
