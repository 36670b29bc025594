//! The other process: this test binary, started again to play a role.
//!
//! It hears lines and says lines. What it says begins with `> `, so that it is told from what the test harness prints.

use std::{
    env,
    io::{BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::JoinSet;
use tracemem_sdk::store::{Committed, Store, StoreErrorKind};
use tracemem_store::SqliteStore;

use crate::material::{Failure, Tested, claim, sized_step, step, write};

const ROLE: &str = "TRACEMEM_TEST_ROLE";
const FILE: &str = "TRACEMEM_TEST_FILE";

/// What the other process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Waits for a line, opens the store, writes the stream with the number in the line, and closes.
    Opens,
    /// Writes eight streams at once, without end, and says each version that was acknowledged.
    NeverEnds,
    /// For each line writes four streams at once, and says so.
    WritesOnDemand,
    /// For each line writes the stream with that number and claims the key with that number, and says whether it won.
    Races,
    /// Writes with files limited to a mebibyte until it is refused, says so, waits for a line, and writes once more without the
    /// limit.
    Fills,
}

const ROLES: [(Role, &str); 5] = [
    (Role::Opens, "opens"),
    (Role::NeverEnds, "never-ends"),
    (Role::WritesOnDemand, "writes-on-demand"),
    (Role::Races, "races"),
    (Role::Fills, "fills"),
];

/// A running other process. Dropping it kills it.
pub(crate) struct Other {
    process: Child,
    mouth: ChildStdin,
    ears: Lines<BufReader<ChildStdout>>,
}

impl Other {
    pub(crate) fn start(role: Role, file: &Path) -> Result<Self, Failure> {
        Self::spawn(Command::new(env::current_exe()?), role, file)
    }

    /// Starts it with the signal ignored that would kill it where a file grows beyond its limit: a shell has to do that, and what
    /// a shell ignores its command ignores too.
    pub(crate) fn start_where_writes_may_fail(role: Role, file: &Path) -> Result<Self, Failure> {
        let mut shell = Command::new("sh");
        let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
        shell.arg("-c").arg(script).arg(env::current_exe()?);
        Self::spawn(shell, role, file)
    }

    fn spawn(mut command: Command, role: Role, file: &Path) -> Result<Self, Failure> {
        let name = ROLES
            .iter()
            .find(|(of, _)| *of == role)
            .map(|(_, name)| *name);
        let mut process = command
            .args([
                "--exact",
                "child::plays_its_role_where_it_has_one",
                "--nocapture",
            ])
            .env(ROLE, name.ok_or("a role without a name")?)
            .env(FILE, file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mouth = process.stdin.take().ok_or("no standard input")?;
        let ears = BufReader::new(process.stdout.take().ok_or("no standard output")?).lines();
        Ok(Self {
            process,
            mouth,
            ears,
        })
    }

    pub(crate) fn tell(&mut self, line: &str) -> Tested {
        writeln!(self.mouth, "{line}")?;
        Ok(())
    }

    /// What it says next; `None` when it says nothing more.
    pub(crate) fn hear(&mut self) -> Result<Option<String>, Failure> {
        for line in self.ears.by_ref() {
            if let Some((_, said)) = line?.split_once("> ") {
                return Ok(Some(said.to_owned()));
            }
        }
        Ok(None)
    }

    /// Hears one line that it must say.
    pub(crate) fn expect(&mut self, line: &str) -> Tested {
        match self.hear()? {
            Some(said) if said == line => Ok(()),
            other => Err(format!("expected `{line}`, heard `{other:?}`").into()),
        }
    }

    /// Kills it with a signal that it cannot see.
    pub(crate) fn kill(&mut self) -> Tested {
        self.process.kill()?;
        Ok(())
    }

    /// Lets it end by itself.
    pub(crate) fn finish(mut self) -> Tested {
        let status = self.process.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("it ended with {status}").into())
        }
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// In the test run itself nobody has given it a role.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn plays_its_role_where_it_has_one() -> Tested {
    let (Ok(role), Some(file)) = (env::var(ROLE), env::var_os(FILE)) else {
        return Ok(());
    };
    let file = PathBuf::from(file);
    let role = ROLES
        .iter()
        .find(|(_, name)| *name == role)
        .map(|(role, _)| *role);
    match role.ok_or("a role that nobody wrote")? {
        Role::Opens => opens(&file).await,
        Role::NeverEnds => never_ends(&file).await,
        Role::WritesOnDemand => writes_on_demand(&file).await,
        Role::Races => races(&file).await,
        Role::Fills => fills(&file).await,
    }
}

async fn opens(file: &Path) -> Tested {
    say("ready");
    let number = hear()?.ok_or("nobody told the number")?.parse()?;
    let store = SqliteStore::open(file).await?;
    write(&store, step(number, 0, 1)?).await?;
    store.close().await?;
    say("written");
    Ok(())
}

async fn never_ends(file: &Path) -> Tested {
    let store = SqliteStore::open(file).await?;
    let mut writers = JoinSet::new();
    for number in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for version in (0..).step_by(2) {
                write(&store, step(number, version, 2)?).await?;
                say(&format!("{number} {}", version + 2));
            }
            Ok::<(), Failure>(())
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended??;
    }
    Ok(())
}

async fn writes_on_demand(file: &Path) -> Tested {
    let store = SqliteStore::open(file).await?;
    say("ready");
    let mut version = 0;
    while hear()?.is_some() {
        let (a, b, c, d) = tokio::join!(
            write(&store, step(0, version, 2)?),
            write(&store, step(1, version, 2)?),
            write(&store, step(2, version, 2)?),
            write(&store, step(3, version, 2)?),
        );
        a.and(b).and(c).and(d)?;
        version += 2;
        say(&version.to_string());
    }
    Ok(())
}

async fn races(file: &Path) -> Tested {
    let store = SqliteStore::open(file).await?;
    say("ready");
    while let Some(number) = hear()? {
        let number = number.parse()?;
        let mut commit = step(number, 0, 2)?;
        commit.claim = Some(claim(number, number)?);
        match store.commit(commit).await? {
            Committed::Written(_) => say("won"),
            Committed::KeyTaken(holder) if holder == claim(number, number)? => say("lost"),
            other => say(&format!("{other:?}")),
        }
    }
    Ok(())
}

async fn fills(file: &Path) -> Tested {
    let store = SqliteStore::open(file).await?;
    let unlimited = getrlimit(Resource::Fsize);
    setrlimit(
        Resource::Fsize,
        Rlimit {
            current: Some(1024 * 1024),
            ..unlimited
        },
    )?;
    for version in 0.. {
        match store.commit(sized_step(0, version, 1, 32 * 1024)?).await {
            Ok(Committed::Written(version)) => say(&version.to_string()),
            Ok(other) => say(&format!("{other:?}")),
            Err(error) if error.kind() == StoreErrorKind::Unavailable => {
                say("unavailable");
                hear()?;
                setrlimit(Resource::Fsize, unlimited)?;
                write(&store, sized_step(0, version, 1, 32 * 1024)?).await?;
                say(&(version + 1).to_string());
                return Ok(store.close().await?);
            }
            Err(error) => say(&format!("{error:?}")),
        }
    }
    Ok(())
}

fn say(line: &str) {
    println!("> {line}");
}

fn hear() -> Result<Option<String>, Failure> {
    Ok(std::io::stdin().lines().next().transpose()?)
}
