//! Holds deploy/ against the program: the roles grant what the calls need and no more, the pods are given settings that
//! there are, and are asked where they answer. Whether a cluster takes the manifests is `real_cluster`'s.

use std::collections::BTreeSet;
use std::fs;

use eks_api::api::routes::Route;
use eks_api::api::routes::access::Access;
use eks_api::config::{Settings, VARIABLES};
use eks_api::http::limits::bounds::DRAIN;
use eks_api::kube::access_review::Permission;
use serde_json::{Value, json};

use crate::support::manifests::manifests;

type Rule = (String, String, String);

fn file(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The objects of a kind.
fn of_kind(file: &str, kind: &str) -> Vec<Value> {
    let objects: Vec<Value> = manifests(file).into_iter().filter(|object| object["kind"] == kind).collect();
    assert!(!objects.is_empty(), "{file} has no {kind}");
    objects
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

/// Group, resource and verb of each right. A non-resource URL is a resource of no group, as in [`Permission`].
fn rules(role: &Value) -> BTreeSet<Rule> {
    let mut all = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        let (groups, resources) = match &rule["nonResourceURLs"] {
            Value::Null => (words(&rule["apiGroups"]), words(&rule["resources"])),
            urls => (vec![String::new()], words(urls)),
        };
        for (group, resource) in groups.iter().flat_map(|g| resources.iter().map(move |r| (g, r))) {
            all.extend(words(&rule["verbs"]).into_iter().map(|verb| (group.clone(), resource.clone(), verb)));
        }
    }
    all
}

fn operations(role: &Value) -> BTreeSet<&str> {
    role["metadata"]["annotations"]["eks-api/operations"].as_str().unwrap().split(", ").collect()
}

/// What the calls need that have to be allowed anything.
fn needs() -> Vec<(&'static str, BTreeSet<Rule>)> {
    let rule = |p: &Permission| (p.group.into(), p.resource.into(), p.verb.into());
    let needs = Route::ALL.into_iter().filter_map(|route| match route.access() {
        Access::Open => None,
        Access::Cluster(_, permissions) => Some((route.operation(), permissions.iter().map(rule).collect())),
        Access::Operator(permission) => Some((route.operation(), BTreeSet::from([rule(&permission)]))),
    });
    needs.collect()
}

#[test]
fn the_roles_grant_each_call_what_it_needs() {
    let roles = of_kind("deploy/rbac.yaml", "ClusterRole");
    for (operation, needed) in needs() {
        let granting = roles.iter().filter(|role| operations(role).contains(operation));
        let granted: BTreeSet<Rule> = granting.flat_map(rules).collect();
        assert!(granted.is_superset(&needed), "{operation} needs {needed:?} and has {granted:?}");
    }
}

#[test]
fn no_role_grants_what_its_calls_do_not_need() {
    let needs = needs();
    for role in of_kind("deploy/rbac.yaml", "ClusterRole") {
        let mut unneeded = rules(&role);
        for operation in operations(&role) {
            let (_, needed) =
                needs.iter().find(|(name, _)| *name == operation).unwrap_or_else(|| panic!("{operation}"));
            unneeded.retain(|rule| !needed.contains(rule));
        }
        assert!(unneeded.is_empty(), "{} has {unneeded:?}", role["metadata"]["name"]);
    }
}

/// The operators are people: the service itself reads its own database.
#[test]
fn every_role_but_the_operators_is_bound_to_the_service_and_one_to_a_service_that_only_follows() {
    let names = |objects: &[Value]| -> BTreeSet<String> {
        objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let bindings = of_kind("deploy/rbac.yaml", "ClusterRoleBinding");
    let bound = |group: &str| -> BTreeSet<String> {
        let to_it = |binding: &&Value| {
            let group = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": group });
            binding["subjects"] == json!([group])
        };
        bindings.iter().filter(to_it).map(|b| b["roleRef"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let mut roles = names(&of_kind("deploy/rbac.yaml", "ClusterRole"));
    assert!(roles.remove("eks-api-operators"));
    assert_eq!(bound("eks-api"), roles);
    assert_eq!(bound("eks-api-follower"), BTreeSet::from(["eks-api-follow-jobs".to_owned()]));
}

#[test]
fn the_policy_for_iam_is_the_one_that_is_told_of() {
    let policy = file("deploy/iam-policy.json");
    serde_json::from_str::<Value>(&policy).unwrap();
    assert!(file("docs/ACCESS.md").contains(&policy));
    assert!(file("deploy/terraform/main.tf").contains("actions   = [\"eks:DescribeCluster\"]\n"));
}

#[test]
fn the_role_of_another_account_has_one_permission_and_asks_for_the_external_id() {
    let far = file("deploy/terraform/far-account/main.tf");
    let actions: Vec<&str> = far.lines().filter_map(|line| line.trim().strip_prefix("actions")).collect();
    assert_eq!(actions, [" = [\"sts:AssumeRole\", \"sts:TagSession\"]", "   = [\"eks:DescribeCluster\"]"]);
    assert!(far.contains("variable = \"sts:ExternalId\"\n"));
    let page = file("docs/CLUSTERS.md");
    let policies = page.split("\n```json\n").skip(1).map(|rest| rest.split("\n```").next().unwrap());
    let policies: Vec<Value> = policies.map(|policy| serde_json::from_str(policy).unwrap()).collect();
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[1]["Statement"][0]["Condition"]["StringEquals"]["sts:ExternalId"], "4f0c");
}

/// The files with pods, each with the kind that makes them.
const WITH_PODS: [(&str, &str); 2] =
    [("deploy/kubernetes.yaml", "Deployment"), ("deploy/kubernetes-history.yaml", "StatefulSet")];

fn pod_of((file, kind): (&str, &str)) -> Value {
    of_kind(file, kind)[0]["spec"]["template"]["spec"].clone()
}

fn pod() -> Value {
    pod_of(WITH_PODS[0])
}

#[test]
fn the_pods_have_settings_that_the_service_takes() {
    for with_pods in WITH_PODS {
        let container = &pod_of(with_pods)["containers"][0];
        let pairs = container["env"].as_array().unwrap().iter().map(|pair| {
            let [name, value] = ["name", "value"].map(|part| pair[part].as_str().unwrap().to_owned());
            assert!(VARIABLES.iter().any(|variable| variable.name == name), "{name}");
            (name, value)
        });
        let settings = Settings::read(pairs).unwrap();
        assert_eq!(json!(settings.listen.port()), container["ports"][0]["containerPort"]);
    }
}

#[test]
fn the_pods_are_asked_where_the_service_answers_and_may_drain() {
    for with_pods in WITH_PODS {
        let pod = pod_of(with_pods);
        for (probe, route) in [("livenessProbe", Route::Livez), ("readinessProbe", Route::Readyz)] {
            assert_eq!(pod["containers"][0][probe]["httpGet"]["path"], route.path());
        }
        assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > DRAIN.as_secs());
    }
}

#[test]
fn what_selects_the_pods_has_their_labels() {
    for (file, kind) in WITH_PODS {
        let all = manifests(file);
        let labels = &of_kind(file, kind)[0]["spec"]["template"]["metadata"]["labels"];
        let selectors = all.iter().filter_map(|object| match object["kind"].as_str().unwrap() {
            "Deployment" | "StatefulSet" | "PodDisruptionBudget" => Some(&object["spec"]["selector"]["matchLabels"]),
            "Service" => Some(&object["spec"]["selector"]),
            "NetworkPolicy" => Some(&object["spec"]["podSelector"]["matchLabels"]),
            _ => None,
        });
        let selectors: Vec<_> = selectors.collect();
        assert!(selectors.len() >= 3 && selectors.iter().all(|selector| *selector == labels), "{file}: {selectors:?}");
        assert!(all.iter().all(|o| o["kind"] == "Namespace" || o["metadata"]["namespace"] == "eks-api"));
    }
}

/// The two manifests differ only in what the history needs.
#[test]
fn one_pod_with_a_volume_of_its_own_has_the_history() {
    let (file, kind) = WITH_PODS[1];
    let set = of_kind(file, kind)[0].clone();
    assert_eq!(set["spec"]["replicas"], 1);
    let claim = &set["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    let mut pod = pod_of(WITH_PODS[1]);
    let container = &mut pod["containers"][0];
    let state = container["env"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!(state["name"], "EKS_API_STATE_DIR");
    let mount = container["volumeMounts"].as_array_mut().unwrap().pop().unwrap();
    assert_eq!(mount, json!({ "name": claim["metadata"]["name"], "mountPath": state["value"] }));
    assert_eq!(pod["securityContext"]["fsGroupChangePolicy"].take(), "OnRootMismatch");
    pod["securityContext"].as_object_mut().unwrap().remove("fsGroupChangePolicy");
    let mut stateless = pod_of(WITH_PODS[0]);
    assert!(stateless.as_object_mut().unwrap().remove("topologySpreadConstraints").is_some());
    assert_eq!(pod, stateless);
    for kind in ["Namespace", "ServiceAccount", "Service", "NetworkPolicy"] {
        assert_eq!(of_kind(file, kind), of_kind(WITH_PODS[0].0, kind), "{kind}");
    }
}

#[test]
fn the_image_is_built_by_the_rust_that_is_asked_for_and_its_user_is_that_of_the_pods() {
    let dockerfile = file("deploy/Dockerfile");
    let manifest = file("Cargo.toml");
    let rust = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap().trim_matches('"');
    assert!(dockerfile.contains(&format!("\nFROM --platform=$BUILDPLATFORM rust:{rust}.0-bookworm AS build\n")));
    assert!(file("rust-toolchain.toml").contains(&format!("\nchannel = \"{rust}.0\"\n")));
    assert!(dockerfile.contains(&format!("\nENV RUSTUP_TOOLCHAIN={rust}.0\n")));
    let security = &pod()["securityContext"];
    let user = format!("\nUSER {}:{}\n", security["runAsUser"], security["runAsGroup"]);
    assert!(dockerfile.contains(&user), "{user}");
    let (_, image) = dockerfile.split_once("\nFROM scratch\n").unwrap();
    assert!(!image.contains("RUN "), "there is no shell");
}

#[test]
fn files_and_commands_that_name_a_version_name_this_one() {
    let version = env!("CARGO_PKG_VERSION");
    for (name, text) in [
        ("docs/CHANGELOG.md", format!("\n## [{version}] - 20")),
        ("docs/DEPLOYMENT_GUIDE.md", format!("./eks-api_{version}-1_amd64.deb ")),
        ("docs/DEPLOYMENT_GUIDE.md", format!("./eks-api-{version}-1.x86_64.rpm\n")),
        ("docs/DEPLOYMENT_GUIDE.md", format!("dist/eks-api_{version}.oci.tar ")),
        ("deploy/kubernetes.yaml", format!("/eks-api:{version}\n")),
        ("deploy/kubernetes-history.yaml", format!("/eks-api:{version}\n")),
    ] {
        assert!(file(name).contains(&text), "{name} has no {text:?}");
    }
}
