//! Prepares the files that the binary contains. The OpenAPI document is written without blanks.
//!
//! The files of Swagger UI come from the ZIP archive of a crate. ZIP and gzip both contain a deflate stream, so the files
//! are not decompressed: only header and trailer change. A browser gets the files of the distribution byte for byte.

#![allow(clippy::expect_used, clippy::panic, reason = "a failed build must stop with a reason")]
#![allow(clippy::print_stdout, reason = "cargo reads the output of a build script")]

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

/// Removes the blanks outside of strings.
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
                other => {
                    panic!("{name} has the compression method {other} in Swagger UI's archive; 0 and 8 are supported")
                }
            };
            super::write(&name, &content);
        }
    }

    /// A file in the archive (<https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT>).
    struct Member {
        method: usize,
        data: &'static [u8],
        /// CRC-32 and size of the file, as in the trailer of gzip.
        trailer: [u8; 8],
    }

    impl Member {
        /// Finds the file of the distribution whose name ends so. Files of the same name are in deeper folders.
        fn find(suffix: &str) -> Self {
            let end = (0..ARCHIVE.len()).rfind(|at| ARCHIVE[*at..].starts_with(b"PK\x05\x06"));
            let end = end.expect("Swagger UI's archive has no end of central directory");
            let (count, mut at) = (number(end + 10, 2), number(end + 16, 4));
            for _ in 0..count {
                assert!(
                    ARCHIVE[at..].starts_with(b"PK\x01\x02"),
                    "Swagger UI's archive has an invalid central directory"
                );
                let [name, extra, comment] = [28, 30, 32].map(|field| number(at + field, 2));
                let full = std::str::from_utf8(&ARCHIVE[at + 46..at + 46 + name]).unwrap_or_default();
                if full.ends_with(suffix) && full.matches('/').count() == 2 {
                    let mut trailer = [0; 8];
                    trailer[..4].copy_from_slice(&ARCHIVE[at + 16..at + 20]);
                    trailer[4..].copy_from_slice(&ARCHIVE[at + 24..at + 28]);
                    return Self {
                        method: number(at + 10, 2),
                        data: data(number(at + 42, 4), number(at + 20, 4)),
                        trailer,
                    };
                }
                at += 46 + name + extra + comment;
            }
            panic!("Swagger UI's archive has no {suffix}");
        }

        /// Adds a gzip header (RFC 1952) without a name or a time, and the trailer.
        fn gzip(&self) -> Vec<u8> {
            [b"\x1f\x8b\x08\0\0\0\0\0\0\xff", self.data, &self.trailer].concat()
        }
    }

    /// Returns the data after the local header, which has a name and extra fields too.
    fn data(header: usize, length: usize) -> &'static [u8] {
        assert!(ARCHIVE[header..].starts_with(b"PK\x03\x04"), "Swagger UI's archive has no member at the given offset");
        let start = header + 30 + number(header + 26, 2) + number(header + 28, 2);
        &ARCHIVE[start..start + length]
    }

    /// Reads a little-endian number.
    fn number(at: usize, bytes: usize) -> usize {
        ARCHIVE[at..at + bytes].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    }
}
