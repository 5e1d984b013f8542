//! Who is calling, known before a body is read.
//!
//! A bearer token or the session's cookie becomes a [`Caller`] in the request's extensions; an address for members is
//! closed to anyone else here, so that a stranger's upload is refused at its first byte. A cookie travels with every
//! request that a browser is talked into, so whatever changes something with one must also come from our own pages
//! (`Sec-Fetch-Site`, or else `Origin`) and carry the session's form token.

use std::net::IpAddr;
use std::rc::Rc;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{self, ServiceRequest, ServiceResponse};
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::{FromRequest, HttpMessage, HttpRequest, HttpResponse, web};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::app::error::Kind;
use crate::app::principal::Principal;
use crate::app::sign_in;
use crate::http::body::Form;
use crate::http::error::{Face, Failure};
use crate::http::{Site, body, routes};
use crate::limits;

/// The cookie's name on https: the prefix binds it to this host, to https and to the whole site.
const COOKIE_SECURE: &str = "__Host-nosia";
/// Its name on http, which is spoken on loopback only.
const COOKIE_PLAIN: &str = "nosia";

/// A caller that has been recognised.
#[derive(Clone)]
pub struct Caller(Rc<Known>);

struct Known {
    principal: Principal,
    /// The cookie's value, for callers that came with one.
    session: Option<String>,
}

impl Caller {
    /// Whom the use cases are told.
    pub fn principal(&self) -> &Principal {
        &self.0.principal
    }

    /// The session's secret; `None` for a bearer token.
    pub fn session(&self) -> Option<&str> {
        self.0.session.as_deref()
    }

    /// What a form of this caller must carry. It is derived from the session's secret, which no other site can know.
    pub fn form_token(&self) -> String {
        self.session().map(form_token).unwrap_or_default()
    }
}

impl FromRequest for Caller {
    type Error = Failure;
    type Future = std::future::Ready<Result<Caller, Failure>>;

    fn from_request(request: &HttpRequest, _: &mut dev::Payload) -> Self::Future {
        std::future::ready(request.extensions().get::<Caller>().cloned().ok_or_else(unknown_caller))
    }
}

/// Middleware around every route.
pub async fn gate(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    match admit(&mut request).await {
        Ok(()) => Ok(next.call(request).await?.map_into_boxed_body()),
        Err(failure) if wants_sign_in(&request, &failure) => {
            let next = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
            let response =
                HttpResponse::SeeOther().insert_header((header::LOCATION, format!("/sign-in?{query}"))).finish();
            Ok(request.into_response(response))
        }
        Err(failure) => {
            body::discard(request.take_payload(), limits::DISCARDED_BYTES_MAX).await;
            Ok(request.error_response(failure))
        }
    }
}

/// A page that only needs a sign-in leads there instead of showing an error.
fn wants_sign_in(request: &ServiceRequest, failure: &Failure) -> bool {
    failure.kind == Kind::Unauthenticated && Face::of(request) == Face::Page && request.method() == Method::GET
}

async fn admit(request: &mut ServiceRequest) -> Result<(), Failure> {
    let site = request.app_data::<web::Data<Site>>().expect("every server is given its site").clone();
    let caller = recognise(&site, request).await?;
    let by_token = bearer(request).is_some();
    let for_members = routes::is_for_members(request.match_pattern().as_deref());
    if for_members && caller.is_none() {
        return Err(unknown_caller());
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !by_token {
        must_come_from_here(&site, request)?;
        let form = read_form(request).await?;
        if let Some(caller) = caller.as_ref().filter(|_| for_members) {
            must_carry_token(request, &form, caller)?;
        }
        request.extensions_mut().insert(form);
    }
    if let Some(caller) = caller {
        request.extensions_mut().insert(caller);
    }
    Ok(())
}

/// The caller behind the token or the cookie, if it is good. A bad token is an error, a bad cookie is nobody.
async fn recognise(site: &Site, request: &ServiceRequest) -> Result<Option<Caller>, Failure> {
    if let Some(token) = bearer(request) {
        let principal = sign_in::by_token(&site.app, &token).await?.ok_or_else(|| {
            Failure::new(
                Kind::Unauthenticated,
                "This API token is not known here: it may have been revoked or have expired.",
            )
        })?;
        return Ok(Some(Caller(Rc::new(Known { principal, session: None }))));
    }
    let Some(cookie) = request.cookie(cookie_name(is_secure(site, request.request()))) else { return Ok(None) };
    let Some(principal) = sign_in::by_session(&site.app, cookie.value()).await? else { return Ok(None) };
    Ok(Some(Caller(Rc::new(Known { principal, session: Some(cookie.value().to_owned()) }))))
}

fn unknown_caller() -> Failure {
    Failure::new(
        Kind::Unauthenticated,
        "Sign in, or send an API token as `Authorization: Bearer nsk_...`. Tokens are made on the page \"API tokens\".",
    )
}

/// The token of `Authorization: Bearer`.
fn bearer(request: &ServiceRequest) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Refuses what a browser sends on behalf of another site. Programs that are no browsers send neither header.
fn must_come_from_here(site: &Site, request: &ServiceRequest) -> Result<(), Failure> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let ours = match (header("sec-fetch-site"), header("origin")) {
        (Some(from), _) => matches!(from, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = header("host").or_else(|| request.uri().authority().map(|authority| authority.as_str()));
            let named = origin.split_once("://").map(|(_, host)| host);
            (named.is_some() && named == host) || site.public_url.as_deref() == Some(origin)
        }
        (None, None) => true,
    };
    if ours {
        Ok(())
    } else {
        Err(Failure::new(Kind::Forbidden, "This request came from another site and was refused."))
    }
}

/// The fields of a form, taken from the body. Any other body stays where it is; then the query stands for the form.
async fn read_form(request: &mut ServiceRequest) -> Result<Form, Failure> {
    let is_form = request.content_type().eq_ignore_ascii_case("application/x-www-form-urlencoded");
    if !is_form {
        return Ok(Form::parse(request.query_string().as_bytes()));
    }
    let payload = request.take_payload();
    let body = body::bytes(request.request(), payload).await?;
    Ok(Form::parse(&body))
}

/// A session's request that changes something carries the form token: in a header from scripts, in a field from forms,
/// in the query from a form that holds files, whose body is read later.
fn must_carry_token(request: &ServiceRequest, form: &Form, caller: &Caller) -> Result<(), Failure> {
    let sent = request.headers().get("x-form-token").and_then(|value| value.to_str().ok());
    let sent = sent.unwrap_or_else(|| form.get("form_token"));
    let expected = caller.form_token();
    if bool::from(sent.as_bytes().ct_eq(expected.as_bytes())) {
        return Ok(());
    }
    Err(Failure::new(Kind::Forbidden, "This form is from an earlier session. Go back, reload the page, and try again."))
}

fn form_token(session: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(b"nosia form token\0");
    hasher.update(session.as_bytes());
    hex::encode(&hasher.finalize()[..16])
}

/// Whether the reader's browser speaks https, with us or with the proxy in front of us.
fn is_secure(site: &Site, request: &HttpRequest) -> bool {
    request.app_config().secure()
        || (came_by_proxy(site, request) && site.public_url.as_deref().is_some_and(|url| url.starts_with("https:")))
}

/// A proxy on this machine answers to the public address.
fn came_by_proxy(site: &Site, request: &HttpRequest) -> bool {
    site.public_url.is_some()
        && request.peer_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback())
        && request.headers().contains_key("x-forwarded-for")
}

/// The address that the reader's browser knows this server by, without a slash at its end.
pub fn base_url(site: &Site, request: &HttpRequest) -> String {
    match &site.public_url {
        Some(url) => url.trim_end_matches('/').to_owned(),
        None => {
            let scheme = if is_secure(site, request) { "https" } else { "http" };
            format!("{scheme}://{}", request.connection_info().host())
        }
    }
}

fn cookie_name(secure: bool) -> &'static str {
    if secure { COOKIE_SECURE } else { COOKIE_PLAIN }
}

/// The cookie that carries a session's secret.
pub fn cookie(site: &Site, request: &HttpRequest, secret: &str) -> Cookie<'static> {
    let secure = is_secure(site, request);
    Cookie::build(cookie_name(secure), secret.to_owned())
        .path("/")
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Lax)
        .max_age(Duration::seconds(limits::SESSION_SECONDS_MAX))
        .finish()
}

/// The cookie that ends it.
pub fn no_cookie(site: &Site, request: &HttpRequest) -> Cookie<'static> {
    let mut gone = cookie(site, request, "");
    gone.set_max_age(Duration::ZERO);
    gone
}

/// Where a request came from: the peer, or what a proxy on this machine says, if one is expected.
pub fn address(site: &Site, request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip().to_canonical());
    if !came_by_proxy(site, request) {
        return peer;
    }
    let forwarded = request.headers().get("x-forwarded-for").and_then(|value| value.to_str().ok());
    forwarded.and_then(|list| list.rsplit(',').next()?.trim().parse().ok()).unwrap_or(peer)
}

#[cfg(test)]
mod tests {
    use super::form_token;

    #[test]
    fn a_form_token_belongs_to_one_session_and_does_not_show_it() {
        let (one, other) = (form_token("ns_one"), form_token("ns_other"));
        assert_eq!(one, form_token("ns_one"));
        assert_ne!(one, other);
        assert!(!one.contains("ns_"));
        assert_eq!(one.len(), 32);
    }
}
