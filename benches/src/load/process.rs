//! Processes: what this one takes, and others that are started from the same program.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::{Builder, Runtime};

/// What every measuring program can be told.
#[derive(Clone, Debug, Args)]
pub struct Common {
    /// Print one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Do this, as JSON: the other process
    #[arg(long, hide = true)]
    task: Option<String>,
}

impl Common {
    /// What this process is to do, if it is the other one.
    pub fn task<T: DeserializeOwned>(&self) -> Option<T> {
        self.task.as_ref().map(|task| serde_json::from_str(task).expect("the task was written by this program"))
    }

    /// Prints the report as asked.
    pub fn print<R: Serialize>(&self, report: &R, table: impl FnOnce(&R)) {
        if self.json {
            println!("{}", serde_json::to_string(report).expect("numbers can be written"));
        } else {
            table(report);
        }
    }
}

/// This program once more, ended when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it with a task.
    pub fn start(task: &impl Serialize) -> Self {
        let program = std::env::current_exe().expect("a program runs");
        let task = serde_json::to_string(task).expect("a task can be written");
        let mut command = Command::new(program);
        command.args(["--task", &task]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("this program can be started once more");
        let questions = child.stdin.take().expect("it is piped");
        let answers = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, questions, answers }
    }

    /// Asks how things are, and waits for the answer.
    pub fn ask<R: DeserializeOwned>(&mut self) -> R {
        let mut line = String::new();
        writeln!(self.questions).expect("the other process runs");
        self.answers.read_line(&mut line).expect("the other process answers");
        serde_json::from_str(&line).expect("the other process says what was asked")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has no state to lose.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The other process's side of [`Process::ask`], until nobody asks any more.
pub fn answer<R: Serialize>(mut report: impl FnMut() -> R) {
    for _ in std::io::stdin().lines().map_while(Result::ok) {
        println!("{}", serde_json::to_string(&report()).expect("numbers can be written"));
    }
}

/// A runtime as programs have it.
pub fn runtime() -> Runtime {
    Builder::new_multi_thread().enable_all().build().expect("the system has threads to spare")
}

/// The processor time of this process so far.
pub fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The bytes of memory that this process occupies. The most that it will have occupied counts anew from here.
pub fn memory() -> u64 {
    // Where that is not allowed, the most is of the whole run.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    kilobytes("VmRSS:")
}

/// The most bytes of memory that this process has occupied since [`memory`] was called.
pub fn peak_memory() -> u64 {
    kilobytes("VmHWM:")
}

/// The threads of this process.
pub fn threads() -> u64 {
    status("Threads:").parse().unwrap_or(0)
}

fn kilobytes(name: &str) -> u64 {
    1024 * status(name).trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
}

fn status(name: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").expect("the bench runs on Linux");
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
}
