//! `GET /api/openapi.json`: the description of `/v1` and `/api/v1` for programs. It is a file; a test holds it to the
//! routes.

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

/// The description.
const OPENAPI: &str = include_str!("openapi.json");

/// The description, as it is.
pub async fn get() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(OPENAPI)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use crate::http::routes::ROUTES;

    #[test]
    fn the_description_is_true_to_the_routes() {
        let described: Value = serde_json::from_str(super::OPENAPI).expect("it is JSON");
        let mut paths = BTreeSet::new();
        for (path, item) in described["paths"].as_object().expect("an object") {
            for method in item.as_object().expect("an object").keys().filter(|key| *key != "parameters") {
                paths.insert((path.clone(), method.to_uppercase()));
            }
        }
        let mut routes = BTreeSet::new();
        for route in ROUTES.iter().filter(|route| route.path.starts_with("/v1/") || route.path.starts_with("/api/v1/"))
        {
            for method in route.methods {
                routes.insert((route.path.replace(":.*}", "}"), (*method).to_owned()));
            }
        }
        assert_eq!(paths, routes);
    }

    /// Every `$ref` leads somewhere.
    #[test]
    fn every_reference_is_defined() {
        let described: Value = serde_json::from_str(super::OPENAPI).expect("it is JSON");
        let mut references = Vec::new();
        collect(&described, &mut references);
        assert!(!references.is_empty());
        for reference in references {
            let pointer = reference.trim_start_matches('#');
            assert!(described.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                references.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| collect(value, references));
            }
            Value::Array(list) => list.iter().for_each(|value| collect(value, references)),
            _ => {}
        }
    }
}
