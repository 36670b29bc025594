//! The command line: what the person who runs the quickstart asked for.
//!
//! It promises that nothing is started before every option is understood. What the options lead to is left to `main`.

use std::{ffi::OsString, path::PathBuf};

use tracemem_sdk::id::ApproverId;

use crate::kill::Point;

pub(crate) const HELP: &str = "\
TraceMem quickstart: one decision from proposal to closed record, with a human in the middle.

A 25 % discount on the annual plan of sub_1042 is about to be applied. The rulebook says that an owner decides, so an
approval page is served on 127.0.0.1 and its link is printed. Once somebody answers, the discount is booked, at most
once, and receipt, outcome and trace are recorded. Everything lies in one folder; run it again and it goes on where it
was, or finds the decision finished and runs nothing.

usage: cargo run --example quickstart [-- OPTIONS]

  --dir DIR        the folder for the database, the ledger and the link key; ./tracemem-quickstart unless given
  --approver ID    who may approve; maya@example.com unless given. It counts when the decision is made.
  --auto           answer by itself: get the page over TCP, fill in its form, post it
  --out DIR        write trace.json and record.json there
  --json           the last line of the standard output is one JSON object; all other text goes to standard error
  --kill-at POINT  abort the process right after a step is durable, once per folder and point; run the same command
                   again to see it go on. POINT is one of
                     decide   the decision and its approval request are recorded
                     approve  the answer is recorded
                     started  the start of the side effect is recorded, the effect is not done
                     effect   the discount is booked, its receipt is not recorded
                     receipt  receipt and outcome are recorded
  --help           print this

exit code: 0 the decision is finished (booked, or rejected, or nobody answered in time); 1 it is not, an error says why;
2 the command line is wrong; 130 interrupted, run it again to go on
";

const DEFAULT_DIR: &str = "tracemem-quickstart";
const DEFAULT_APPROVER: &str = "maya@example.com";

/// What was asked for. Exhaustive on purpose.
#[derive(Debug)]
pub(crate) enum Asked {
    /// The text of `--help`.
    Help,
    /// The main job.
    Run(Options),
}

/// How the main job is run.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) dir: PathBuf,
    pub(crate) approver: ApproverId,
    pub(crate) answering: Answering,
    pub(crate) out: Option<PathBuf>,
    pub(crate) report: Report,
    pub(crate) kill_at: Option<Point>,
}

/// Who answers the approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answering {
    Person,
    Auto,
}

/// What the standard output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Report {
    People,
    Json,
}

/// The command line is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InvalidOptions {
    #[error("there is no option `{0}`")]
    Unknown(String),
    #[error("`{0}` needs a value")]
    NoValue(&'static str),
    #[error("`{0}` takes no value")]
    Value(&'static str),
    #[error("`{0}` is given twice")]
    Twice(&'static str),
    #[error("`--approver {given}`: {rule}")]
    Approver { given: String, rule: &'static str },
    #[error("`--kill-at {0}`: the points are decide, approve, started, effect and receipt")]
    Point(String),
}

impl Asked {
    /// Reads the arguments without the program's name.
    pub(crate) fn parse(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, InvalidOptions> {
        let mut given = Given::default();
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let (name, inline) = split(&argument);
            let mut value = |option| {
                let value = inline.clone().or_else(|| arguments.next());
                value
                    .filter(|value| !value.is_empty())
                    .ok_or(InvalidOptions::NoValue(option))
            };
            match name.as_str() {
                "--help" | "-h" => return Ok(Self::Help),
                "--dir" => set(&mut given.dir, "--dir", value("--dir")?)?,
                "--out" => set(&mut given.out, "--out", value("--out")?)?,
                "--approver" => set(&mut given.approver, "--approver", value("--approver")?)?,
                "--kill-at" => set(&mut given.kill_at, "--kill-at", value("--kill-at")?)?,
                "--auto" => set(&mut given.auto, "--auto", flag("--auto", inline)?)?,
                "--json" => set(&mut given.json, "--json", flag("--json", inline)?)?,
                _ => {
                    return Err(InvalidOptions::Unknown(
                        argument.to_string_lossy().into_owned(),
                    ));
                }
            }
        }
        given.options().map(Self::Run)
    }
}

/// What was given, each at most once.
#[derive(Default)]
struct Given {
    dir: Option<OsString>,
    out: Option<OsString>,
    approver: Option<OsString>,
    kill_at: Option<OsString>,
    auto: Option<()>,
    json: Option<()>,
}

impl Given {
    fn options(self) -> Result<Options, InvalidOptions> {
        let Self {
            dir,
            out,
            approver,
            kill_at,
            auto,
            json,
        } = self;
        Ok(Options {
            dir: dir.unwrap_or_else(|| DEFAULT_DIR.into()).into(),
            approver: approver_of(approver.unwrap_or_else(|| DEFAULT_APPROVER.into()))?,
            answering: auto.map_or(Answering::Person, |()| Answering::Auto),
            out: out.map(PathBuf::from),
            report: json.map_or(Report::People, |()| Report::Json),
            kill_at: kill_at.map(point_of).transpose()?,
        })
    }
}

/// `--name` and the value of `--name=value`.
fn split(argument: &OsString) -> (String, Option<OsString>) {
    // A path that is no Unicode is given as an argument of its own: `--dir=…` takes Unicode only.
    match argument.to_str().and_then(|text| text.split_once('=')) {
        Some((name, value)) => (name.to_owned(), Some(value.into())),
        None => (argument.to_string_lossy().into_owned(), None),
    }
}

fn set<T>(place: &mut Option<T>, option: &'static str, value: T) -> Result<(), InvalidOptions> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(InvalidOptions::Twice(option)),
    }
}

fn flag(option: &'static str, inline: Option<OsString>) -> Result<(), InvalidOptions> {
    inline.map_or(Ok(()), |_| Err(InvalidOptions::Value(option)))
}

fn approver_of(given: OsString) -> Result<ApproverId, InvalidOptions> {
    let given = given.to_string_lossy().into_owned();
    // The agent that asks must not be the one that answers; the library would refuse the answer, which is late to learn it.
    if given.eq_ignore_ascii_case(crate::desk::AGENT) {
        let rule = "it is the agent that asks, and nobody approves their own request";
        return Err(InvalidOptions::Approver { given, rule });
    }
    given.parse().map_err(|_| InvalidOptions::Approver {
        given,
        rule: "an approver has 1 to 254 characters without white space or control characters",
    })
}

fn point_of(given: OsString) -> Result<Point, InvalidOptions> {
    let given = given.to_string_lossy().into_owned();
    Point::parse(&given).ok_or(InvalidOptions::Point(given))
}
