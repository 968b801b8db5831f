//! The client as a child process: its manifest, what it is given besides, and what it prints as it prints it.

use std::io::PipeReader;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::BINARY;
use crate::support::service::{Folder, PATIENCE};

pub(crate) struct Run {
    command: Command,
    folder: Folder,
    stdin: Option<String>,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// A run of this manifest at this address.
    pub(crate) fn of(manifest: &str, address: &str) -> Self {
        Self::with(manifest, &["-f", "job.json", "--url", &format!("http://{address}")])
    }

    pub(crate) fn with(manifest: &str, arguments: &[&str]) -> Self {
        Self::program(BINARY, manifest, &[&["run"], arguments].concat())
    }

    /// Another command at this address.
    pub(crate) fn command(arguments: &[&str], address: &str) -> Self {
        Self::program(BINARY, "", &[arguments, &["--url", &format!("http://{address}")]].concat())
    }

    pub(crate) fn program(program: &str, manifest: &str, arguments: &[&str]) -> Self {
        let folder = Folder::new();
        folder.write("job.json", manifest);
        let mut command = Command::new(program);
        command.args(arguments).env_clear().current_dir(folder.path()).kill_on_drop(true);
        Self { command, folder, stdin: None }
    }

    pub(crate) fn args(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Puts a file beside the manifest.
    pub(crate) fn file(self, name: &str, text: &str) -> Self {
        self.folder.write(name, text);
        self
    }

    /// Puts a file beside the manifest that only its owner can read.
    pub(crate) fn private_file(self, name: &str, text: &str) -> Self {
        self.folder.write(name, text);
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(self.folder.path().join(name), mode).unwrap();
        self
    }

    pub(crate) fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    pub(crate) async fn start(mut self) -> Running {
        self.command.stdout(Stdio::piped());
        self.start_as_it_is().await
    }

    /// Starts it with a stdout that is full, so that nothing can be written before what is returned is read.
    pub(crate) async fn start_stalled(mut self) -> (Running, PipeReader) {
        let (reader, writer) = std::io::pipe().unwrap();
        let full = pipe::Sender::from_owned_fd(writer.into()).unwrap();
        full.writable().await.unwrap();
        while full.try_write(&[b' '; 4096]).is_ok_and(|written| written > 0) {}
        // It is to wait for its reader, as any program does.
        self.command.stdout(full.into_blocking_fd().unwrap());
        (self.start_as_it_is().await, reader)
    }

    async fn start_as_it_is(mut self) -> Running {
        self.command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(self.stdin.unwrap_or_default().as_bytes()).await.unwrap();
        drop(stdin);
        let stdout = child.stdout.take().map(BufReader::new);
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sink, stderr) = watch::channel(String::new());
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                sink.send_modify(|text| text.extend([&line, "\n"]));
            }
        });
        Running { child, stdout, stderr, _folder: self.folder }
    }

    /// Runs it to its end.
    pub(crate) async fn ended(self) -> Ended {
        self.start().await.ended().await
    }
}

pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: watch::Receiver<String>,
    _folder: Folder,
}

impl Running {
    /// The next line on stdout.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = String::new();
        let read = self.stdout.as_mut().unwrap().read_line(&mut line);
        timeout(PATIENCE, read).await.expect("no line comes").unwrap();
        line
    }

    /// Waits until stderr has this.
    pub(crate) async fn told(&self, text: &str) {
        let mut stderr = self.stderr.clone();
        let told = stderr.wait_for(|told| told.contains(text));
        timeout(PATIENCE, told).await.expect("it is not told").expect("it has ended");
    }

    /// Nobody reads its stdout from now on.
    pub(crate) fn leave(&mut self) {
        self.stdout = None;
    }

    pub(crate) async fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.child.id().unwrap());
        assert!(Command::new("sh").arg("-c").arg(script).status().await.unwrap().success());
    }

    /// What it prints from here on, and how it ends.
    pub(crate) async fn ended(mut self) -> Ended {
        let end = async {
            let mut stdout = String::new();
            if let Some(pipe) = &mut self.stdout {
                pipe.read_to_string(&mut stdout).await.unwrap();
            }
            let code = self.child.wait().await.unwrap().code();
            // The other end goes with the pipe.
            while self.stderr.changed().await.is_ok() {}
            let stderr = self.stderr.borrow().clone();
            Ended { code, stdout, stderr }
        };
        timeout(PATIENCE, end).await.expect("the run does not end")
    }
}

impl Ended {
    /// Checks the exit code, and that stderr has this.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, told: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert!(self.stderr.contains(told), "{told:?} is not in {self:?}");
    }
}
