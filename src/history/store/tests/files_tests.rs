//! The file systems that are refused, and the headers.

use super::*;

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
