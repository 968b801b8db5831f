//! What goes wrong around a service that has to go on: these scenarios disturb all that share the cluster.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::{TOKEN_TTL, World, manifest};
use crate::support::real::eventually;

pub(super) async fn tokens_that_iam_no_longer_honours_are_replaced_unnoticed(world: Rc<World>) {
    // A token tells the second in which it was signed: the service's is to be of an earlier one.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let refused_before = world.cluster.webhook.refused().len();
    world.cluster.webhook.refuse_tokens_signed_before(whole_seconds(SystemTime::now()));
    let begun = SystemTime::now();
    let mut created = 0;
    // The API server itself believes in a token for a while; it has to have asked anew by the end.
    eventually("a refused token", async || {
        world.create("renewed", &manifest(&format!("job-{created}"), 0)).await.expect_status(201);
        let read = format!("/api/eks-get-job-status?namespace=renewed&job_name=job-{created}");
        world.service.get_directly(&read).await.expect_status(200);
        created += 1;
        let refused = world.cluster.webhook.refused();
        let asked_anew = begun.elapsed().unwrap() > TOKEN_TTL * 2;
        (asked_anew && refused.len() > refused_before).then_some(())
    })
    .await;
    let refused = world.cluster.webhook.refused();
    let refused = &refused[refused_before..];
    assert!(refused.iter().all(|why| why == "the token was signed too long ago"), "{refused:?}");
    assert_eq!(refused.len(), 1, "a refused token is not sent again: {refused:?}");
    world.create("renewed", &manifest("last", 0)).await.expect_status(201);
}

fn whole_seconds(instant: SystemTime) -> SystemTime {
    let seconds = instant.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(super) async fn an_api_server_that_was_killed_is_found_again(world: Rc<World>) {
    let impatient = world.another_service().env("EKS_API_REQUEST_TIMEOUT", "2s").start().await;
    impatient.ready().await;
    world.create("outage", &manifest("before", 0)).await.expect_status(201);
    let status = "/api/eks-get-job-status?namespace=outage&job_name=before";
    impatient.get_directly(status).await.expect_status(200);

    world.cluster.kill_apiserver();
    let down = impatient.get_directly(status).await.expect_status(502).json();
    assert_eq!(down["reason"], "upstream_unreachable");
    let down = impatient.get(&format!("{status}&details=true")).await.expect_status(502).json();
    assert_eq!(down["reason"], "upstream_unreachable");
    let known = impatient.get(status).await.expect_status(200);
    assert_eq!((known.header("x-cache"), known.header("age").is_some()), (Some("hit"), true));
    impatient.get("/livez").await.expect_status(200);
    world.cluster.start_apiserver().await;

    for service in [&impatient, &world.service] {
        service.get_directly(status).await.expect_status(200);
        service.get(status).await.expect_status(200);
    }
    world.create("outage", &manifest("after", 0)).await.expect_status(201);
    impatient.get("/readyz").await.expect_status(200);
    for service in [&impatient, &world.service] {
        assert!(!service.logs().iter().any(|line| line.contains("panicked")), "{}", service.logs().join("\n"));
    }
}
