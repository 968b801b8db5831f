//! A child process that cannot outlive this one, not even one that is killed: a shell holds it, and kills it when the
//! pipe from here ends.

use std::fs::{File, OpenOptions};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// The interrupt key reaches the whole process group; the shell has to stay to do its work.
const HOLD: &str = r#"trap '' INT; "$@" </dev/null & read -r _; kill -9 $!; wait"#;

#[derive(Debug)]
pub struct Process {
    shell: Child,
    /// Closing it is the signal.
    pipe: Option<ChildStdin>,
}

impl Process {
    pub fn start(binary: &Path, arguments: &[String], log: &Path) -> Self {
        let open = || -> File { OpenOptions::new().create(true).append(true).open(log).unwrap() };
        let mut shell = Command::new("sh")
            .args(["-c", HOLD, "sh"])
            .arg(binary)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .stdin(Stdio::piped())
            .stdout(open())
            .stderr(open())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start a shell: {error}"));
        let pipe = shell.stdin.take();
        Self { shell, pipe }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.pipe.take();
        let _ = self.shell.wait();
    }
}

/// What the program says about its flags.
pub fn help(binary: &Path) -> String {
    let output = Command::new(binary).arg("--help").env_clear().output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {}: {error}", binary.display()));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The last lines of a log, under its name.
pub fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let skipped = text.lines().count().saturating_sub(lines);
    let kept: Vec<&str> = text.lines().skip(skipped).collect();
    format!("--- {}\n{}", log.display(), kept.join("\n"))
}
