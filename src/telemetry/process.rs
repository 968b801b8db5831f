//! Reads the resource usage of this process from /proc (proc(5)): [`Usage`]. Values that cannot be read are `None`.

use std::fs;
use std::time::Duration;

/// The kernel's unit of CPU time: `USER_HZ` is 100 on x86-64 and ARM64.
const TICK: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu: Option<Duration>,
    pub resident_bytes: Option<u64>,
    pub virtual_bytes: Option<u64>,
    pub open_files: Option<u64>,
    pub max_files: Option<u64>,
}

impl Usage {
    pub fn now() -> Self {
        let [stat, status, limits] = ["stat", "status", "limits"]
            .map(|name| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default());
        Self {
            cpu: cpu(&stat),
            resident_bytes: kilobytes(&status, "VmRSS:"),
            virtual_bytes: kilobytes(&status, "VmSize:"),
            open_files: open_files(),
            max_files: max_files(&limits),
        }
    }
}

/// Adds user and system time, the 14th and 15th field. The second field, the program's name, may have blanks and
/// parentheses.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(11).map(str::parse::<u32>);
    Some(TICK * ticks.next()?.ok()? + TICK * ticks.next()?.ok()?)
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

fn open_files() -> Option<u64> {
    // Since Linux 6.2 the size of the folder is the number of files. Counting ten thousand takes milliseconds.
    let folder = "/proc/self/fd";
    match fs::metadata(folder).ok()?.len() {
        // One of them is the folder itself.
        0 => Some(u64::try_from(fs::read_dir(folder).ok()?.count()).ok()?.saturating_sub(1)),
        count => Some(count),
    }
}

/// Returns the soft limit; `None` if it is unlimited.
fn max_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_parsed() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 250 50 3 4 20 0 1 0 1000 2000 300";
        assert_eq!(cpu(stat), Some(Duration::from_secs(3)));
        let status = "Name:\teks-api\nVmSize:\t   10240 kB\nVmRSS:\t    4096 kB\n";
        assert_eq!(kilobytes(status, "VmRSS:"), Some(4 << 20));
        let limits = "Limit    Soft Limit  Hard Limit  Units\nMax open files            1024      524288     files\n";
        assert_eq!(max_files(limits), Some(1024));
        assert_eq!(max_files("Max open files            unlimited      unlimited     files\n"), None);
    }

    #[test]
    fn invalid_values_are_none() {
        assert_eq!(
            (cpu(""), cpu("7 (a) S"), kilobytes("VmRSS: many kB", "VmRSS:"), max_files("")),
            (None, None, None, None)
        );
    }

    #[test]
    fn this_process_has_all_values() {
        let held: Vec<_> = (0..3).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let usage = Usage::now();
        assert!(usage.cpu.is_some());
        assert!(usage.resident_bytes.unwrap() > 1 << 20 && usage.virtual_bytes >= usage.resident_bytes);
        assert!(usage.open_files.unwrap() > held.len() as u64 && usage.max_files.unwrap() > usage.open_files.unwrap());
    }
}
