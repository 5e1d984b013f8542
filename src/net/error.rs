//! Why a request brought no answer.

/// Each message is for the operator; it names hosts, never headers or keys.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// The text is not an address of the web.
    #[error("`{url}` is not a web address: {reason}")]
    Address { url: String, reason: String },
    /// The address, or every address of the name, is one that a request of this kind may not reach.
    #[error("{host} is inside this network or on this machine, where a request of this kind may not go")]
    Forbidden { host: String },
    /// One address led to the next, too often.
    #[error("it was redirected more than {redirects_max} times")]
    Redirects { redirects_max: usize },
    /// The name has no address.
    #[error("the name {host} was not found: {reason}")]
    Name { host: String, reason: String },
    /// No connection could be made.
    #[error("could not connect: {0}")]
    Connect(String),
    /// Nothing was heard within the limit.
    #[error("no answer within the time limit")]
    TimedOut,
    /// The answer was cut off or was not HTTP.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// The answer is larger than was allowed.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
}

impl NetError {
    /// What reqwest reports, told apart by what its reader can do about it.
    pub(super) fn from_request(error: reqwest::Error) -> NetError {
        // A refusal or a failed lookup is raised inside the connector or the redirect policy and comes back wrapped.
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        while let Some(inner) = cause {
            match inner.downcast_ref::<NetError>() {
                Some(NetError::Forbidden { host }) => return NetError::Forbidden { host: host.clone() },
                Some(NetError::Name { host, reason }) => {
                    return NetError::Name { host: host.clone(), reason: reason.clone() };
                }
                _ => cause = inner.source(),
            }
        }
        let reason = innermost(&error);
        if error.is_timeout() {
            NetError::TimedOut
        } else if error.is_connect() {
            NetError::Connect(reason)
        } else {
            NetError::Broken(reason)
        }
    }
}

/// The text of the last cause, which is the one that says something (`Connection refused (os error 111)`).
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
