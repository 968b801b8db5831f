//! The files of Swagger UI, which shows the OpenAPI document. build.rs takes them from the distribution.
//!
//! Without the feature `docs` there are none.

use crate::api::routes::Route;

#[derive(Clone, Copy, Debug)]
pub struct File {
    pub content: &'static [u8],
    /// Whether the content is compressed. It is then sent compressed only.
    pub is_gzip: bool,
}

/// Returns the file of a route.
#[cfg(feature = "docs")]
pub fn file(route: Route) -> Option<File> {
    let own = |text: &'static str| File { content: text.as_bytes(), is_gzip: false };
    let file = match route {
        Route::Docs => own(include_str!("swagger_ui/index.html")),
        Route::DocsStart => own(include_str!("swagger_ui/start.js")),
        Route::DocsScript => {
            File { content: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui-bundle.js.gz")), is_gzip: true }
        }
        Route::DocsStyle => {
            File { content: include_bytes!(concat!(env!("OUT_DIR"), "/swagger-ui.css.gz")), is_gzip: true }
        }
        Route::DocsIcon => {
            File { content: include_bytes!(concat!(env!("OUT_DIR"), "/favicon-32x32.png")), is_gzip: false }
        }
        _ => return None,
    };
    Some(file)
}

#[cfg(not(feature = "docs"))]
pub const fn file(_: Route) -> Option<File> {
    None
}
