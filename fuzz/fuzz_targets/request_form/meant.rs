//! A client and a request out of what a caller writes, whether there is anything to refuse, and what they mean: the form put together
//! a second time.

use std::collections::BTreeMap;

use entra_proto::*;

use crate::fields::{Fields, are_sound, has_control, is_plain, is_tenant, is_uuid};
use crate::support::certificates::{P256, RSA, numbered};
use crate::support::tree::Tree;

const UUID: &str = "33333333-3333-3333-3333-333333333333";

#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Proof {
    Secret,
    StaticAssertion,
    AssertionProvider,
    PairProvider,
    Certificate,
    CertificateOverMtls,
    CertificateProvider,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Grant {
    App,
    OnBehalfOf,
    RefreshToken,
    Code { verifier: bool },
    ObjectId,
    PrincipalName,
}

pub(crate) struct Meant<'a> {
    pub(crate) fields: Fields<'a>,
    pub(crate) proof: Proof,
    pub(crate) pop: bool,
    grant: Grant,
}

impl<'a> Meant<'a> {
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        let [proof, grant, fields @ ..] = data else {
            return None;
        };
        Some(Self {
            fields: Fields::read(fields)?,
            proof: match proof & 7 {
                1 => Proof::StaticAssertion,
                2 => Proof::AssertionProvider,
                3 => Proof::PairProvider,
                4 => Proof::Certificate,
                5 => Proof::CertificateOverMtls,
                6 => Proof::CertificateProvider,
                _ => Proof::Secret,
            },
            pop: grant & 8 == 8,
            grant: match grant & 7 {
                0 => Grant::App,
                1 => Grant::OnBehalfOf,
                2 => Grant::RefreshToken,
                3 => Grant::Code { verifier: false },
                4 => Grant::Code { verifier: true },
                5 => Grant::ObjectId,
                _ => Grant::PrincipalName,
            },
        })
    }

    pub(crate) fn id(&self) -> &'a str {
        self.fields.last(b'n').unwrap_or("app")
    }

    pub(crate) fn tenant(&self) -> &'a str {
        self.fields.last(b't').unwrap_or("contoso.com")
    }

    /// The client secret, or an assertion.
    pub(crate) fn secret(&self) -> String {
        self.fields.secret(b'w')
    }

    fn stands_on(&self) -> String {
        self.fields.secret(b'g')
    }

    fn redirect(&self) -> &'a str {
        let redirect = self.fields.last(b'r');
        redirect.unwrap_or("https://app.example/cb?a=b&c")
    }

    fn user(&self) -> &'a str {
        self.fields.last(b'u').unwrap_or(UUID)
    }

    fn binds(&self) -> bool {
        match self.proof {
            Proof::Secret | Proof::StaticAssertion | Proof::AssertionProvider => false,
            Proof::PairProvider
            | Proof::Certificate
            | Proof::CertificateOverMtls
            | Proof::CertificateProvider => true,
        }
    }

    pub(crate) fn signs(&self) -> bool {
        self.binds() && self.proof != Proof::PairProvider && !self.pop
    }

    pub(crate) fn mtls(&self) -> bool {
        let always = matches!(self.proof, Proof::PairProvider | Proof::CertificateOverMtls);
        always || self.binds() && self.pop
    }

    pub(crate) fn host(&self) -> &'static str {
        if self.mtls() {
            "westus3.mtlsauth.microsoft.com"
        } else {
            "westus3.login.microsoft.com"
        }
    }

    pub(crate) fn path(&self) -> String {
        format!("/{}/oauth2/v2.0/token", self.tenant())
    }

    pub(crate) fn client(&self) -> Result<Client, Error> {
        let secret = Secret::new(self.secret());
        let chain = || numbered(RSA, 1);
        let credential = match self.proof {
            Proof::Secret => Credential::secret(secret),
            Proof::StaticAssertion => Credential::static_assertion(secret),
            Proof::AssertionProvider => Credential::assertion_provider(),
            Proof::PairProvider => Credential::signed_assertion_provider(),
            Proof::Certificate => Credential::certificate(chain()),
            Proof::CertificateOverMtls => Credential::certificate(chain()).send_over_mtls(),
            Proof::CertificateProvider => Credential::certificate_provider(),
        };
        let authority = "https://login.microsoftonline.com/contoso.com";
        Client::builder(self.id(), authority, credential)
            .region(RegionSource::Named("westus3".to_owned()))
            .capabilities(self.fields.all(b'x'))
            .build()
    }

    /// What the assertion's provider returns.
    pub(crate) fn pair(&self) -> ClientAssertion {
        let assertion = Secret::new(self.secret());
        match self.proof {
            Proof::PairProvider => ClientAssertion::bound(assertion, numbered(P256, 1)),
            _ => ClientAssertion::new(assertion),
        }
    }

    pub(crate) fn request(&self) -> TokenRequest {
        let fields = &self.fields;
        let scopes = fields.all(b's');
        let secret = Secret::new(self.stands_on());
        let mut request = match self.grant {
            Grant::App => TokenRequest::for_app(scopes),
            Grant::OnBehalfOf => TokenRequest::on_behalf_of(secret, scopes),
            Grant::RefreshToken => TokenRequest::refreshing(secret, scopes),
            Grant::Code { verifier } => {
                let request = TokenRequest::redeeming(secret, self.redirect(), scopes);
                match verifier {
                    true => request.code_verifier(Secret::new(fields.secret(b'v'))),
                    false => request,
                }
            }
            Grant::ObjectId => {
                let user = User::ObjectId(self.user().to_owned());
                TokenRequest::federated_user(secret, user, scopes)
            }
            Grant::PrincipalName => {
                let user = User::PrincipalName(self.user().to_owned());
                TokenRequest::federated_user(secret, user, scopes)
            }
        };
        type Set<'a> = fn(TokenRequest, &'a str) -> TokenRequest;
        let optional: [(u8, Set<'a>); 7] = [
            (b't', TokenRequest::tenant),
            (b'c', TokenRequest::claims),
            (b'k', TokenRequest::client_claims),
            (b'f', TokenRequest::fmi_path),
            (b'a', TokenRequest::assertion_fmi_path),
            (b'p', TokenRequest::partition),
            (b'i', TokenRequest::correlation_id),
        ];
        for (tag, set) in optional {
            if let Some(text) = fields.last(tag) {
                request = set(request, text);
            }
        }
        for (name, value) in fields.parameters(b'b') {
            request = request.body_parameter(name, value);
        }
        for (name, value) in fields.parameters(b'q') {
            request = request.query_parameter(name, value);
        }
        if self.pop {
            request.proof_of_possession()
        } else {
            request
        }
    }

    /// Whether there is nothing to refuse.
    pub(crate) fn is_sound(&self) -> bool {
        let fields = &self.fields;
        let secret = self.secret();
        let provides = matches!(
            self.proof,
            Proof::StaticAssertion | Proof::AssertionProvider | Proof::PairProvider
        );
        let proof = !provides || secret.bytes().all(|byte| byte.is_ascii_graphic());
        let grant = match self.grant {
            Grant::App => true,
            Grant::OnBehalfOf | Grant::RefreshToken => is_plain(&self.stands_on()),
            Grant::Code { verifier } => {
                is_plain(&self.stands_on())
                    && is_plain(self.redirect())
                    && (!verifier || is_plain(&fields.secret(b'v')))
            }
            Grant::ObjectId => is_plain(&self.stands_on()) && is_uuid(self.user()),
            Grant::PrincipalName => is_plain(&self.stands_on()) && is_plain(self.user()),
        };
        let federated = matches!(self.grant, Grant::ObjectId | Grant::PrincipalName);
        let tenant = self.tenant().to_ascii_lowercase();
        let door = tenant == "common" || tenant == "organizations";
        let texts = [b'f', b'a', b'p'];
        is_plain(self.id())
            && !fields.all(b'x').any(has_control)
            && proof
            && grant
            && texts
                .iter()
                .all(|tag| fields.last(*tag).is_none_or(is_plain))
            && fields.last(b'i').is_none_or(is_uuid)
            && are_sound(&fields.parameters(b'b'))
            && are_sound(&fields.parameters(b'q'))
            && is_tenant(&tenant)
            && (self.binds() || !self.pop)
            && !(self.mtls() && (federated || door))
            && self.scope().is_some()
            && self.claims().is_some()
    }

    /// The scopes as the form has them: each once, as it was written first, and what a user's sign-in brings.
    fn scope(&self) -> Option<String> {
        let default = format!("{}/.default", self.id());
        let items: Vec<&str> = self.fields.all(b's').collect();
        let mut asked: Vec<&str> = items.iter().flat_map(|item| item.split(' ')).collect();
        asked.retain(|scope| !scope.is_empty());
        match self.grant {
            _ if !asked.is_empty() => {}
            Grant::RefreshToken => asked.push(&default),
            Grant::Code { .. } => {}
            Grant::App | Grant::OnBehalfOf | Grant::ObjectId | Grant::PrincipalName => return None,
        }
        if self.grant != Grant::App {
            asked.extend(["openid", "profile", "offline_access"]);
        }
        let mut scopes: Vec<&str> = Vec::new();
        for scope in asked {
            if !scopes.iter().any(|other| other.eq_ignore_ascii_case(scope)) {
                scopes.push(scope);
            }
        }
        let sound = items.into_iter().all(is_plain);
        sound.then(|| scopes.join(" "))
    }

    /// Capabilities, a challenge's claims and the client's own, where the later ones count, if there are any; nothing, if one of
    /// them is refused.
    pub(crate) fn claims(&self) -> Option<Option<Tree>> {
        let object = |name: &str, value| Tree::Object(BTreeMap::from([(name.to_owned(), value)]));
        let values = self.fields.all(b'x');
        let values: Vec<_> = values.map(|name| Tree::Text(name.to_owned())).collect();
        let mut claims = Vec::new();
        if !values.is_empty() {
            let values = object("xms_cc", object("values", Tree::Array(values)));
            claims.push(object("access_token", values));
        }
        for text in [b'c', b'k']
            .into_iter()
            .filter_map(|tag| self.fields.last(tag))
        {
            claims.push(Tree::object(text.as_bytes()).filter(|_| text.len() <= 8 * 1_024)?);
        }
        Some(claims.into_iter().reduce(Tree::merge))
    }

    /// The form but for the claims, which may be written in more than one way, and for an assertion of our own.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let mut form = vec![
            ("client_id", self.id().to_owned()),
            ("scope", self.scope().expect("a sound request")),
        ];
        let mut provided = |kind: &str| {
            let kind = format!("urn:ietf:params:oauth:client-assertion-type:{kind}");
            form.push(("client_assertion_type", kind));
            form.push(("client_assertion", self.secret()));
        };
        match self.proof {
            Proof::Secret => form.push(("client_secret", self.secret())),
            Proof::StaticAssertion | Proof::AssertionProvider => provided("jwt-bearer"),
            Proof::PairProvider => provided("jwt-pop"),
            Proof::Certificate | Proof::CertificateOverMtls | Proof::CertificateProvider => {}
        }
        let kind = match self.grant {
            Grant::App => "client_credentials",
            Grant::OnBehalfOf => {
                form.push(("requested_token_use", "on_behalf_of".to_owned()));
                form.push(("assertion", self.stands_on()));
                "urn:ietf:params:oauth:grant-type:jwt-bearer"
            }
            Grant::RefreshToken => {
                form.push(("refresh_token", self.stands_on()));
                "refresh_token"
            }
            Grant::Code { verifier } => {
                form.push(("code", self.stands_on()));
                form.push(("redirect_uri", self.redirect().to_owned()));
                if verifier {
                    form.push(("code_verifier", self.fields.secret(b'v')));
                }
                "authorization_code"
            }
            Grant::ObjectId | Grant::PrincipalName => {
                let by_id = self.grant == Grant::ObjectId;
                let name = if by_id { "user_id" } else { "username" };
                form.push((name, self.user().to_owned()));
                form.push(("user_federated_identity_credential", self.stands_on()));
                "user_fic"
            }
        };
        form.push(("grant_type", kind.to_owned()));
        if !matches!(self.grant, Grant::App | Grant::OnBehalfOf) {
            form.push(("client_info", "1".to_owned()));
        }
        if self.pop {
            form.push(("token_type", "mtls_pop".to_owned()));
        }
        if let Some(path) = self.fields.last(b'f') {
            form.push(("fmi_path", path.to_owned()));
        }
        let form = form
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        form.chain(self.fields.parameters(b'b')).collect()
    }
}
