//! `POST /v1/embeddings`: the vectors that the appliance searches with, as numbers or as base64 of little-endian f32.

use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::app::embed::{self, Embedded};
use crate::http::body::{self, Fields};
use crate::http::error::Failure;
use crate::http::gate::Caller;
use crate::http::{Site, openai};
use crate::limits;

/// Embeds one text or several.
pub async fn embed(
    site: web::Data<Site>,
    caller: Caller,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, Failure> {
    let fields = body::json(&request, payload).await?;
    openai::must_know(&site.app, caller.principal(), fields.text("model")?, "embedding")?;
    let texts = input(&fields)?;
    let as_base64 = match fields.text_if_any("encoding_format")? {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(fields.wrong("encoding_format", "`float` or `base64`")),
    };
    let wanted = fields.whole("dimensions", 1..=limits::EMBED_DIMENSIONS_MAX as i64)?;
    let embedded = embed::embed(&site.app, caller.principal(), texts).await?;
    let dimensions = embedded.vectors.first().map_or(0, Vec::len);
    if wanted.is_some_and(|wanted| wanted != dimensions as i64) {
        return Err(fields.wrong("dimensions", &format!("{dimensions}, which this model has, or be left out")));
    }
    Ok(HttpResponse::Ok().json(shape(&embedded, as_base64)))
}

/// `input` as a list of texts.
fn input(fields: &Fields) -> Result<Vec<String>, Failure> {
    let expected = "a string or a list of strings (lists of token numbers are not read)";
    match fields.get("input") {
        Some(Value::String(text)) => Ok(vec![text.clone()]),
        Some(Value::Array(list)) => list
            .iter()
            .map(|text| text.as_str().map(str::to_owned).ok_or_else(|| fields.wrong("input", expected)))
            .collect(),
        _ => Err(fields.wrong("input", expected)),
    }
}

fn shape(embedded: &Embedded, as_base64: bool) -> Value {
    let rows = embedded.vectors.iter().enumerate().map(|(index, vector)| {
        let written = match as_base64 {
            true => json!(in_base64(vector)),
            false => json!(vector),
        };
        json!({ "object": "embedding", "index": index, "embedding": written })
    });
    json!({
        "object": "list",
        "data": rows.collect::<Vec<_>>(),
        "model": embedded.model,
        "usage": { "prompt_tokens": embedded.tokens, "total_tokens": embedded.tokens },
    })
}

fn in_base64(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::{in_base64, input};
    use crate::http::body::Fields;

    #[test]
    fn an_input_is_a_text_or_texts() {
        let cases = [
            (r#"{"input": "a"}"#, Some(1)),
            (r#"{"input": ["a", "b"]}"#, Some(2)),
            (r#"{"input": []}"#, Some(0)),
            (r#"{"input": [1, 2]}"#, None),
            (r#"{"input": [["a"]]}"#, None),
            (r#"{"input": 1}"#, None),
            ("{}", None),
        ];
        for (body, count) in cases {
            let fields = Fields::parse(body.as_bytes()).expect("an object");
            assert_eq!(input(&fields).ok().map(|texts| texts.len()), count, "{body}");
        }
    }

    #[test]
    fn base64_holds_little_endian_f32() {
        assert_eq!(in_base64(&[1.0, -2.0]), "AACAPwAAAMA=");
    }
}
