//! The OpenAPI document: that it says what the code and docs/API.md say, and nothing else. That replies are as it says is
//! held wherever a test sees one (`support::contract`).

use std::collections::BTreeSet;

use eks_api::api::docs::openapi::DOCUMENT;
use eks_api::api::routes::Route;
use eks_api::api::routes::access::Access;
use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::calls::{BINARY, CREATE_JOB, create, detail, lab, manifest};
use crate::support::Lab;
use crate::support::contract::{Seen, contract, escaped};
use crate::support::service::{Folder, run};

const PATH: &str = "/openapi.json";

fn document() -> Value {
    serde_json::from_str(DOCUMENT).unwrap()
}

/// Calls this with every object in the document, and its place.
fn walk(value: &Value, place: &str, visit: &mut impl FnMut(&str, &serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(place, members);
            members.iter().for_each(|(key, value)| walk(value, &format!("{place}/{}", escaped(key)), visit));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| walk(value, &format!("{place}/{index}"), visit));
        }
        _ => {}
    }
}

fn all() -> Vec<(String, serde_json::Map<String, Value>)> {
    let mut all = Vec::new();
    walk(&document(), "", &mut |place, members| all.push((place.to_owned(), members.clone())));
    // What is in an example is no part of the document.
    all.retain(|(place, _)| !place.contains("/example"));
    all
}

/// The parameters of an operation, references followed.
fn parameters(operation: &str) -> Vec<&'static Value> {
    let count = contract().at(operation)["parameters"].as_array().unwrap().len();
    let places = (0..count).map(|index| contract().resolved(format!("{operation}/parameters/{index}")).unwrap());
    places.map(|place| contract().at(&place)).collect()
}

fn operation(route: Route) -> String {
    format!("/paths/{}/{}", escaped(route.path()), route.method().as_str().to_ascii_lowercase())
}

/// The files of the page are not operations.
fn operations() -> impl Iterator<Item = Route> {
    Route::ALL.into_iter().filter(|route| !route.path().starts_with("/docs/"))
}

#[test]
fn its_operations_are_exactly_the_routes() {
    let document = document();
    let mut told = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        told.extend(operations.as_object().unwrap().keys().map(|method| (method.to_ascii_uppercase(), path.clone())));
    }
    let routes = operations().map(|route| (route.method().to_string(), route.path().to_owned()));
    assert_eq!(told, routes.collect::<BTreeSet<_>>());
    for route in operations() {
        let described = contract().at(&operation(route));
        assert_eq!(described["operationId"], route.operation());
        assert_eq!(described["security"] == json!([]), route.access() == Access::Open, "{route:?}");
        let query = parameters(&operation(route)).into_iter().filter(|parameter| parameter["in"] == "query");
        let names: Vec<&str> = query.map(|parameter| parameter["name"].as_str().unwrap()).collect();
        assert_eq!(names, route.parameters(), "{route:?}");
        let replies = described["responses"].as_object().unwrap().iter();
        let well = replies.filter(|(status, reply)| status.starts_with('2') && reply.get("content").is_some());
        let media: BTreeSet<&String> =
            well.flat_map(|(_, reply)| reply["content"].as_object().unwrap().keys()).collect();
        let essence = route.media().name().split(';').next().unwrap().to_owned();
        assert_eq!(media, BTreeSet::from([&essence]), "{route:?}");
    }
}

#[test]
fn what_is_served_is_what_is_written() {
    let written = include_str!("../../src/api/docs/openapi.json");
    assert_eq!(serde_json::from_str::<Value>(written).unwrap(), document());
    assert_eq!(document().to_string().len(), DOCUMENT.len(), "blanks are left in it");
}

#[test]
fn its_version_is_the_programs() {
    assert_eq!(document()["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn its_reasons_are_exactly_those_that_are_told() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/API.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| status | reason |")).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|')).map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        (cells[0].parse().unwrap(), cells[1].to_owned())
    });
    let listed: BTreeSet<(u64, String)> = rows.collect();
    let mut told = BTreeSet::new();
    for (_, members) in all() {
        let Some(narrowed) = members.get("allOf").map(|parts| &parts[1]["properties"]) else { continue };
        let (status, reason) = (narrowed["status"]["const"].as_u64().unwrap(), &narrowed["reason"]);
        let reasons = reason["enum"].as_array().or(reason["anyOf"][0]["enum"].as_array()).unwrap();
        told.extend(reasons.iter().map(|reason| (status, reason.as_str().unwrap().to_owned())));
    }
    assert_eq!(told, listed);
}

#[test]
fn every_parameter_header_and_content_has_an_example_and_each_fits() {
    let mut count = 0;
    for (place, members) in all() {
        let Some(schema) = members.get("schema") else { continue };
        if place == "/components/parameters/cluster" {
            // The page would fill it in and send it, and no name is right for all services.
            assert!(!members.contains_key("example") && !members["description"].as_str().unwrap().is_empty());
            continue;
        }
        let example = members.get("example").unwrap_or_else(|| panic!("{place} has no example"));
        // The document is stricter here than where it is served: of the unnamed fields of its own example it says nothing.
        contract().fits(&format!("{place}/schema"), example).unwrap_or_else(|fault| panic!("{place}: {fault}"));
        assert!(
            schema.is_object() && members.get("description").is_some_and(|text| !text.as_str().unwrap().is_empty())
                || place.contains("/content/"),
            "{place} is not explained"
        );
        count += 1;
    }
    assert!(count > 80, "{count}");
    for (name, schema) in document()["components"]["schemas"].as_object().unwrap() {
        let examples = schema["examples"].as_array().map_or(&[][..], |examples| examples);
        assert!(!examples.is_empty() || name == "Text", "{name} has no example");
        for example in examples {
            let place = format!("/components/schemas/{name}");
            contract().fits(&place, example).unwrap_or_else(|fault| panic!("{name}: {fault}"));
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_referred_to() {
    let document = document();
    let mut used = BTreeSet::new();
    for (place, members) in all() {
        let Some(reference) = members.get("$ref").and_then(Value::as_str) else { continue };
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{place} refers to {reference}");
        used.insert(reference.trim_start_matches("#/components/").to_owned());
    }
    // Of a path that takes other methods only.
    used.insert("responses/MethodNotAllowed".to_owned());
    let mut there = BTreeSet::new();
    for kind in ["parameters", "headers", "responses", "schemas"] {
        there.extend(document["components"][kind].as_object().unwrap().keys().map(|name| format!("{kind}/{name}")));
    }
    assert_eq!(used, there);
}

/// Values that a parameter of this schema cannot have, and some that it can.
fn beyond_and_within(schema: &Value) -> (Vec<String>, Vec<String>) {
    let reference = schema["$ref"].as_str().map(|reference| contract().at(reference.trim_start_matches('#')));
    let schema = reference.unwrap_or(schema);
    let text = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    if let (Some(least), Some(most)) = (schema["minimum"].as_i64(), schema["maximum"].as_i64()) {
        let beyond = [least - 1, most + 1].map(|number| number.to_string());
        return (beyond.into(), vec![least.to_string(), most.to_string()]);
    }
    if let Some(values) = schema["enum"].as_array() {
        return (text(&["", "nonsense"]), values.iter().map(|value| value.as_str().unwrap().to_owned()).collect());
    }
    if schema["type"] == "boolean" {
        return (text(&["", "yes", "1"]), text(&["true", "false"]));
    }
    match schema["maxLength"].as_u64() {
        Some(longest) if longest < 100 => {
            let longest = usize::try_from(longest).unwrap();
            (vec!["a".repeat(longest + 1), "A".to_owned(), "a/b".to_owned()], vec!["a".repeat(longest), "0".to_owned()])
        }
        _ => (Vec::new(), Vec::new()),
    }
}

#[tokio::test]
async fn the_bounds_of_its_parameters_are_those_of_the_service() {
    // With a history, or its calls would be 501.
    let state = Folder::new();
    let lab = Lab::with(BINARY, &[("EKS_API_STATE_DIR", state.path().to_str().unwrap())]).await;
    let (mut refused, mut taken) = (0, 0);
    for route in operations() {
        for parameter in parameters(&operation(route)).into_iter().filter(|parameter| parameter["in"] == "query") {
            let name = parameter["name"].as_str().unwrap();
            let (beyond, within) = beyond_and_within(&parameter["schema"]);
            for (value, fits) in beyond.iter().map(|v| (v, false)).chain(within.iter().map(|v| (v, true))) {
                let mut query = format!("{name}={value}");
                for other in ["job_name", "batch_name", "namespace_name"] {
                    // A log is that of a job or of a batch.
                    let excludes = route == Route::GetJobLogs && [other, name].contains(&"batch_name");
                    if other != name && !excludes && route.parameters().contains(&other) {
                        query = format!("{query}&{other}=nothing");
                    }
                }
                let method = route.method().as_str();
                let headers = [("content-type", "application/json")];
                let target = format!("{}?{query}", route.path());
                if route == Route::WatchJobs && fits {
                    continue; // It would not end.
                }
                let reply = lab.service.send(method, &target, &headers, "").await;
                let is_this = reply.status == 400 || reply.status == 422;
                let field = if is_this { reply.json()["causes"][0]["field"].clone() } else { Value::Null };
                assert_eq!(field == name, !fits, "{method} {target}: {}", reply.text());
                if fits { taken += 1 } else { refused += 1 }
            }
        }
    }
    assert!(refused > 40 && taken > 40, "{refused} {taken}");
}

#[tokio::test]
async fn it_is_served_and_a_caller_who_has_it_is_told_so() {
    let lab = Lab::with(BINARY, &[("EKS_API_AUTH", "kubernetes")]).await;
    let reply = lab.service.get(PATH).await.expect_status(200);
    assert_eq!((reply.text().as_str(), reply.header("content-type")), (DOCUMENT, Some("application/json")));
    let tag = reply.header("etag").unwrap();
    for known in [tag, &format!("W/{tag}"), "*"] {
        let again = lab.service.send("GET", PATH, &[("if-none-match", known)], "").await.expect_status(304);
        assert_eq!((again.body.len(), again.header("etag")), (0, Some(tag)));
    }
    lab.service.send("GET", PATH, &[("if-none-match", "\"1\"")], "").await.expect_status(200);
}

#[tokio::test]
async fn where_everybody_may_call_it_asks_for_no_credentials() {
    let lab = lab().await;
    let mut expected = document();
    expected.as_object_mut().unwrap().remove("security");
    expected["components"].as_object_mut().unwrap().remove("securitySchemes");
    for operations in expected["paths"].as_object_mut().unwrap().values_mut() {
        for operation in operations.as_object_mut().unwrap().values_mut() {
            operation.as_object_mut().unwrap().remove("security");
        }
    }
    assert_eq!(lab.service.get(PATH).await.expect_status(200).json(), expected);
    assert_ne!(expected, document());
}

#[tokio::test]
async fn a_setting_switches_it_off() {
    let lab = Lab::with(BINARY, &[("EKS_API_DOCS", "false")]).await;
    assert!(detail(&lab.service.get(PATH).await, 404, "path_not_found").contains("EKS_API_DOCS"));
}

#[tokio::test]
async fn a_command_prints_it() {
    let output = run(BINARY, &["openapi"], &[]).await;
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!(String::from_utf8(output.stdout).unwrap().strip_suffix('\n'), Some(DOCUMENT));
}

/// A reply to create-job, changed in one thing.
async fn changed(change: impl Fn(&mut StatusCode, &mut HeaderMap, &mut Value)) -> Result<(), String> {
    let lab = lab().await;
    let reply = create(&lab.service, &manifest("hello")).await;
    let (mut status, mut headers, mut body) = (reply.status, reply.headers.clone(), reply.json());
    change(&mut status, &mut headers, &mut body);
    let body = body.to_string();
    let seen = Seen { method: "POST", target: CREATE_JOB, status, headers: &headers, body: Some(body.as_bytes()) };
    contract().fault(&seen)
}

#[tokio::test]
async fn a_reply_that_it_does_not_describe_would_be_found() {
    assert_eq!(changed(|_, _, _| {}).await, Ok(()));
    let told = |fault: Result<(), String>, why: &str| {
        let fault = fault.unwrap_err();
        assert!(fault.contains(why), "{fault}");
    };
    told(changed(|status, _, _| *status = StatusCode::ACCEPTED).await, "status");
    told(changed(|_, _, body| body["more"] = json!(1)).await, "more");
    told(changed(|_, _, body| body["warnings"] = json!([1])).await, "warnings");
    told(changed(|_, _, body| drop(body.as_object_mut().unwrap().remove("uid"))).await, "uid");
    told(changed(|_, headers, _| drop(headers.remove("x-request-id"))).await, "X-Request-Id");
    let name = HeaderName::from_static("x-more");
    told(changed(|_, headers, _| drop(headers.insert(name.clone(), HeaderValue::from_static("1")))).await, "x-more");
    let html = HeaderValue::from_static("text/html");
    told(changed(|_, headers, _| drop(headers.insert("content-type", html.clone()))).await, "text/html");
    let wrong = HeaderValue::from_static("public");
    told(changed(|_, headers, _| drop(headers.insert("cache-control", wrong.clone()))).await, "Cache-Control");
}
