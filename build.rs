//! Makes what the binary sends as it is built in. The OpenAPI document loses the blanks that are for its readers here.
//!
//! The files of Swagger UI that /docs sends come out of the archive in which a crate carries its distribution. They are in
//! there as deflate has made them, and gzip is the same with another head and foot: so nothing is decompressed, here or in
//! the service, and a browser gets what the distribution holds, byte for byte.

#![allow(clippy::expect_used, clippy::panic, reason = "a build that cannot go on is to say why and stop")]
#![allow(clippy::print_stdout, reason = "how a build script speaks to cargo")]

use std::path::Path;

const DOCUMENT: &str = "src/api/docs/openapi.json";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={DOCUMENT}");
    let document = std::fs::read_to_string(DOCUMENT).expect("the OpenAPI document can be read");
    write("openapi.json", without_blanks(&document).as_bytes());
    #[cfg(feature = "docs")]
    swagger_ui::write();
}

fn write(name: &str, content: &[u8]) {
    let folder = std::env::var("OUT_DIR").expect("cargo names OUT_DIR");
    std::fs::write(Path::new(&folder).join(name), content).expect("OUT_DIR can be written to");
}

/// The same JSON, without what stands between its parts.
fn without_blanks(json: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let keeps = |c: &char| {
        let keeps = in_string || !c.is_ascii_whitespace();
        in_string ^= *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        keeps
    };
    json.chars().filter(keeps).collect()
}

#[cfg(feature = "docs")]
mod swagger_ui {
    use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

    const STORED: usize = 0;
    const DEFLATED: usize = 8;

    pub(super) fn write() {
        for name in ["swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"] {
            let member = Member::find(&format!("/dist/{name}"));
            let (name, content) = match member.method {
                STORED => (name.to_owned(), member.data.to_vec()),
                DEFLATED => (format!("{name}.gz"), member.gzip()),
                other => panic!("{name} is in Swagger UI's archive by method {other}; known are 0 and 8"),
            };
            super::write(&name, &content);
        }
    }

    /// A file in the archive (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>).
    struct Member {
        method: usize,
        data: &'static [u8],
        /// CRC-32 and size of what the data stand for, as gzip has them too.
        foot: [u8; 8],
    }

    impl Member {
        /// The one file of the distribution itself whose name ends so: that of the flavours is deeper.
        fn find(suffix: &str) -> Self {
            let end = (0..ARCHIVE.len()).rfind(|at| ARCHIVE[*at..].starts_with(b"PK\x05\x06"));
            let end = end.expect("Swagger UI's archive has no end of its directory");
            let (count, mut at) = (number(end + 10, 2), number(end + 16, 4));
            for _ in 0..count {
                assert!(
                    ARCHIVE[at..].starts_with(b"PK\x01\x02"),
                    "Swagger UI's archive has a directory of another form"
                );
                let [name, extra, comment] = [28, 30, 32].map(|field| number(at + field, 2));
                let full = std::str::from_utf8(&ARCHIVE[at + 46..at + 46 + name]).unwrap_or_default();
                if full.ends_with(suffix) && full.matches('/').count() == 2 {
                    let mut foot = [0; 8];
                    foot[..4].copy_from_slice(&ARCHIVE[at + 16..at + 20]);
                    foot[4..].copy_from_slice(&ARCHIVE[at + 24..at + 28]);
                    return Self {
                        method: number(at + 10, 2),
                        data: data(number(at + 42, 4), number(at + 20, 4)),
                        foot,
                    };
                }
                at += 46 + name + extra + comment;
            }
            panic!("Swagger UI's archive has no {suffix}");
        }

        /// As RFC 1952 has it: deflate, no name, no time.
        fn gzip(&self) -> Vec<u8> {
            [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", self.data, &self.foot].concat()
        }
    }

    /// What stands behind the member's own head, which has a name and extra fields again.
    fn data(head: usize, length: usize) -> &'static [u8] {
        assert!(ARCHIVE[head..].starts_with(b"PK\x03\x04"), "Swagger UI's archive has no member where it says");
        let start = head + 30 + number(head + 26, 2) + number(head + 28, 2);
        &ARCHIVE[start..start + length]
    }

    /// Little-endian, of so many bytes.
    fn number(at: usize, bytes: usize) -> usize {
        ARCHIVE[at..at + bytes].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }
}
