//! A payout in the host's own database, guarded as `SameTransaction`: it happens exactly once, whatever becomes of its transaction.
//!
//! Accounts and payouts are the host's tables, in the database that the store keeps its traces in. Effect, receipt and close are written
//! in one transaction of the host's: a worker that loses its connection before the commit has paid nothing and left no receipt, and the
//! next delivery of the same job runs the effect again, under a new fence.
//!
//! `cargo run --example same_transaction` prints a table and ends with 1 if the claim is not true. It needs nothing and leaves nothing:
//! the database is a SQLite file in a temporary folder. With `-- --url postgres://user:password@host/database` it is that Postgres, in a
//! schema of its own that is dropped at the end.

use std::{error::Error, process::ExitCode};

use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use tracemem_sdk::{
    TraceMem,
    decision::{DecisionRequest, Outcome},
    guard::{Execution, GuardError, Permit, RecordError, ResultExt, Run, Safety},
    policy::{Attachment, PolicyFn, PolicyOutcome},
    store::{Backend, HostTransaction},
    tenant::Agent,
};
use tracemem_store::{PostgresStore, SqliteStore, postgres::PostgresOptions};

/// What keeps a payout from being committed. None of it says whether it was: the guard asks the database.
#[derive(Debug, thiserror::Error)]
enum PayoutError {
    #[error("the connection is lost before the commit")]
    ConnectionLost,
    #[error("the database refused the payout")]
    Database(#[from] DbErr),
    #[error("the receipt could not be recorded")]
    Receipt(#[from] RecordError),
}

/// What happens to the worker right before it commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luck {
    Good,
    LosesItsConnection,
}

/// The store, in one of the two databases that can share a transaction with it.
#[derive(Debug, Clone)]
enum Store {
    Sqlite(SqliteStore),
    Postgres(PostgresStore),
}

/// The host: its own connection, and the store in the same database.
struct Host {
    database: DatabaseConnection,
    store: Store,
    agent: Agent,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => {
            let folder = tempfile::tempdir()?;
            let path = folder.path().join("bank.db");
            let store = Store::Sqlite(SqliteStore::open(&path).await?);
            let url = format!("sqlite://{}?mode=rwc", path.display());
            show(store, Database::connect(url).await?).await
        }
        [option, url] if option == "--url" => {
            let schema = format!("same_transaction_{}", std::process::id());
            let options = PostgresOptions::new().schema(&schema)?;
            let store = Store::Postgres(options.connect(url).await?);
            let mut options = ConnectOptions::new(url);
            options.set_schema_search_path(schema.clone());
            let shown = show(store, Database::connect(options).await?).await;
            let database = Database::connect(url).await?;
            let drop = format!("DROP SCHEMA {schema} CASCADE");
            database.execute_unprepared(&drop).await?;
            shown
        }
        _ => Err("usage: same_transaction [--url postgres://user:password@host/database]".into()),
    }
}

/// Delivers the job three times, and shows what became of it.
async fn show(store: Store, database: DatabaseConnection) -> Result<ExitCode, Box<dyn Error>> {
    make_bank(&database).await?;
    let tracemem = tracemem(store.clone())?;
    let host = Host {
        database,
        store,
        agent: tracemem.tenant("acme".parse()?).agent("payouts".parse()?),
    };

    println!("delivery  what became of it                         balance  payouts  receipts");
    let lucks = [Luck::LosesItsConnection, Luck::Good, Luck::Good];
    for (delivery, luck) in (1..).zip(lucks) {
        let said = host.deliver(luck).await?;
        let (balance, payouts, receipts) = host.books().await?;
        println!("{delivery:<8}  {said:<40}  {balance:>7}  {payouts:>7}  {receipts:>8}");
    }
    let books = host.books().await?;
    host.database.close().await?;
    tracemem.close().await?;
    if books == (70, 1, 1) {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("same_transaction: one payout of 30 from 100 with one receipt was claimed");
    Ok(ExitCode::FAILURE)
}

impl Host {
    /// One delivery of the job: what the worker tells the queue.
    async fn deliver(&self, luck: Luck) -> Result<&'static str, Box<dyn Error>> {
        let run = self
            .agent
            .guard(request()?, Safety::SameTransaction)
            .run(async |permit| self.pay(permit, luck).await.may_have_happened())
            .await;
        Ok(match run {
            Ok(Run::Executed { .. }) => "paid now: acknowledge",
            Ok(Run::Replayed { .. }) => "paid before, not called again: acknowledge",
            Err(GuardError::RolledBack { .. }) => "rolled back: deliver again",
            Err(GuardError::Committed { .. }) => "paid, and failed after that: acknowledge",
            Ok(other) => return Err(format!("not paid: {other:?}").into()),
            Err(other) => return Err(other.into()),
        })
    }

    /// The effect, its receipt and the close of its decision, in one transaction.
    async fn pay(&self, permit: Permit, luck: Luck) -> Result<Execution<()>, PayoutError> {
        let transaction = begin(&self.database).await?;
        for statement in [
            "UPDATE accounts SET balance = balance - 30 WHERE id = 'acc_1'",
            "INSERT INTO payouts (account, amount) VALUES ('acc_1', 30)",
        ] {
            transaction.execute_unprepared(statement).await?;
        }
        let done = permit
            .executed("payout_1")
            .outcome(Outcome::succeeded())
            .record_within(self.store.within(&transaction).as_ref())
            .await?;
        if luck == Luck::LosesItsConnection {
            return Err(PayoutError::ConnectionLost);
        }
        transaction.commit().await?;
        Ok(done)
    }

    /// The balance, and how many payouts and receipts there are.
    async fn books(&self) -> Result<(i64, i64, i64), Box<dyn Error>> {
        let decision = self.agent.decide(&request()?).await?;
        let receipts = u8::from(decision.handles().action_status == "executed");
        let balance = "SELECT balance AS number FROM accounts WHERE id = 'acc_1'";
        let payouts = "SELECT count(*) AS number FROM payouts";
        Ok((
            self.number(balance).await?,
            self.number(payouts).await?,
            receipts.into(),
        ))
    }

    async fn number(&self, sql: &str) -> Result<i64, Box<dyn Error>> {
        let backend = self.database.get_database_backend();
        let row = Statement::from_string(backend, sql);
        let row = self.database.query_one_raw(row).await?;
        Ok(row
            .ok_or("there is no such number")?
            .try_get("", "number")?)
    }
}

impl Store {
    /// The store bound to a transaction of the host's.
    fn within<'a>(&'a self, transaction: &'a DatabaseTransaction) -> Box<dyn HostTransaction + 'a> {
        match self {
            Self::Sqlite(store) => Box::new(store.within(transaction)),
            Self::Postgres(store) => Box::new(store.within(transaction)),
        }
    }
}

impl From<Store> for Backend {
    fn from(store: Store) -> Self {
        match store {
            Store::Sqlite(store) => store.into(),
            Store::Postgres(store) => store.into(),
        }
    }
}

/// On SQLite a transaction that is to write takes the lock at its beginning; elsewhere the mode means nothing.
async fn begin(database: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    database.begin_with_options(options).await
}

/// The host's own tables, with one account.
async fn make_bank(database: &DatabaseConnection) -> Result<(), DbErr> {
    for statement in [
        "CREATE TABLE accounts (id TEXT PRIMARY KEY, balance BIGINT NOT NULL)",
        "CREATE TABLE payouts (account TEXT NOT NULL, amount BIGINT NOT NULL)",
        "INSERT INTO accounts (id, balance) VALUES ('acc_1', 100)",
    ] {
        database.execute_unprepared(statement).await?;
    }
    Ok(())
}

/// The job's own id is the key: however often it is delivered, it is one decision.
fn request() -> Result<DecisionRequest, Box<dyn Error>> {
    let body = br#"{"intent": "payout.send", "context": {"amount": 30,
        "target_system": "bank", "target_object_id": "acc_1", "mutation": "payout.create"}}"#;
    Ok(DecisionRequest::from_json("job_841".parse()?, body)?)
}

fn tracemem(store: Store) -> Result<TraceMem, Box<dyn Error>> {
    let policy = PolicyFn::new("small_payouts".parse()?, "1", |input| {
        let amount = input.context.get("amount");
        Ok(match amount.and_then(serde_json::Value::as_u64) {
            Some(..=50) => PolicyOutcome::allow("SMALL"),
            Some(_) | None => PolicyOutcome::deny("NOT_SMALL"),
        })
    });
    Ok(TraceMem::builder(store)
        .policy(policy)
        .attach(Attachment::everywhere("small_payouts".parse()?))
        .build()?)
}
