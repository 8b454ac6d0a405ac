//! The variables that count: which are set, which do nothing, and which get in each other's way. Never their values.

use super::report::Check;
use crate::options::Options;
use crate::options::authority::variable;

/// Those of other Azure tools and of MSAL.
const KNOWN: [&str; 11] = [
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_AUTHORITY_HOST",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN",
    "AZURE_FEDERATED_TOKEN_FILE",
    "REGION_NAME",
    "MSAL_FORCE_REGION",
    "MSAL_DISABLE_REGION",
];
/// Those that name a credential, in their order.
const CREDENTIALS: [&str; 3] = [
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_FEDERATED_TOKEN_FILE",
];

pub(super) fn check(options: &Options) -> Check {
    const NAME: &str = "variables";
    let set = |names: &[&'static str]| -> Vec<&'static str> {
        let names = names.iter().copied();
        names.filter(|name| variable(name).is_some()).collect()
    };
    let empty: Vec<_> = KNOWN
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some_and(|value| value.is_empty()))
        .collect();
    let credentials = set(&CREDENTIALS);
    let (used, unused) = match credentials.split_first() {
        Some((first, rest)) if !options.credential.is_by_option() => (Some(*first), rest.to_vec()),
        Some(_) | None => (None, credentials.clone()),
    };
    if let (Some(used), false) = (used, unused.is_empty()) {
        return Check::warning(
            NAME,
            format!(
                "{used} is the credential; {} are not used",
                unused.join(", ")
            ),
            "unset what is not meant, or name the credential by an option",
        );
    }
    if variable("MSAL_DISABLE_REGION").is_some() && options.names_region() {
        return Check::warning(
            NAME,
            "MSAL_DISABLE_REGION is set, so --region does nothing",
            "unset it",
        );
    }
    if !empty.is_empty() {
        return Check::warning(
            NAME,
            format!(
                "{}: set and empty, which counts as not set",
                empty.join(", ")
            ),
            "unset them, or find out who was to fill them",
        );
    }
    let says = match set(&KNOWN).as_slice() {
        [] => "none of those that count is set".to_owned(),
        names => names.join(", "),
    };
    if unused.is_empty() {
        Check::ok(NAME, says)
    } else {
        let unused = unused.join(", ");
        Check::ok(
            NAME,
            format!("{says}; not used, for an option names the credential: {unused}"),
        )
    }
}
