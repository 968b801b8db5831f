//! Reads whole files up to a size limit: [`read`] and [`read_text`]. [`is_world_readable`] is for files with secrets.

use std::fs::{self, File};
use std::io::{Error, Read, Result};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Returns the content of a regular file of at most `limit` bytes.
///
/// Pipes and devices are refused: opening a pipe may block, and a device may never end.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(Error::other("is not a regular file"));
    }
    let mut bytes = Vec::new();
    // The reported size is not reliable: files of /proc report 0.
    if File::open(path)?.take(limit + 1).read_to_end(&mut bytes)? as u64 > limit {
        return Err(Error::other(format!("is larger than {} KiB", limit >> 10)));
    }
    Ok(bytes)
}

/// Returns the content of a file that must be UTF-8.
pub fn read_text(path: &Path, limit: u64) -> Result<String> {
    String::from_utf8(read(path, limit)?).map_err(|_| Error::other("is not UTF-8"))
}

/// Whether every user of this machine can read the file.
pub fn is_world_readable(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_folders_are_refused() {
        for path in ["/dev/zero", "/dev/null", "/"] {
            assert_eq!(read(Path::new(path), 10).unwrap_err().to_string(), "is not a regular file", "{path}");
        }
    }

    #[test]
    fn larger_files_are_refused_also_if_their_size_is_not_reported() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("LICENSE");
        let length = fs::metadata(&own).unwrap().len();
        assert_eq!(read(&own, length).unwrap().len() as u64, length);
        assert!(read(&own, length - 1).unwrap_err().to_string().starts_with("is larger than"));
        assert!(read(Path::new("/proc/self/status"), 10).unwrap_err().to_string().starts_with("is larger than"));
    }
}
