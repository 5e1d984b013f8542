//! The first minutes: the one-time link makes the administrator, once; nobody else gets in.

use reqwest::StatusCode;

use crate::appliance::{Appliance, EMAIL, PASSWORD, claim, folder, has_model, location, run};

#[tokio::test]
async fn nothing_is_open_before_or_beside_the_link() {
    if !has_model("first_run") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let link = appliance.link.clone().expect("a new appliance prints its link");
    for path in ["/", "/sources", "/tokens"] {
        let response = appliance.client.get(format!("{}{path}", appliance.base)).send().await.expect("an answer");
        assert_eq!(response.status(), StatusCode::SEE_OTHER, "{path}");
        assert!(location(&response).starts_with("/sign-in?next=%2F"), "{path}");
    }
    for path in ["/v1/models", "/api/v1/sources", "/api/v1/sources/1"] {
        let response = appliance.get("nsk_guess", path).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    let guess = appliance.client.get(format!("{}/setup/setup_guess", appliance.base)).send().await.expect("an answer");
    assert_eq!(guess.status(), StatusCode::NOT_FOUND);
    let good = appliance.client.get(format!("{}{link}", appliance.base)).send().await.expect("an answer");
    assert_eq!(good.status(), StatusCode::OK);

    claim(data.path());
    let used = appliance.client.get(format!("{}{link}", appliance.base)).send().await.expect("an answer");
    assert_eq!(used.status(), StatusCode::NOT_FOUND, "the link ends when there is an administrator");
    let again = run(data.path(), &["setup-link"]);
    assert_eq!(again.status.code(), Some(1), "no second administrator by a link");
    assert_eq!(appliance.stop(), Some(0));

    let restarted = Appliance::start(data.path());
    assert_eq!(restarted.link, None, "no link is printed once there is an administrator");
}

#[tokio::test]
async fn tokens_end_when_revoked_and_secrets_are_in_no_file() {
    if !has_model("first_run") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start(data.path());
    let token = appliance.token(data.path());
    assert_eq!(appliance.get(&token, "/v1/models").await.status(), StatusCode::OK);
    assert_eq!(appliance.stop(), Some(0));
    for entry in std::fs::read_dir(data.path()).expect("the data folder").flatten() {
        if let Ok(bytes) = std::fs::read(entry.path()) {
            for secret in [token.as_bytes(), PASSWORD.as_bytes()] {
                let found = bytes.windows(secret.len()).any(|window| window == secret);
                assert!(!found, "a secret lies in plain text in {}", entry.path().display());
            }
        }
    }
}

/// Whoever trusts the certificate that was made is talked to in private, and told by cookies that only travel so.
#[tokio::test]
async fn https_is_spoken_with_a_certificate_for_this_machine() {
    if !has_model("first_run") {
        return;
    }
    let data = folder();
    let appliance = Appliance::start_with(data.path(), &[("NOSIA_TLS", "self-signed")]);
    assert!(appliance.base.starts_with("https://127.0.0.1:"), "{}", appliance.base);
    assert!(appliance.client.get(&appliance.base).send().await.is_err(), "a stranger's certificate is not trusted");
    let pem = std::fs::read(data.path().join("tls/certificate.pem")).expect("it was made");
    let certificate = reqwest::Certificate::from_pem(&pem).expect("a certificate");
    let trusting = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    let trusting = trusting.tls_certs_only([certificate]).build().expect("a client");
    claim(data.path());
    let form = format!("email={}&password={}", EMAIL.replace('@', "%40"), PASSWORD.replace(' ', "+"));
    let request = trusting.post(format!("{}/sign-in", appliance.base)).header("Origin", &appliance.base).body(form);
    let signed_in =
        request.header("Content-Type", "application/x-www-form-urlencoded").send().await.expect("an answer");
    assert_eq!(signed_in.status(), StatusCode::SEE_OTHER);
    let cookies = signed_in.headers().get_all("set-cookie");
    let cookies: Vec<_> = cookies.iter().filter_map(|value| value.to_str().ok()).collect();
    assert!(!cookies.is_empty());
    for cookie in cookies {
        assert!(
            cookie.contains("Secure") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"),
            "{cookie}"
        );
    }
    let by_name = appliance.base.replace("127.0.0.1", "localhost");
    let ready = trusting.get(format!("{by_name}/up")).send().await.expect("the certificate names localhost too");
    assert_eq!(ready.status(), StatusCode::OK);
}
