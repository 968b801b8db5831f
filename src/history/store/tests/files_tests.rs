//! The file systems that are refused, and the headers.

use super::*;
use crate::history::store::schema::DATABASE;

#[test]
fn the_deepest_mount_counts_and_of_two_the_later() {
    let mounts = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/root rw\n\
        30 22 0:40 / /var/lib/my\\040data rw shared:9 master:2 - nfs4 server:/ rw\n\
        31 22 0:41 / /mnt rw - ext4 /dev/a rw\n32 31 0:42 / /mnt rw - fuse.sshfs me@there: rw\n";
    let kind = |dir: &str| file_system(mounts, Path::new(dir));
    assert_eq!(kind("/var/lib/eks-api"), Some("ext4"));
    assert_eq!(kind("/var/lib/my data/eks-api"), Some("nfs4"));
    assert_eq!(kind("/var/lib/my data2"), Some("ext4"), "a part of a name is no directory");
    assert_eq!(kind("/mnt/x"), Some("fuse.sshfs"));
    assert_eq!(file_system("nonsense\n", Path::new("/")), None);
    assert!(["nfs4", "fuse.sshfs", "cifs", "9p"].iter().all(|kind| is_network(kind)));
    assert!(!["ext4", "xfs", "overlay", "tmpfs", "fuseblk"].iter().any(|kind| is_network(kind)));
}

#[test]
fn an_empty_database_beside_a_log_is_damaged_and_a_link_is_foreign() {
    let dir = std::env::temp_dir().join(format!("eks-api-files-{}", fastrand::u64(..)));
    fs::create_dir(&dir).unwrap();
    let path = dir.join(DATABASE);
    assert!(check(&path).is_ok(), "a new file");
    fs::write(log(&path), "records").unwrap();
    assert!(matches!(check(&path), Err(Unusable::Corrupt)));
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(dir.join("elsewhere"), &path).unwrap();
    assert!(matches!(check(&path), Err(Unusable::Foreign)));
    assert!(!dir.join("elsewhere").exists());
    fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn a_file_that_is_replaced_or_deleted_has_changed() {
    let dir = std::env::temp_dir().join(format!("eks-api-files-{}", fastrand::u64(..)));
    fs::create_dir(&dir).unwrap();
    let path = dir.join(DATABASE);
    fs::write(&path, "a").unwrap();
    let mut identity = Identity::new(&path);
    assert!(!identity.has_changed());
    fs::write(&path, "b").unwrap();
    fs::write(log(&path), "a").unwrap();
    assert!(!identity.has_changed(), "the log is new");
    fs::remove_file(log(&path)).unwrap();
    assert!(identity.has_changed());
    let mut identity = Identity::new(&path);
    assert!(!identity.has_changed());
    fs::write(dir.join("other"), "c").unwrap();
    fs::rename(dir.join("other"), &path).unwrap();
    assert!(identity.has_changed());
    fs::remove_dir_all(&dir).unwrap();
}
