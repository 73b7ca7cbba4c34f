//! Processes to be killed, limited or watched: this test binary, started again in a role.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::engine::PATIENCE;

const ROLE: &str = "MISO_TEST_CHILD";
const FILE: &str = "MISO_TEST_FILE";
const TOPICS: &str = "MISO_TEST_TOPICS";

/// A child process and the lines it says (on stderr, which the test harness leaves alone).
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    heard: Vec<String>,
}

impl Process {
    /// Starts a role of this binary on a log file.
    pub(crate) fn start(role: &str, path: &Path, topics: &str) -> Self {
        let this = std::env::current_exe().expect("this binary");
        Self::of(Command::new(this), role, path, topics)
    }

    /// As [`Process::start`], where no file can grow beyond so many blocks of 512 bytes.
    pub(crate) fn start_limited(role: &str, path: &Path, topics: &str, blocks: u32) -> Self {
        let this = std::env::current_exe().expect("this binary");
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")).arg(this);
        Self::of(command, role, path, topics)
    }

    fn of(mut command: Command, role: &str, path: &Path, topics: &str) -> Self {
        let mut child = command
            .args(["--exact", "child::plays_its_role", "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(FILE, path)
            .env(TOPICS, topics)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let (said, lines) = channel();
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        std::thread::spawn(move || {
            let mut line = String::new();
            // A last line without its end was cut by the kill: it was not said.
            while matches!(stderr.read_line(&mut line), Ok(1..)) && line.ends_with('\n') {
                if said.send(line.trim_end().to_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Self { child, lines, heard: Vec::new() }
    }

    /// A line that was said already, if any.
    pub(crate) fn heard(&self) -> Option<String> {
        self.lines.try_recv().ok()
    }

    /// The next line that begins with `mark`; what stands after it.
    pub(crate) fn hear(&mut self, mark: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect("the child says something");
            assert!(!line.contains("panicked"), "{line}");
            self.heard.push(line.clone());
            if let Some(rest) = line.strip_prefix(mark) {
                return rest.trim().to_owned();
            }
        }
    }

    /// For signals.
    pub(crate) fn pid(&self) -> rustix::process::Pid {
        rustix::process::Pid::from_child(&self.child)
    }

    /// Lets it go on for this long.
    pub(crate) fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while let Ok(line) = self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            self.heard.push(line);
        }
    }

    /// kill -9; all lines that it had said.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
        self.said()
    }

    /// Waits for a good end; all lines that it had said.
    pub(crate) fn end(mut self) -> Vec<String> {
        let lines = self.said();
        assert!(self.child.wait().expect("gone").success(), "{lines:?}");
        lines
    }

    fn said(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.heard);
        lines.extend(self.lines.iter());
        lines
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test of its own: the entry of the child processes.
#[test]
fn plays_its_role() {
    let (Ok(role), Ok(path), Ok(topics)) = (std::env::var(ROLE), std::env::var(FILE), std::env::var(TOPICS)) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        if role.starts_with("kafka-") {
            crate::kafka_processes::play(&role, &path, &topics).await;
        } else {
            crate::embedded_processes::play(&role, Path::new(&path), &topics).await;
        }
    });
    // Destructors of what is still open run; then the harness ends the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
}
