//! One request for a log: whether it can be read at all, from where on, and until when.

use std::sync::Arc;

use hyper::body::Bytes;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedSender;

use super::{Key, Log};
use crate::support::stub::exchange::Answer;
use crate::support::stub::routes::Call;
use crate::support::stub::server::Server;
use crate::support::stub::status::{self, Reply};
use crate::support::stub::store::{Object, Resource, text};

struct Reader {
    server: Arc<Server>,
    key: Key,
    follow: bool,
    timestamps: bool,
    tail: Option<usize>,
    /// How many bytes may still be sent.
    left: usize,
    /// The line that is read next, and how much of it was.
    line: usize,
    byte: usize,
}

pub fn open(server: &Arc<Server>, call: &Call, namespace: &str, name: &str) -> Result<Answer, Reply> {
    let pod = server.store().get(Resource::Pods, namespace, name).cloned();
    let pod = pod.ok_or_else(|| status::not_found(Resource::Pods, name))?;
    let container = container(&pod, call.parameter("container").unwrap_or_default())?;
    let key = Key::new(namespace, name, &container);
    let key = if call.flag("previous") { key.previous() } else { key };
    let state = state_of(&pod, &container);
    let there = server.logs.kept.borrow().contains_key(&key);
    if key.previous && !there {
        let message = format!("previous terminated container {container:?} in pod {name:?} not found");
        return Err(status::bad_request(&message));
    }
    if !key.previous
        && let Some(why) = waits_for(&state)
    {
        let message = format!("container {container:?} in pod {name:?} is waiting to start: {why}");
        return Err(status::bad_request(&message));
    }
    // No kubelet could be asked about a pod that has no node yet.
    if !there && state.is_null() && pod["spec"]["nodeName"].is_null() {
        return Ok(Answer::Whole(Reply::new(204, Value::from(""))));
    }

    let number = |name: &str| call.parameter(name).and_then(|number| number.parse().ok());
    let reader = Reader {
        server: Arc::clone(server),
        key,
        follow: call.flag("follow") && state["state"]["terminated"].is_null(),
        timestamps: call.flag("timestamps"),
        tail: number("tailLines"),
        left: number("limitBytes").unwrap_or(usize::MAX),
        line: 0,
        byte: 0,
    };
    server.logs.followers.send_modify(|followers| *followers += usize::from(reader.follow));
    Ok(Answer::told_as("text/plain", |pieces| reader.run(pieces)))
}

/// The container that is asked for, or the only one.
fn container(pod: &Object, asked: &str) -> Result<String, Reply> {
    let names = |kind: &str| -> Vec<&str> {
        let containers = pod["spec"][kind].as_array().into_iter().flatten();
        containers.map(|container| text(&container["name"])).collect()
    };
    let (main, init, pod) = (names("containers"), names("initContainers"), pod.name());
    if !asked.is_empty() {
        if main.contains(&asked) || init.contains(&asked) || names("ephemeralContainers").contains(&asked) {
            return Ok(asked.to_owned());
        }
        return Err(status::bad_request(&format!("container {asked} is not valid for pod {pod}")));
    }
    if let [only] = main[..] {
        return Ok(only.to_owned());
    }
    let also =
        if init.is_empty() { String::new() } else { format!(" or one of the init containers: [{}]", init.join(" ")) };
    let main = main.join(" ");
    let message = format!("a container name must be specified for pod {pod}, choose one of: [{main}]{also}");
    Err(status::bad_request(&message))
}

/// The container's status, or null.
fn state_of(pod: &Value, container: &str) -> Value {
    let kinds = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
    let mut all = kinds.iter().filter_map(|kind| pod["status"][kind].as_array()).flatten();
    all.find(|status| status["name"] == container).cloned().unwrap_or_default()
}

/// Why there is no log yet, in the words of a kubelet. A container that waits to be started again
/// has one.
fn waits_for(status: &Value) -> Option<&str> {
    let waiting = &status["state"]["waiting"];
    if waiting.is_null() || !status["lastState"]["terminated"].is_null() {
        return None;
    }
    Some(match text(&waiting["reason"]) {
        "ErrImagePull" => "image can't be pulled",
        "ImagePullBackOff" => "trying and failing to pull image",
        reason => reason,
    })
}

impl Reader {
    async fn run(mut self, pieces: UnboundedSender<Bytes>) {
        let mut kept = self.server.logs.kept.subscribe();
        if let (Some(tail), Some(log)) = (self.tail, kept.borrow().get(&self.key)) {
            self.line = log.lines.len().saturating_sub(tail);
        }
        loop {
            let (new, ended) = {
                let kept = kept.borrow_and_update();
                let log = kept.get(&self.key);
                (log.map(|log| self.read(log)).unwrap_or_default(), log.is_some_and(|log| log.ended))
            };
            if !new.is_empty() {
                // The receiver lives as long as this future does.
                let _ = pieces.send(Bytes::from(new));
            }
            if ended || !self.follow || self.left == 0 || kept.changed().await.is_err() {
                return;
            }
        }
    }

    /// What was written since the last time.
    fn read(&mut self, log: &Log) -> Vec<u8> {
        let mut new = Vec::new();
        while let Some(line) = log.lines.get(self.line) {
            if self.byte == 0 && self.timestamps && !line.at.is_empty() {
                new.extend_from_slice(format!("{} ", line.at).as_bytes());
            }
            new.extend_from_slice(&line.text[self.byte..]);
            if !line.text.ends_with(b"\n") {
                // The rest of it is still to be written.
                self.byte = line.text.len();
                break;
            }
            (self.line, self.byte) = (self.line + 1, 0);
        }
        new.truncate(self.left);
        self.left -= new.len();
        new
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.server.logs.followers.send_modify(|followers| *followers -= usize::from(self.follow));
    }
}
