//! The service as a child process: started with an environment that holds nothing by accident, its
//! log read line by line, ended when its handle goes. What is said to it over HTTP is the client's
//! part.

mod client;
mod folder;
mod log;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::timeout;

pub use client::Reply;
pub use folder::Folder;
use log::Log;

/// Much longer than anything takes: whoever waits so long waits for nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

const ENVIRONMENT: [(&str, &str); 7] = [
    ("EKS_CLUSTER_NAME", "lab"),
    ("EKS_REGION", "us-east-1"),
    ("EKS_API_LISTEN", "127.0.0.1:0"),
    ("AWS_ACCESS_KEY_ID", "AKIALABSTATIC0000001"),
    ("AWS_SECRET_ACCESS_KEY", "lab-secret-one/with+chars"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("LOG_LEVEL", "DEBUG"),
];

/// Becomes the service with what was its own stdin in the place of the first sockets: only the process itself knows its
/// number, which is to be told.
const INHERIT: &str =
    r#"exec 3<&0 4<&0 0</dev/null; export LISTEN_FDS="$0" LISTEN_PID=$$; binary="$1"; shift; exec "$binary" "$@""#;

/// How the service is to be started.
#[derive(Clone, Debug)]
pub struct Builder {
    binary: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    files: Vec<(String, String)>,
    inherits: Option<(Arc<OwnedFd>, u32)>,
    log_file: bool,
}

impl Builder {
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self = self.without(name);
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn envs(self, pairs: &[(&str, &str)]) -> Self {
        pairs.iter().fold(self, |builder, (name, value)| builder.env(name, value))
    }

    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(found, _)| found != name);
        self
    }

    pub fn arg(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Puts a file into the folder that it is started in.
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// Passes it a file as systemd passes sockets, and says that there are so many.
    pub fn inherits(mut self, file: impl Into<OwnedFd>, count: u32) -> Self {
        self.inherits = Some((Arc::new(file.into()), count));
        self
    }

    /// Has it write its log into a file, which is read until it is ready and no further: whoever reads a pipe is woken by
    /// each line, and would take part in what is measured.
    pub fn log_file(mut self) -> Self {
        self.log_file = true;
        self
    }

    /// Runs it to its end: for the commands that print something.
    pub async fn output(self) -> Output {
        let (_folder, mut command) = self.command();
        timeout(PATIENCE, command.output()).await.expect("the command does not end").unwrap()
    }

    fn command(&self) -> (Folder, Command) {
        let folder = Folder::new();
        self.files.iter().for_each(|(name, text)| folder.write(name, text));
        let mut command = match &self.inherits {
            None => command(&self.binary, &folder),
            Some((file, count)) => {
                let mut command = command("sh", &folder);
                command.args(["-c", INHERIT, &count.to_string(), &self.binary]);
                command.stdin(file.try_clone().unwrap());
                command
            }
        };
        command.args(&self.arguments).envs(self.environment.iter().map(|(name, value)| (name, value)));
        (folder, command)
    }

    /// Starts the process and waits for nothing: for one that is expected to refuse its settings.
    pub fn spawn(self) -> Service {
        let (folder, mut command) = self.command();
        let log_file = self.log_file.then(|| folder.path().join("log"));
        let stderr = log_file.as_ref().map_or_else(Stdio::piped, |path| File::create(path).unwrap().into());
        let mut child = command
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", self.binary));
        let (sink, log) = log::new();
        match log_file {
            None => tokio::spawn(sink.follow(child.stderr.take().unwrap())),
            Some(path) => tokio::spawn(sink.follow_until_ready(path)),
        };
        Service { pid: child.id().unwrap(), child, log, address: None, folder }
    }

    /// Starts the process and waits until it listens. The cluster may not be usable then.
    pub async fn start(self) -> Service {
        let mut service = self.spawn();
        let listens = |line: &str| line.contains("listening") && line.contains("address");
        let line = service.log_line(listens).await;
        // address=127.0.0.1:1234 or "address":"127.0.0.1:1234"
        let address = line.split("address").nth(1).unwrap().trim_start_matches(['"', '=', ':']);
        let address: String = address.chars().take_while(|c| c.is_ascii_digit() || ".:".contains(*c)).collect();
        service.address = Some(address);
        service
    }
}

/// A running service. It is killed when this is dropped.
#[derive(Debug)]
pub struct Service {
    child: Child,
    pid: u32,
    log: Log,
    address: Option<String>,
    folder: Folder,
}

impl Service {
    pub fn builder(binary: &str) -> Builder {
        let environment = ENVIRONMENT.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = environment.into();
        Builder {
            binary: binary.to_owned(),
            arguments: Vec::new(),
            environment,
            files: Vec::new(),
            inherits: None,
            log_file: false,
        }
    }

    /// Waits until the cluster is usable.
    pub async fn ready(&self) -> &Self {
        self.log_line(log::is_ready).await;
        self
    }

    /// The address it listens on, `127.0.0.1:PORT`.
    pub fn address(&self) -> &str {
        self.address.as_deref().expect("the service was spawned, not started")
    }

    /// The empty folder that it was started in.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The first line of the log that fits, those already written included. Panics with the whole
    /// log if the service ends without it.
    pub async fn log_line(&self, fits: impl Fn(&str) -> bool) -> String {
        self.log.line(fits).await
    }

    /// Waits until this many lines fit.
    pub async fn log_lines(&self, count: usize, fits: impl Fn(&str) -> bool) -> Vec<String> {
        self.log.lines(count, fits).await
    }

    /// The log up to now.
    pub fn logs(&self) -> Vec<String> {
        self.log.all()
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal, `TERM` for example. The shell's own `kill` does it, as not every machine has
    /// a program of that name.
    pub async fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.pid);
        let status = Command::new("sh").arg("-c").arg(script).status().await.unwrap();
        assert!(status.success(), "the signal {name} did not reach the service");
    }

    /// Waits for the end of the process, and for the last line of its log.
    pub async fn exit_status(&mut self) -> ExitStatus {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("the service does not end:\n{}", self.log));
        self.log.ended().await;
        status.unwrap()
    }
}

/// Runs one command to its end, in an empty folder and with no more environment than is given.
pub async fn run(binary: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let folder = Folder::new();
    let mut command = command(binary, &folder);
    command.args(arguments).envs(environment.iter().copied());
    timeout(PATIENCE, command.output()).await.expect("the command does not end").unwrap()
}

fn command(binary: &str, folder: &Folder) -> Command {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}
