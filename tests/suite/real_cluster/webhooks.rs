//! The webhooks of a job that real controllers run.

use std::rc::Rc;

use serde_json::json;

use super::history::with_history;
use super::{World, manifest};
use crate::support::real::eventually;
use crate::support::receiver::{Receiver, message_id};
use crate::support::service::Folder;

pub(super) async fn a_receiver_gets_the_life_of_a_job(world: Rc<World>) {
    let (name, state, files) = ("hooked", Folder::new(), Folder::new());
    let receiver = Receiver::start();
    files.write("ops.key", &receiver.secret());
    let secret = files.path().join("ops.key");
    let line = format!("ops url={} events=job.* namespaces={name} secret_file={}\n", receiver.url(), secret.display());
    files.write("webhooks", &line);
    let builder = world.another_service().env("EKS_API_WEBHOOKS_FILE", files.path().join("webhooks").to_str().unwrap());
    let service = with_history(builder, &state).await;
    // The jobs of the first comparison are not sent.
    let watches = async || {
        let health = service.get("/health").await.expect_status(200).json();
        (health["checks"]["watch"]["status"] == "passed").then_some(())
    };
    eventually("a watch", watches).await;
    service.get("/api/eks-list-history?limit=1").await.expect_status(200);

    let body = json!({ "job_manifest": manifest(name, 0), "namespace": name });
    let created = service.post("/api/eks-create-job", &body).await.expect_status(201).json();
    let uid = created["uid"].as_str().unwrap();
    receiver.got(1).await;
    let path = format!("/apis/batch/v1/namespaces/{name}/jobs/{name}");
    let job = async || world.cluster.admin.get(&path).await.expect_status(200).json();
    let kubelet = world.kubelet(name);
    let pod = kubelet.run(name).await;
    receiver.got(2).await;
    kubelet.finish(&pod, 0).await;
    let completed = receiver.got(3).await;
    let last = job().await;
    let path = format!("/api/eks-delete-job?namespace={name}&job_name={name}&propagation_policy=Background");
    service.delete(&path).await.expect_status(200);
    let messages = receiver.got(4).await;

    let of = |event_type: &str| messages.iter().find(|message| message.event_type == event_type).unwrap();
    let condition = last["status"]["conditions"].as_array().unwrap().iter().find(|one| one["type"] == "Complete");
    let times = [
        ("job.created", &last["metadata"]["creationTimestamp"]),
        ("job.started", &last["status"]["startTime"]),
        ("job.completed", &condition.unwrap()["lastTransitionTime"]),
    ];
    for (event_type, time) in times {
        let id = message_id("lab", uid, event_type, time.as_str().unwrap());
        assert_eq!(of(event_type).id, id, "{event_type}");
        assert_eq!(of(event_type).data()["uid"], uid);
    }
    assert_eq!(completed.len(), 3);
    let deleted = of("job.deleted").data();
    assert_eq!((&deleted["state"], &deleted["job_name"]), (&json!("completed"), &json!(name)), "{deleted}");
    let idle = async || {
        let webhooks = service.get("/api/eks-list-webhooks").await.expect_status(200).json();
        (webhooks["webhooks"][0]["pending"] == 0).then_some(())
    };
    eventually("an outbox that is empty", idle).await;
    assert_eq!(receiver.messages().len(), 4, "each came once");
}
