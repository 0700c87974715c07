//! The embedded stylesheet, module and icon, served under names that carry their content's hash.

use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::pages::layout::AssetUrls;

struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
}

const ASSETS: [Asset; 3] = [
    Asset {
        name: "shopwright.css",
        content_type: "text/css; charset=utf-8",
        content: include_str!("../assets/shopwright.css"),
    },
    Asset {
        name: "shopwright.js",
        content_type: "text/javascript; charset=utf-8",
        content: include_str!("../assets/shopwright.js"),
    },
    Asset {
        name: "favicon.svg",
        content_type: "image/svg+xml",
        content: include_str!("../assets/favicon.svg"),
    },
];

fn hash(content: &str) -> String {
    let digest = Sha256::digest(content.as_bytes());
    let number = digest.iter().take(6).fold(0u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{number:012x}")
}

/// The addresses pages refer to.
pub fn urls() -> AssetUrls {
    let url = |asset: &Asset| format!("/assets/{}?v={}", asset.name, hash(asset.content));
    AssetUrls { css: url(&ASSETS[0]), js: url(&ASSETS[1]), favicon: url(&ASSETS[2]) }
}

/// One asset. The address changes with the content, so that it may be kept for a year.
pub async fn asset(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|asset| asset.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = asset.content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    response
}
