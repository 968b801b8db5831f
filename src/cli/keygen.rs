//! `eks-api keygen`: makes an API key and the line of the keys file that admits it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use crate::app::error::Error;
use crate::auth::keyring::MAX_FILE_BYTES;
use crate::auth::keys::{Grant, Keys, generate, is_name, line};
use crate::auth::role::Role;
use crate::auth::templates::{self, TemplatePatterns};
use crate::cli::options::{Arguments, option};
use crate::cli::spec::{CommandSpec, WRONG_ARGUMENTS};
use crate::config::pattern::Patterns;

pub static SPEC: CommandSpec = CommandSpec {
    name: "keygen",
    usage: "NAME --role ROLE --namespaces PATTERNS [--clusters PATTERNS] [--templates PATTERNS] [--add FILE]",
    summary: "make an API key, and its line for EKS_API_KEYS_FILE",
    options: &[
        option("", "role", "read|run|write|admin", "what the key allows"),
        option("", "namespaces", "PATTERNS", "names or patterns, such as 'a,team-*'"),
        option("", "clusters", "PATTERNS", "names or patterns, such as 'prod,eu-*' [the default cluster only]"),
        option("", "templates", "PATTERNS", "the templates of --role run, such as 'cronjob/etl,preset/report-*'"),
        option("", "add", "FILE", "append the line to this file [print it on stderr]"),
    ],
    help: "\
Without --clusters the key is for the default cluster only.
--role run needs --templates. The key may create jobs from these CronJobs and presets, and change nothing else.
In --templates a name without cronjob/ or preset/ is for both.
stdout has only the key. It is stored nowhere else: the line has its SHA-256.
If the file does not exist, it is created for its owner only (mode 600). The service must be able to read it.",
    exit_codes: &[
        (0, "the key is printed"),
        (1, "the file cannot be changed, or the key not printed"),
        WRONG_ARGUMENTS,
    ],
    is_client: false,
    run: |arguments| {
        let grant = parse(arguments).map_err(|text| SPEC.usage_error(text))?;
        run(&grant, arguments.value("add").map(Path::new))
    },
};

/// Parses the name of the key and its permissions.
fn parse(arguments: &Arguments) -> Result<Grant, String> {
    let name = match &arguments.positional[..] {
        [name] if is_name(name) => Arc::from(name.as_str()),
        [name] => return Err(format!("invalid name {name:?}: use at most 64 letters, digits and -_.@")),
        [] => return Err("keygen needs a name for the key".to_owned()),
        [_, extra, ..] => return Err(format!("keygen takes one name, but {extra:?} is given too")),
    };
    let role = arguments.value("role").and_then(Role::parse);
    let role = role.ok_or("--role must be read, run, write or admin")?;
    let namespaces = patterns("namespaces", "namespace", "team-*", arguments.value("namespaces").unwrap_or_default())?;
    let clusters = arguments.value("clusters").map(|list| patterns("clusters", "cluster", "eu-*", list)).transpose()?;
    let templates = TemplatePatterns::for_role(role, arguments.value("templates")).map_err(|error| match error {
        templates::Error::Invalid(bad) => {
            format!("--templates: {bad:?} is invalid: use cronjob/NAME, preset/NAME or NAME, with at most one *")
        }
        error => error.text("--role ", "--templates"),
    })?;
    Ok(Grant { name, role, namespaces, clusters, templates })
}

/// Parses the value of an option that takes names or patterns.
fn patterns(option: &str, noun: &str, example: &str, list: &str) -> Result<Patterns, String> {
    let patterns = Patterns::parse(list).map_err(|bad| {
        let hint = if bad.ends_with('-') { format!("; did you mean '{bad}*'?") } else { String::new() };
        format!("--{option}: {bad:?} is not the name of a {noun} or a pattern such as '{example}'{hint}")
    })?;
    if patterns.is_empty() {
        return Err(format!("--{option} must be names or patterns such as 'a,{example}', or '*'"));
    }
    Ok(patterns)
}

/// Prints the key, which is stored nowhere. Its line goes to the keys file, or to stderr.
fn run(grant: &Grant, file: Option<&Path>) -> Result<(), Error> {
    let key = generate().ok_or_else(|| Error::Failed("the system's random number generator failed".to_owned()))?;
    let line = line(grant, &key);
    let name = &*grant.name;
    let mut keys = 1;
    if let Some(path) = file {
        keys = add(path, name, &line).map_err(|why| Error::Failed(format!("--add {}: {why}", path.display())))?;
    }
    let advice = if file.is_some() { "remove the last line of the file, and make another" } else { "make another" };
    writeln!(io::stdout().lock(), "{}", key.expose())
        .map_err(|error| Error::Failed(format!("printing the key {name:?}: {error}; {advice}")))?;
    if file.is_none() {
        writeln!(io::stderr().lock(), "{line}")
            .map_err(|error| Error::Failed(format!("printing the line: {error}")))?;
    }
    if keys > 1 {
        let keys = if keys == 2 { "two".to_owned() } else { keys.to_string() };
        // The key is printed, so a closed stderr is not an error.
        let _ = writeln!(io::stderr().lock(), "the file now has {keys} keys with the name {name:?}");
    }
    Ok(())
}

/// Appends the line to the keys file with one write, and returns when it is on the disk. Returns how many keys have the
/// name then.
fn add(path: &Path, name: &str, line: &str) -> Result<usize, String> {
    let text = |error: io::Error| error.to_string();
    if fs::metadata(path).is_ok_and(|file| !file.is_file()) {
        return Err("is not a regular file".to_owned());
    }
    let mut file = File::options().read(true).append(true).create(true).mode(0o600).open(path).map_err(text)?;
    // Another keygen must not write meanwhile.
    file.lock().map_err(text)?;
    // An editor may have put another file in its place before the lock.
    let (locked, named) = (file.metadata().map_err(text)?, fs::metadata(path).map_err(text)?);
    if (locked.dev(), locked.ino()) != (named.dev(), named.ino()) {
        return Err("was replaced meanwhile; try again".to_owned());
    }
    let mut old = String::new();
    (&file).take(MAX_FILE_BYTES + 1).read_to_string(&mut old).map_err(text)?;
    Keys::parse(&old).map_err(|error| error.to_string())?;
    let separator = if old.is_empty() || old.ends_with('\n') { "" } else { "\n" };
    let added = format!("{separator}{line}\n");
    if (old.len() + added.len()) as u64 > MAX_FILE_BYTES {
        return Err(format!("would be larger than {} KiB, and the service would refuse it", MAX_FILE_BYTES >> 10));
    }
    let written = file.write_all(added.as_bytes()).and_then(|()| file.sync_all());
    // The name of a new file must be on the disk too.
    written.and_then(|()| if old.is_empty() { sync_folder(path) } else { Ok(()) }).map_err(|error| {
        // The disk may be full. The rest of the line would make the file invalid.
        let _ = file.set_len(old.len() as u64);
        error.to_string()
    })?;
    Ok(1 + old.lines().filter(|line| line.split_ascii_whitespace().next() == Some(name)).count())
}

fn sync_folder(of: &Path) -> io::Result<()> {
    let folder = of.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of a test, removed with its handle.
    struct KeysFile(std::path::PathBuf);

    impl KeysFile {
        fn new(name: &str, text: &str) -> Self {
            let path = std::env::temp_dir().join(format!("eks-api-{}-{name}", std::process::id()));
            fs::write(&path, text).unwrap();
            Self(path)
        }
    }

    impl Drop for KeysFile {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    fn line_of(name: &str, digit: &str) -> String {
        format!("{name} role=read namespaces=* sha256={}", digit.repeat(64))
    }

    #[test]
    fn a_line_is_added_after_a_missing_newline_and_other_lines_are_kept() {
        let (first, second) = (line_of("ci", "1"), line_of("nightly", "2"));
        for (text, kept) in [("", ""), ("# ours\n", "# ours\n"), ("# ours", "# ours\n")] {
            let file = KeysFile::new("added", text);
            add(&file.0, "ci", &first).unwrap();
            add(&file.0, "nightly", &second).unwrap();
            assert_eq!(fs::read_to_string(&file.0).unwrap(), format!("{kept}{first}\n{second}\n"));
        }
    }

    #[test]
    fn a_second_line_with_a_name_is_counted() {
        let file = KeysFile::new("counted", "");
        let added = ["1", "2", "3"].map(|digit| add(&file.0, "ci", &line_of("ci", digit)).unwrap());
        assert_eq!((added, add(&file.0, "nightly", &line_of("nightly", "4"))), ([1, 2, 3], Ok(1)));
    }

    #[test]
    fn a_file_that_is_wrong_or_would_be_too_large_is_refused_and_not_changed() {
        let large = "#".repeat(usize::try_from(MAX_FILE_BYTES).unwrap() - 90);
        for (text, why) in [("ci".to_owned(), "line 1: role= must be"), (large, "would be larger than 1024 KiB")] {
            let file = KeysFile::new("refused", &text);
            assert!(add(&file.0, "ci", &line_of("ci", "2")).unwrap_err().starts_with(why));
            assert_eq!(fs::read_to_string(&file.0).unwrap(), text);
        }
        for path in ["/dev/null", "/"] {
            assert_eq!(add(Path::new(path), "ci", "").unwrap_err(), "is not a regular file", "{path}");
        }
    }
}
