//! `EKS_API_PRESETS_DIR`: what is read, what is refused at the start and at SIGHUP, and what the commands say of it.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::list::{LIST, names};
use crate::calls::BINARY;
use crate::support::service::{Folder, Service};
use crate::support::{Lab, builder, surroundings};

const SETTING: &str = "EKS_API_PRESETS_DIR";

/// A preset with one container, and these lines of metadata.
pub(super) fn preset(image: &str, metadata: &str) -> String {
    format!(
        "metadata:\n  labels:\n    team: a\n{metadata}spec:\n  template:\n    spec:\n      restartPolicy: Never\n      \
         containers:\n      - name: main\n        image: {image}\n"
    )
}

/// A folder with these presets.
pub(super) fn folder(presets: &[(&str, &str)]) -> Folder {
    let folder = Folder::new();
    for (name, text) in presets {
        folder.write(name, text);
    }
    folder
}

/// A lab with the presets of this folder and these settings.
pub(super) async fn lab_with(folder: &Folder, environment: &[(&str, &str)]) -> Lab {
    let path = folder.path().to_str().unwrap();
    Lab::with(BINARY, &[&[(SETTING, path)], environment].concat()).await
}

/// What a service says that refuses this directory.
async fn refused(directory: &Path) -> String {
    let directory = directory.to_str().unwrap();
    let mut told = Vec::new();
    for arguments in [&[][..], &["check"], &["check", "--config-only"]] {
        let builder = Service::builder(BINARY).env(SETTING, directory);
        let output = arguments.iter().fold(builder, |builder, argument| builder.arg(argument)).output().await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(text.contains(&format!("{SETTING}: {directory}")), "{text}");
        told.push(text);
    }
    let last = told.pop().unwrap();
    assert!(told.iter().all(|text| text.contains(last.trim_end())), "{told:?} {last}");
    last
}

#[tokio::test]
async fn a_wrong_file_is_named_and_ends_the_start_with_78() {
    let good = preset("busybox", "");
    let wrong_parameters = preset("busybox", "  annotations:\n    eks-api/parameters: \"DATE!,A-B\"\n");
    let large = format!("{good}# {}\n", "x".repeat(1 << 20));
    for (name, text, why) in [
        ("etl.yaml", "metadata: [", "line"),
        ("etl.yaml", "- 1\n", "object"),
        ("etl.yaml", "spec: {}\n", "container"),
        ("etl.yaml", &wrong_parameters, "A-B"),
        ("etl.yaml", &large, "is larger than 1024 KiB"),
        ("Etl.yaml", &good, "the name of the file is not valid"),
        ("a_b.yaml", &good, "the name of the file is not valid"),
        ("a..b.yaml", &good, "the name of the file is not valid"),
    ] {
        let folder = folder(&[("good.yaml", &good), (name, text)]);
        let told = refused(folder.path()).await;
        assert!(told.contains(&format!("/{name}: ")) && told.contains(why), "{name}: {told}");
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_read_ends_the_start_with_78() {
    let folder = folder(&[("file", "")]);
    assert!(refused(&folder.path().join("nowhere")).await.contains("No such file or directory"));
    assert!(refused(&folder.path().join("file")).await.contains("Not a directory"));
    symlink("nowhere", folder.path().join("lost.yaml")).unwrap();
    let told = refused(folder.path()).await;
    assert!(told.contains("/lost.yaml: No such file or directory"), "{told}");
    symlink("/dev/zero", folder.path().join("device.yaml")).unwrap();
    let told = refused(folder.path()).await;
    assert!(told.contains("/device.yaml: is not a regular file"), "{told}");
}

#[tokio::test]
async fn a_thousand_presets_are_the_maximum() {
    let (folder, good) = (Folder::new(), preset("busybox", ""));
    for number in 0..1000 {
        folder.write(&format!("preset-{number}.yaml"), &good);
    }
    let lab = lab_with(&folder, &[]).await;
    let line = lab.service.log_line(|line| line.contains("presets=")).await;
    assert!(line.contains("presets=1000") && line.contains("INFO"), "{line}");
    folder.write("one-more.yaml", &good);
    assert!(refused(folder.path()).await.contains("it has more than 1000 presets, which is the maximum"));
}

#[tokio::test]
async fn a_mounted_config_map_is_read_and_other_files_are_warned_of_once() {
    let (folder, good) = (Folder::new(), preset("busybox", ""));
    let path = folder.path();
    for directory in ["..2026_11_29", "old", "kept.yaml"] {
        std::fs::create_dir(path.join(directory)).unwrap();
    }
    folder.write("..2026_11_29/etl.yaml", &good);
    folder.write("old/broken.yaml", "{");
    symlink("..2026_11_29", path.join("..data")).unwrap();
    symlink("..data/etl.yaml", path.join("etl.yaml")).unwrap();
    folder.write(".hidden.yaml", "{");
    let lab = lab_with(&folder, &[]).await;
    assert_eq!(names(&lab.service.get(LIST).await), ["preset/etl"]);
    assert!(lab.service.logs().iter().all(|line| !line.contains("WARN") || !line.contains(SETTING)));

    for other in ["etl.yml", "etl.json", "etl.yaml~", "README"] {
        folder.write(other, "{");
    }
    let lab = lab_with(&folder, &[]).await;
    let line = lab.service.log_line(|line| line.contains("WARN") && line.contains(SETTING)).await;
    for part in [path.to_str().unwrap(), "README", "etl.json", "etl.yaml~", "etl.yml", "a preset is a file NAME.yaml"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert_eq!(names(&lab.service.get(LIST).await), ["preset/etl"]);
    assert_eq!(lab.service.logs().iter().filter(|line| line.contains(SETTING)).count(), 1);
}

#[tokio::test]
async fn sighup_reads_the_presets_again_and_a_wrong_one_leaves_all_the_old_ones() {
    let folder = folder(&[("etl.yaml", &preset("registry.example.com/etl:1", ""))]);
    let lab = lab_with(&folder, &[]).await;
    let image = async || lab.service.get(LIST).await.json()["templates"][0]["images"]["main"].clone();
    assert_eq!(image().await, "registry.example.com/etl:1");

    folder.write("etl.yaml", &preset("registry.example.com/etl:2", ""));
    folder.write("new.yaml", "spec: {}\n");
    lab.service.signal("HUP").await;
    let line = lab.service.log_line(|line| line.contains("not reloaded") && line.contains("what=presets")).await;
    assert!(line.contains("ERROR") && line.contains("/new.yaml: "), "{line}");
    assert_eq!(image().await, "registry.example.com/etl:1", "also those whose own file is right");
    assert_eq!(names(&lab.service.get(LIST).await), ["preset/etl"]);

    folder.write("new.yaml", &preset("busybox", ""));
    lab.service.signal("HUP").await;
    let reloaded = |line: &str| line.contains("what=presets") && line.contains("reloaded") && line.contains("INFO");
    lab.service.log_line(reloaded).await;
    assert!(lab.service.logs().iter().any(|line| line.contains("presets=2")));
    assert_eq!(image().await, "registry.example.com/etl:2");
    assert_eq!(names(&lab.service.get(LIST).await), ["preset/etl", "preset/new"]);
}

#[tokio::test]
async fn check_counts_the_presets_and_warns_of_other_files() {
    let (_cluster, aws) = surroundings().await;
    let folder = folder(&[("etl.yaml", &preset("busybox", "")), ("etl.json", "{}")]);
    let path = folder.path().to_str().unwrap();
    for arguments in [&["check"][..], &["check", "--config-only"]] {
        let builder = builder(BINARY, &aws).env(SETTING, path);
        let output = arguments.iter().fold(builder, |builder, argument| builder.arg(argument)).output().await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{text}");
        assert!(text.contains(&format!("ok      presets: 1 in {path}\n")), "{text}");
        assert!(text.contains("warning presets: ") && text.contains("\"etl.json\""), "{text}");
    }
}

#[tokio::test]
async fn check_only_warns_of_missing_rights_for_cron_jobs() {
    let (cluster, aws) = surroundings().await;
    cluster.deny("*", "cronjobs");
    let output = builder(BINARY, &aws).arg("check").output().await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{text}");
    for (right, call) in [("get", "create-job from a CronJob; create-batch from a CronJob"), ("list", "list-templates")]
    {
        let line =
            format!("warning {right} cronjobs.batch: not allowed in all namespaces; needed for {call}\n        bind");
        assert!(text.contains(&line), "{line} in {text}");
    }
    assert!(!text.contains("FAILED") && !text.contains(SETTING), "{text}");
}
