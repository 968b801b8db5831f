//! Swagger UI, the page that shows the document and tries the calls: its files as they are sent. Owns which there are;
//! build.rs takes those that are not our own out of the distribution. Without the feature `docs` there are none.

use crate::api::routes::Route;

/// One file of the page.
#[derive(Clone, Copy, Debug)]
pub struct File {
    pub content: &'static [u8],
    /// Whether it is sent as it was built in: with gzip, and only so.
    pub is_gzip: bool,
}

/// The file that is sent for a route.
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
