//! What /proc tells of processes: time on a processor, memory, who is whose child; and of the machine.

use std::fs::read_to_string;

use crate::figures::report::Machine;
use crate::figures::statistics::float;

/// How long a process has kept processors busy, in seconds: its threads' times in nanoseconds, where the kernel keeps
/// them. Those of threads that have ended are only in the hundredths of a second of the process.
pub(crate) fn cpu(pid: u32) -> f64 {
    let stat = read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let ticks = fields.iter().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok());
    precise(pid).unwrap_or_default().max(float(ticks.sum()) / 100.0)
}

fn precise(pid: u32) -> Option<f64> {
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let schedstat = read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanos += schedstat.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(float(nanos) / 1e9)
}

pub(crate) fn own_cpu() -> f64 {
    cpu(std::process::id())
}

/// Resident memory in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    let status = read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}

/// The processes of these names that this one has started, itself or through others.
pub(crate) fn descendants(names: &[&str]) -> Vec<u32> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let stat = read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some((front, rest)) = stat.rsplit_once(") ") else { continue };
        let name = front.split_once('(').map_or("", |(_, name)| name).to_owned();
        let parent = rest.split(' ').nth(1).and_then(|parent| parent.parse::<u32>().ok()).unwrap_or_default();
        all.push((pid, parent, name));
    }
    let mut family = vec![std::process::id()];
    let mut next = 0;
    while next < family.len() {
        let children = all.iter().filter(|(_, parent, _)| *parent == family[next]).map(|(pid, ..)| *pid);
        family.extend(children.collect::<Vec<_>>());
        next += 1;
    }
    let wanted = |pid: &u32| all.iter().any(|(of, _, name)| of == pid && names.contains(&name.as_str()));
    family.into_iter().skip(1).filter(wanted).collect()
}

/// What the figures are measured on.
pub(crate) fn machine() -> Machine {
    let line = |path: &str, name: &str| {
        let text = read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let memory = line("/proc/meminfo", "MemTotal");
    let memory = memory.split(' ').next().and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or_default();
    Machine {
        processor: line("/proc/cpuinfo", "model name"),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_gb: (float(memory) * 1024.0 / 1e9).round(),
        kernel: read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
        load: vec![load()],
    }
}

/// Of the last minute.
pub(crate) fn load() -> f64 {
    let text = read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}
