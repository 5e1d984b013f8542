//! Every route on one page: the address, whether anyone may call it, and what answers each method.

use actix_web::http::Method;
use actix_web::{guard, web};

use crate::http::error::Failure;
use crate::http::{embedded, health, nosia, openai, pages};

/// Who may call an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Open {
    /// Anyone.
    ToAll,
    /// Callers with a session or a token.
    ToMembers,
}

/// One address.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub path: &'static str,
    pub open: Open,
    pub methods: &'static [&'static str],
}

/// Declares [`ROUTES`] and [`add`] from one table.
macro_rules! routes {
    ($($open:ident $path:literal { $($method:ident $handler:path),+ $(,)? })*) => {
        /// The table.
        pub const ROUTES: &[Route] =
            &[$(Route { path: $path, open: Open::$open, methods: &[$(stringify!($method)),+] }),*];

        /// Adds every route to a server.
        pub fn add(config: &mut web::ServiceConfig) {
            $(config.service(web::resource($path)$(.route(on(Method::$method).to($handler)))+);)*
            config.default_service(web::to(nowhere));
        }
    };
}

routes! {
    // Pages
    ToMembers "/"                                { GET pages::chat::blank }
    ToMembers "/ask"                             { POST pages::ask::ask }
    ToMembers "/chats/{id}"                      { GET pages::chat::show }
    ToMembers "/chats/{id}/delete"               { POST pages::chat::delete }
    ToMembers "/sources"                         { GET pages::sources::list, POST pages::sources::upload }
    ToMembers "/sources/states"                  { GET pages::sources::states }
    ToMembers "/sources/{id}"                    { GET pages::source::show }
    ToMembers "/sources/{id}/passage"            { GET pages::passage::show }
    ToMembers "/sources/{id}/original"           { GET nosia::sources::original }
    ToMembers "/sources/{id}/stop"               { POST pages::sources::stop }
    ToMembers "/sources/{id}/retry"              { POST pages::sources::retry }
    ToMembers "/sources/{id}/delete"             { GET pages::source::ask_to_delete, POST pages::source::delete }
    ToMembers "/sources/{id}/edit"               { GET pages::written::show, POST pages::written::save }
    ToMembers "/texts"                           { POST pages::written::add_text }
    ToMembers "/qnas"                            { POST pages::written::add_qna }
    ToMembers "/websites"                        { GET pages::websites::list, POST pages::websites::add }
    ToMembers "/websites/states"                 { GET pages::websites::states }
    ToMembers "/websites/{id}"                   { GET pages::website::show }
    ToMembers "/websites/{id}/every"             { POST pages::websites::set_every }
    ToMembers "/websites/{id}/read"              { POST pages::websites::read }
    ToMembers "/websites/{id}/stop"              { POST pages::websites::stop }
    ToMembers "/websites/{id}/delete"            { POST pages::websites::delete }
    ToMembers "/folders"                         { GET pages::folders::list, POST pages::folders::add }
    ToMembers "/folders/states"                  { GET pages::folders::states }
    ToMembers "/folders/{id}"                    { GET pages::folders::show }
    ToMembers "/folders/{id}/read"               { POST pages::folders::read }
    ToMembers "/folders/{id}/delete"             { POST pages::folders::delete }
    ToMembers "/tokens"                          { GET pages::tokens::list, POST pages::tokens::create }
    ToMembers "/tokens/{id}/revoke"              { POST pages::tokens::revoke }
    ToMembers "/settings"                        { GET pages::settings::show, POST pages::settings::save }
    ToMembers "/sign-out"                        { POST pages::sign_in::sign_out }
    ToAll     "/sign-in"                         { GET pages::sign_in::show, POST pages::sign_in::sign_in }
    ToAll     "/setup/{secret}"                  { GET pages::setup::show, POST pages::setup::claim }
    ToAll     "/static/{hash}/{name:.*}"         { GET embedded::get }

    // OpenAI's API
    ToMembers "/v1/chat/completions"             { POST openai::chat::complete }
    ToMembers "/v1/embeddings"                   { POST openai::embeddings::embed }
    ToMembers "/v1/models"                       { GET openai::models::list }
    ToMembers "/v1/models/{id:.*}"               { GET openai::models::get }

    // Nosia's API
    ToMembers "/api/v1/files"                    { POST nosia::sources::upload }
    ToMembers "/api/v1/sources"                  { GET nosia::sources::list }
    ToMembers "/api/v1/sources/counts"           { GET nosia::sources::counts }
    ToMembers "/api/v1/sources/{id}"             { GET nosia::sources::get, DELETE nosia::sources::delete }
    ToMembers "/api/v1/sources/{id}/pages"       { GET nosia::sources::pages }
    ToMembers "/api/v1/sources/{id}/stop"        { POST nosia::sources::stop }
    ToMembers "/api/v1/sources/{id}/retry"       { POST nosia::sources::retry }
    ToMembers "/api/v1/sources/{id}/text"        { GET nosia::sources::text }
    ToMembers "/api/v1/sources/{id}/original"    { GET nosia::sources::original }
    ToMembers "/api/v1/texts"                    { POST nosia::texts::add }
    ToMembers "/api/v1/texts/{id}"               { GET nosia::texts::get, PUT nosia::texts::change }
    ToMembers "/api/v1/qnas"                     { POST nosia::texts::add_qna }
    ToMembers "/api/v1/qnas/{id}"                { GET nosia::texts::get_qna, PUT nosia::texts::change_qna }
    ToMembers "/api/v1/websites"                 { GET nosia::websites::list, POST nosia::websites::add }
    ToMembers "/api/v1/websites/{id}"            { GET nosia::websites::get, PATCH nosia::websites::change, DELETE nosia::websites::delete }
    ToMembers "/api/v1/websites/{id}/pages"      { GET nosia::websites::pages }
    ToMembers "/api/v1/websites/{id}/read"       { POST nosia::websites::read }
    ToMembers "/api/v1/websites/{id}/stop"       { POST nosia::websites::stop }
    ToMembers "/api/v1/folders"                  { GET nosia::folders::list, POST nosia::folders::add }
    ToMembers "/api/v1/folders/{id}"             { GET nosia::folders::get, DELETE nosia::folders::delete }
    ToMembers "/api/v1/folders/{id}/files"       { GET nosia::folders::files }
    ToMembers "/api/v1/folders/{id}/read"        { POST nosia::folders::read }
    ToMembers "/api/v1/search"                   { POST nosia::search::search }
    ToMembers "/api/v1/instructions"             { GET nosia::instructions::get, PUT nosia::instructions::set, DELETE nosia::instructions::unset }
    ToAll     "/api/openapi.json"                { GET nosia::openapi::get }

    // For whoever watches the appliance
    ToAll     "/up"                              { GET health::up }
    ToAll     "/ready"                           { GET health::ready }
    ToAll     "/metrics"                         { GET health::metrics }
}

/// Whether a request that matched `pattern` must come from a member. What matches nothing is nobody's secret.
pub fn is_for_members(pattern: Option<&str>) -> bool {
    let Some(pattern) = pattern else { return false };
    ROUTES.iter().find(|route| route.path == pattern).is_none_or(|route| route.open == Open::ToMembers)
}

/// A route that answers `method`, and HEAD where it answers GET.
fn on(method: Method) -> actix_web::Route {
    match method {
        Method::GET => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
        other => web::method(other),
    }
}

async fn nowhere() -> Result<actix_web::HttpResponse, Failure> {
    Err(Failure::not_found())
}

#[cfg(test)]
mod tests {
    use super::{Open, ROUTES, is_for_members};

    #[test]
    fn only_these_addresses_are_open_to_all() {
        let open: Vec<_> = ROUTES.iter().filter(|route| route.open == Open::ToAll).map(|route| route.path).collect();
        let expected = [
            "/sign-in",
            "/setup/{secret}",
            "/static/{hash}/{name:.*}",
            "/api/openapi.json",
            "/up",
            "/ready",
            "/metrics",
        ];
        assert_eq!(open, expected);
    }

    #[test]
    fn an_address_that_the_table_does_not_know_is_closed() {
        assert!(is_for_members(Some("/sources/{id}")));
        assert!(is_for_members(Some("/not/in/the/table")));
        assert!(!is_for_members(Some("/up")));
        assert!(!is_for_members(None));
    }
}
