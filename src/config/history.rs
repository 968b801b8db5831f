//! The settings of the history: [`HistoryConfig`].

use std::path::PathBuf;
use std::time::Duration;

use crate::config::duration::{self, Upto};
use crate::config::reader::Reader;

/// Where the history is, and how much of it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryConfig {
    pub dir: PathBuf,
    /// How long a run is kept after its creation.
    pub keep: Duration,
    /// The most bytes of the database file.
    pub max_size: u64,
    /// `EKS_API_WEBHOOKS_FILE`. Webhooks need the history.
    pub webhooks: Option<PathBuf>,
}

const DIR: &str = "EKS_API_STATE_DIR";
const KEEP: &str = "EKS_API_HISTORY_KEEP";
const MAX_SIZE: &str = "EKS_API_HISTORY_MAX_SIZE";
const WEBHOOKS: &str = "EKS_API_WEBHOOKS_FILE";
const DAY: Duration = Duration::from_hours(24);
const MIB: u64 = 1 << 20;

impl HistoryConfig {
    pub(super) fn read(read: &mut Reader) -> Option<Self> {
        let dir = |value: &str| Some(PathBuf::from(value)).filter(|dir| dir.is_absolute()).map(Some);
        let dir = read.optional(DIR, "an absolute path, such as /var/lib/eks-api", dir, None);
        let keep = read.optional(KEEP, "a time from 1h to 3650d, such as 90d", keep, 90 * DAY);
        let max_size = read.optional(MAX_SIZE, "a size from 16MiB to 1024GiB, such as 1GiB", size, 1024 * MIB);
        if read.value(DIR).is_none() {
            for name in [KEEP, MAX_SIZE, WEBHOOKS] {
                if read.value(name).is_some() {
                    read.error(format!("{name} is set without {DIR}: set {DIR}, or remove {name}"));
                }
            }
        }
        let webhooks = read.value(WEBHOOKS).map(PathBuf::from);
        Some(Self { dir: dir?, keep, max_size, webhooks })
    }
}

fn keep(value: &str) -> Option<Duration> {
    duration::parse(value, Upto::Days).filter(|keep| (Duration::from_hours(1)..=3650 * DAY).contains(keep))
}

fn size(value: &str) -> Option<u64> {
    let (number, unit) = match value.strip_suffix("GiB") {
        Some(number) => (number, 1024 * MIB),
        None => (value.strip_suffix("MiB")?, MIB),
    };
    let number = Some(number).filter(|n| n.len() <= 7 && n.bytes().all(|c| c.is_ascii_digit()))?;
    let size = number.parse::<u64>().ok()? * unit;
    (16 * MIB..=1024 * 1024 * MIB).contains(&size).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!([size("1GiB"), size("16MiB")], [Some(1 << 30), Some(16 << 20)]);
        assert_eq!([size("1"), size("15MiB"), size("GiB"), size("-1GiB"), size("2048GiB"), size("1GB")], [None; 6]);
    }

    #[test]
    fn a_run_is_kept_for_at_least_an_hour() {
        assert_eq!([keep("90d"), keep("1h")], [Some(90 * DAY), Some(Duration::from_hours(1))]);
        assert_eq!([keep("59m"), keep("0d"), keep("3651d"), keep("90")], [None; 4]);
    }

    fn read(given: &[(&str, &str)]) -> Result<Option<HistoryConfig>, String> {
        let owned = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut reader = Reader::new(owned);
        let config = HistoryConfig::read(&mut reader);
        reader.finish(config).map_err(|errors| errors.to_string())
    }

    #[test]
    fn without_a_directory_there_is_no_history() {
        assert_eq!(read(&[]), Ok(None));
        let config =
            |keep, max_size| Ok(Some(HistoryConfig { dir: "/var/lib/eks-api".into(), keep, max_size, webhooks: None }));
        let dir = (DIR, "/var/lib/eks-api");
        assert_eq!(read(&[dir]), config(90 * DAY, 1 << 30));
        assert_eq!(read(&[dir, (KEEP, "7d"), (MAX_SIZE, "64MiB")]), config(7 * DAY, 64 << 20));
    }

    #[test]
    fn webhooks_need_the_directory() {
        let config = read(&[(DIR, "/var/lib/eks-api"), (WEBHOOKS, "/etc/eks-api/webhooks")]).unwrap().unwrap();
        assert_eq!(config.webhooks, Some("/etc/eks-api/webhooks".into()));
        assert_eq!(read(&[(DIR, "/var/lib/eks-api"), (WEBHOOKS, "")]).unwrap().unwrap().webhooks, None);
    }

    #[test]
    fn each_setting_that_is_wrong_has_its_error() {
        assert_eq!(
            read(&[(KEEP, "7d"), (MAX_SIZE, "64MiB"), (WEBHOOKS, "/etc/eks-api/webhooks")]).unwrap_err(),
            [KEEP, MAX_SIZE, WEBHOOKS]
                .map(|name| format!("{name} is set without {DIR}: set {DIR}, or remove {name}"))
                .join("\n")
        );
        assert_eq!(
            read(&[(DIR, "./state"), (KEEP, "7"), (MAX_SIZE, "64MiB")]).unwrap_err(),
            "EKS_API_STATE_DIR is \"./state\": it must be an absolute path, such as /var/lib/eks-api\n\
             EKS_API_HISTORY_KEEP is \"7\": it must be a time from 1h to 3650d, such as 90d"
        );
    }
}
