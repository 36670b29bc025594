//! A Postgres of a test's own, which it may stop, kill, starve and copy. `tests/postgres` says where the programs are.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

use crate::Outcome;

/// A server on a data folder of its own. It is killed when this is dropped.
#[derive(Debug)]
pub struct Cluster {
    folder: TempDir,
    settings: Vec<String>,
    /// How large a file of the server's may get, in bytes.
    limit: Option<u64>,
    port: u16,
    server: Option<Child>,
}

/// Who runs a server, where that is not the one who runs the tests.
#[derive(Debug, Clone, Copy)]
struct Other {
    uid: u32,
    gid: u32,
}

/// How often to start a server that ends at once, and to look whether one is up.
const STARTS: u32 = 200;
const LOOKS: u32 = 6_000;

impl Cluster {
    /// A new one, running, with these settings (`name=value`) beside those that make it quiet and durable.
    ///
    /// # Errors
    /// Where there is no Postgres, or it does not start.
    pub fn start(settings: &[&str]) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        give(folder.path())?;
        let data = folder.path().join("data");
        let made = program("initdb")?
            .arg("--pgdata")
            .arg(&data)
            .args(["--username=tracemem", "--auth=trust", "--encoding=UTF8"])
            .args(["--no-locale", "--no-sync"])
            .output()?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into_owned().into());
        }
        let settings = settings.iter().map(ToString::to_string).collect();
        Self::on(folder, settings, None)
    }

    /// A new one, running, whose files may not grow past so many bytes, a multiple of 512.
    ///
    /// # Errors
    /// Where there is no Postgres, or it does not start.
    pub fn start_within(limit: u64) -> Outcome<Self> {
        let mut cluster = Self::start(&[])?;
        cluster.limit = Some(limit);
        cluster.restart()?;
        Ok(cluster)
    }

    /// Adds files to its data, readable for the server alone, and starts it again with more settings.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn reconfigure(&mut self, files: &[(&str, &str)], settings: &[&str]) -> Outcome {
        for (name, text) in files {
            let path = self.data().join(name);
            fs::write(&path, text)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            give(&path)?;
        }
        self.settings
            .extend(settings.iter().map(ToString::to_string));
        self.restart()
    }

    /// Starts it again, and its files may grow.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn allow_everything(&mut self) -> Outcome {
        self.limit = None;
        self.restart()
    }

    fn on(folder: TempDir, settings: Vec<String>, limit: Option<u64>) -> Outcome<Self> {
        let mut cluster = Self {
            folder,
            settings,
            limit,
            port: free_port()?,
            server: None,
        };
        cluster.restart()?;
        Ok(cluster)
    }

    /// Where clients find it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://tracemem@127.0.0.1:{}/postgres", self.port)
    }

    /// The folder that its data are in.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ends every server process at once, as a crash of the machine would, without the machine's memory being lost.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub fn kill(&mut self) -> Outcome {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        // Its children are in groups of their own, and end when they find it gone; the folder's lock waits for them.
        let pid = pid(&server)?;
        let _ = kill_process_group(pid, Signal::KILL);
        let _ = kill_process(pid, Signal::KILL);
        server.wait()?;
        Ok(())
    }

    /// Stops it in good order, but without waiting for its clients.
    ///
    /// # Errors
    /// Where it cannot be waited for.
    pub fn stop(&mut self) -> Outcome {
        let Some(mut server) = self.server.take() else {
            return Ok(());
        };
        kill_process(pid(&server)?, Signal::INT)?;
        server.wait()?;
        Ok(())
    }

    /// Starts it, on the port it had. Where it runs, it is killed first.
    ///
    /// # Errors
    /// Where it does not come up.
    pub fn restart(&mut self) -> Outcome {
        self.kill()?;
        let log = fs::File::create(self.folder.path().join("log"))?;
        for _ in 0..STARTS {
            let mut command = match self.limit {
                None => program("postgres")?,
                // A shell sets the limit, in blocks of 512 bytes, and becomes the server.
                Some(limit) => {
                    let mut shell = by_other("sh".as_ref())?;
                    let blocks = (limit / 512).to_string();
                    shell.args(["-c", "ulimit -f \"$0\" && exec \"$@\"", &blocks]);
                    shell.arg(program("postgres")?.get_program());
                    shell
                }
            };
            command.arg("-D").arg(self.data());
            command.args(["-p", &self.port.to_string()]);
            for setting in ["listen_addresses=127.0.0.1", "unix_socket_directories="] {
                command.args(["-c", setting]);
            }
            for setting in &self.settings {
                command.args(["-c", setting]);
            }
            command.stdout(Stdio::null()).stderr(log.try_clone()?);
            self.server = Some(command.spawn()?);
            if self.comes_up()? {
                return Ok(());
            }
            // Processes of the server that was killed may still be ending, or somebody took the port meanwhile.
            thread::sleep(Duration::from_millis(50));
        }
        let said = fs::read_to_string(self.folder.path().join("log"))?;
        Err(format!("the server does not come up: {said}").into())
    }

    /// Whether it takes connections, once that is known.
    fn comes_up(&mut self) -> Outcome<bool> {
        let file = self.data().join("postmaster.pid");
        for _ in 0..LOOKS {
            let Some(server) = &mut self.server else {
                return Ok(false);
            };
            if server.try_wait()?.is_some() {
                self.server = None;
                return Ok(false);
            }
            let id = server.id().to_string();
            match fs::read_to_string(&file) {
                Ok(text) if is_ready(&text, &id) => return Ok(true),
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                Ok(_) | Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
        Err("the server neither comes up nor ends".into())
    }

    /// A copy of its files as they are at one moment, while nothing of the server runs, on a server of its own that finds them as
    /// after a power cut.
    ///
    /// # Errors
    /// Where the files cannot be copied, or nothing comes up on them.
    pub fn copy(&self) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        give(folder.path())?;
        let frozen = Frozen::new(self)?;
        let mut copying = plain("cp".as_ref());
        let copied = copying
            .arg("-a")
            .arg(self.data())
            .arg(folder.path().join("data"))
            .status()?;
        drop(frozen);
        if !copied.success() {
            return Err("the files cannot be copied".into());
        }
        fs::remove_file(folder.path().join("data/postmaster.pid"))?;
        Self::on(folder, self.settings.clone(), self.limit)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // What cannot be killed is gone.
        let _ = self.kill();
    }
}

/// All processes of a server, stopped until this is dropped.
struct Frozen(Vec<Pid>);

impl Frozen {
    fn new(cluster: &Cluster) -> Outcome<Self> {
        let server = cluster.server.as_ref().ok_or("the server is not running")?;
        let mut frozen = Self(Vec::new());
        let mut waiting = vec![server.id()];
        while let Some(id) = waiting.pop() {
            let process = i32::try_from(id).ok().and_then(Pid::from_raw);
            let process = process.ok_or("a process has no id")?;
            // One that has ended since writes nothing any more.
            if kill_process(process, Signal::STOP).is_ok() {
                frozen.0.push(process);
                let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
                let children = children.unwrap_or_default();
                waiting.extend(
                    children
                        .split_whitespace()
                        .filter_map(|id| id.parse::<u32>().ok()),
                );
            }
        }
        Ok(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for process in &self.0 {
            let _ = kill_process(*process, Signal::CONT);
        }
    }
}

/// Whether the server with this id says that it takes connections: the last line of its file.
fn is_ready(text: &str, id: &str) -> bool {
    let ready = text
        .lines()
        .last()
        .is_some_and(|line| line.trim() == "ready");
    ready && text.lines().next() == Some(id)
}

fn pid(server: &Child) -> Outcome<Pid> {
    let pid = i32::try_from(server.id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| "the server has no id".into())
}

fn free_port() -> Outcome<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    Ok(listener.local_addr()?.port())
}

/// Gives a folder to whoever runs servers.
fn give(folder: &Path) -> Outcome {
    if let Some(Other { uid, gid }) = other()? {
        std::os::unix::fs::chown(folder, Some(uid), Some(gid))?;
    }
    Ok(())
}

/// A program of Postgres, run by whoever may.
fn program(name: &str) -> Outcome<Command> {
    let folder = env::var("TRACEMEM_POSTGRES_BIN").map_err(
        |_| "TRACEMEM_POSTGRES_BIN is not set: run the tests by `tests/postgres cargo test …` or `tests/run`",
    )?;
    by_other(format!("{folder}/{name}").as_ref())
}

fn by_other(program: &OsStr) -> Outcome<Command> {
    let mut command = plain(program);
    if let Some(Other { uid, gid }) = other()? {
        command.uid(uid).gid(gid);
    }
    Ok(command)
}

fn plain(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    // A folder that everybody may be in, and nothing of the caller's that changes what a server does.
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .env("LC_ALL", "C");
    command
}

/// Who runs a server for root.
fn other() -> Outcome<Option<Other>> {
    let user = env::var("TRACEMEM_POSTGRES_USER").unwrap_or_default();
    if user.is_empty() {
        return Ok(None);
    }
    let users = fs::read_to_string("/etc/passwd")?;
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (name == user).then_some(Other { uid, gid })
    });
    let found = found.ok_or("the user of TRACEMEM_POSTGRES_USER is not there")?;
    Ok(Some(found))
}
