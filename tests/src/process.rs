//! A child process as the parent holds it: bounded in every wait, reaped whatever happens, with all its output captured.

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread::JoinHandle,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;

use crate::{
    Outcome,
    arrow::Arrow,
    protocol::{Acked, Ran, Said, Task},
};

/// How long a child may be silent; nothing here comes near it unless something hangs.
const SILENCE: Duration = Duration::from_secs(90);

/// How long to wait for one child where another may have something to say.
const MOMENT: Duration = Duration::from_millis(5);

/// A child. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    acked: Vec<Acked>,
}

impl Process {
    /// Starts `program` with a task.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(program: &str, task: &Task) -> Outcome<Self> {
        let mut child = Command::new(program)
            .arg(serde_json::to_string(task)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let out = child.stdout.take().ok_or("the child has no output")?;
        let mut err = child.stderr.take().ok_or("the child has no errors")?;
        let (sender, output) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            // What cannot be read is not shown; the child's exit code tells that it failed.
            let _ = err.read_to_string(&mut text);
            text
        });
        Ok(Self {
            child,
            input,
            output,
            errors: Some(errors),
            acked: Vec::new(),
        })
    }

    /// What it was acknowledged so far, as far as it was read.
    #[must_use]
    pub fn acked(&self) -> &[Acked] {
        &self.acked
    }

    /// The next thing it says, acknowledgements included.
    ///
    /// # Errors
    /// Where it ends, or says nothing for too long.
    pub fn hears(&mut self) -> Outcome<Said> {
        match self.output.recv_timeout(SILENCE) {
            Ok(line) => self.note(&line),
            Err(RecvTimeoutError::Timeout) => Err("a child says nothing any more".into()),
            Err(RecvTimeoutError::Disconnected) => {
                let errors = self.reap()?.1;
                Err(format!("a child ended too soon: {errors}").into())
            }
        }
    }

    /// Reads what it was acknowledged meanwhile, without waiting for more than a moment.
    ///
    /// # Errors
    /// Where it ends, or says anything else.
    pub fn poll(&mut self) -> Outcome {
        loop {
            match self.output.recv_timeout(MOMENT) {
                Ok(line) => match self.note(&line)? {
                    Said::Acked(_) => {}
                    other => return Err(format!("a child says {other:?}").into()),
                },
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => {
                    let errors = self.reap()?.1;
                    return Err(format!("a child ended too soon: {errors}").into());
                }
            }
        }
    }

    /// The next thing it says that is no acknowledgement.
    ///
    /// # Errors
    /// As [`hears`](Self::hears).
    pub fn says(&mut self) -> Outcome<Said> {
        loop {
            match self.hears()? {
                Said::Acked(_) => {}
                other => return Ok(other),
            }
        }
    }

    /// Waits until it says exactly this.
    ///
    /// # Errors
    /// Where it says something else.
    pub fn expect(&mut self, expected: &Said) -> Outcome {
        let said = self.says()?;
        if said == *expected {
            return Ok(());
        }
        Err(format!("a child says {said:?} instead of {expected:?}").into())
    }

    /// Waits until it is at this gate.
    ///
    /// # Errors
    /// Where it is at another, or does something else.
    pub fn reaches(&mut self, arrow: Arrow) -> Outcome {
        self.expect(&Said::At(arrow))
    }

    /// Waits until it says what came of its effect.
    ///
    /// # Errors
    /// Where it says something else.
    pub fn runs(&mut self) -> Outcome<Ran> {
        match self.says()? {
            Said::Ran(ran) => Ok(ran),
            other => Err(format!("a child says {other:?} instead of how it ran").into()),
        }
    }

    /// Gives it the word, or an order, and does not wait.
    ///
    /// # Errors
    /// Where it takes none any more.
    pub fn tell(&mut self, order: &impl Serialize) -> Outcome {
        let input = self.input.as_mut().ok_or("the child takes no orders")?;
        let mut line = serde_json::to_string(order)?;
        line.push('\n');
        input.write_all(line.as_bytes())?;
        Ok(input.flush()?)
    }

    /// Gives it the word to go on.
    ///
    /// # Errors
    /// Where it takes none any more.
    pub fn go(&mut self) -> Outcome {
        self.tell(&"go")
    }

    /// Gives it an order and waits for its answer.
    ///
    /// # Errors
    /// Where it ends first.
    pub fn order(&mut self, order: &crate::protocol::Order) -> Outcome<Said> {
        self.tell(order)?;
        self.says()
    }

    /// Kills it with SIGKILL, and gives everything that it was acknowledged.
    ///
    /// # Errors
    /// Where it ended by itself before.
    pub fn kill(mut self) -> Outcome<Vec<Acked>> {
        self.child.kill()?;
        let (status, errors) = self.reap()?;
        if status.signal() != Some(Signal::KILL.as_raw()) {
            return Err(format!("a child was not killed, it ended with {status}: {errors}").into());
        }
        while let Ok(line) = self.output.recv_timeout(SILENCE) {
            self.note(&line)?;
        }
        Ok(std::mem::take(&mut self.acked))
    }

    /// Stops it with SIGSTOP; it is not killed, and runs nothing.
    ///
    /// # Errors
    /// Where it cannot be stopped.
    pub fn stop(&self) -> Outcome {
        self.signal(Signal::STOP)
    }

    /// Lets it run again after [`stop`](Self::stop).
    ///
    /// # Errors
    /// Where it cannot be continued.
    pub fn resume(&self) -> Outcome {
        self.signal(Signal::CONT)
    }

    /// Tells it that there is nothing more, waits for its end, and gives everything that it was acknowledged.
    ///
    /// # Errors
    /// Where it does not end well.
    pub fn end(mut self) -> Outcome<Vec<Acked>> {
        drop(self.input.take());
        loop {
            match self.output.recv_timeout(SILENCE) {
                Ok(line) => drop(self.note(&line)?),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => return Err("a child does not end".into()),
            }
        }
        let (status, errors) = self.reap()?;
        if !status.success() {
            return Err(format!("a child ended with {status}: {errors}").into());
        }
        Ok(std::mem::take(&mut self.acked))
    }

    fn signal(&self, signal: Signal) -> Outcome {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        Ok(kill_process(
            pid.ok_or("a child has no process id")?,
            signal,
        )?)
    }

    fn note(&mut self, line: &str) -> Outcome<Said> {
        let said = serde_json::from_str(line)?;
        if let Said::Acked(acked) = &said {
            self.acked.push(acked.clone());
        }
        Ok(said)
    }

    fn reap(&mut self) -> Outcome<(ExitStatus, String)> {
        let status = self.child.wait()?;
        let errors = self.errors.take().map(JoinHandle::join);
        let errors = errors.and_then(Result::ok).unwrap_or_default();
        Ok((status, errors))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Copies the database and its log as they are on the disk now, and not the index of the log, which a power cut destroys.
///
/// # Errors
/// Where they cannot be copied.
pub fn copy_store(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to)?;
    for name in ["decisions.db", "decisions.db-wal"] {
        std::fs::copy(from.join(name), to.join(name))?;
    }
    Ok(())
}
