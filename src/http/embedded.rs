//! The files of `assets/static`, compiled into the program and served under `/static/HASH/`.
//!
//! HASH stands for all of them together, so that modules can import each other by relative paths and everything may be
//! cached for ever. A file asked for under an old hash (a page that was open while the appliance was upgraded) is
//! served as it is now, and not cached.

use std::sync::LazyLock;

use actix_web::http::header::{self, EntityTag, IfNoneMatch};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::http::error::Failure;

#[derive(RustEmbed)]
#[folder = "assets/static"]
struct Assets;

/// Stands for the content of all files together: 16 hexadecimal digits.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = Sha256::new();
    let mut names: Vec<_> = Assets::iter().collect();
    names.sort();
    for name in names {
        if let Some(file) = Assets::get(&name) {
            hasher.update(name.as_bytes());
            hasher.update(file.metadata.sha256_hash());
        }
    }
    hex::encode(&hasher.finalize()[..8])
});

/// The address under which pages name the file `name`.
pub fn url(name: &str) -> String {
    format!("/static/{}/{name}", *HASH)
}

/// `GET /static/{hash}/{name}`.
pub async fn get(
    path: web::Path<(String, String)>,
    known: Option<web::Header<IfNoneMatch>>,
    _request: HttpRequest,
) -> Result<HttpResponse, Failure> {
    let (hash, name) = path.into_inner();
    let file = Assets::get(&name).filter(|_| name != "README").ok_or_else(Failure::not_found)?;
    let tag = EntityTag::new_strong(hex::encode(&file.metadata.sha256_hash()[..16]));
    let caching = if hash == *HASH { "public, max-age=31536000, immutable" } else { "no-cache" };
    if let Some(web::Header(IfNoneMatch::Items(tags))) = known
        && tags.iter().any(|other| other.weak_eq(&tag))
    {
        return Ok(HttpResponse::NotModified()
            .insert_header((header::CACHE_CONTROL, caching))
            .insert_header(header::ETag(tag))
            .finish());
    }
    Ok(HttpResponse::Ok()
        .content_type(mime_guess::from_path(&name).first_or_octet_stream())
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header(header::ETag(tag))
        .body(file.data.into_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// Every script that a script imports, and every file that a template names, is there.
    #[test]
    fn nothing_that_is_named_is_missing() {
        let mut named = BTreeSet::new();
        for name in super::Assets::iter().filter(|name| name.ends_with(".js")) {
            let file = super::Assets::get(&name).expect("listed");
            let text = String::from_utf8(file.data.into_owned()).expect("scripts are UTF-8");
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let path = line.split('"').nth(1).expect("an import names its module in double quotes");
                named.insert(path.trim_start_matches("./").to_owned());
            }
        }
        let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pages");
        for entry in std::fs::read_dir(pages).expect("the templates can be read").flatten() {
            let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
            for part in text.split("page.asset(\"").skip(1) {
                named.insert(part.split('"').next().unwrap_or_default().to_owned());
            }
            for inline in [" style=", " onclick=", "<style", "javascript:"] {
                assert!(!text.contains(inline), "{} has `{inline}`, which the policy forbids", entry.path().display());
            }
        }
        assert!(named.contains("app.js") && named.contains("nosia.css"), "{named:?}");
        for name in named {
            assert!(super::Assets::get(&name).is_some(), "{name} is named and missing");
        }
    }
}
